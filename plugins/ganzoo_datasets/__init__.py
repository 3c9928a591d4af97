"""Registration of the data sets: the embedded one, torchvision's, and images in directories, zips and shards."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import DatasetEntry, ImageSpec, hookimpl

GARMENTS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
DIGITS = tuple("0123456789")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
XIAO = "Xiao, Rasul, Vollgraf 2017, Fashion-MNIST, arXiv:1708.07747"
# Both sets have these 10,000 images: fashion-10k as its training set, fashion-mnist as its test set.
STATISTICS = "ganzoo_fidelity:statistics/fashion-10k.npz"
GREY28 = ImageSpec(channels=1, size=28, classes=10)


@hookimpl
def register_datasets(register: Callable[[DatasetEntry], None]) -> None:
    register(
        DatasetEntry(
            name="fashion-10k",
            summary="The 10,000 test images of Fashion-MNIST, part of the package: nothing to download",
            paper=XIAO,
            target="ganzoo_datasets.embedded:Fashion10k",
            image=GREY28,
            class_names=GARMENTS,
            reference="train",
            splits=("train",),
            demonstration=True,
            default=True,
            licence="MIT",
            # With 1,000 fakes, a demonstration is scored in about a minute on two cores.
            defaults={"metrics.fakes": 1000},
            statistics=STATISTICS,
        )
    )
    register(
        DatasetEntry(
            name="fashion-mnist",
            summary="60,000 images of garments in ten classes, 28x28, grey",
            paper=XIAO,
            target="ganzoo_datasets.downloaded:FashionMNIST",
            image=GREY28,
            class_names=GARMENTS,
            reference="test",
            licence="MIT",
            statistics=STATISTICS,
        )
    )
    register(
        DatasetEntry(
            name="mnist",
            summary="60,000 handwritten digits, 28x28, grey",
            paper="LeCun et al. 1998, Gradient-based learning applied to document recognition",
            target="ganzoo_datasets.downloaded:MNIST",
            image=GREY28,
            class_names=DIGITS,
            reference="test",
            licence="CC BY-SA 3.0",
        )
    )
    register(
        DatasetEntry(
            name="cifar10",
            summary="50,000 colour photographs in ten classes, 32x32",
            paper="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
            target="ganzoo_datasets.downloaded:CIFAR10",
            image=ImageSpec(channels=3, size=32, classes=10),
            class_names=CIFAR10,
            licence="not stated by its authors; for research",
            defaults={"data.mirror": True},
        )
    )
    register(
        DatasetEntry(
            name="folder",
            summary="Any tree of image files; labels from a dataset.json, or a class for each directory",
            target="ganzoo_datasets.folder:Folder",
            takes_location=True,
            opens=("/",),
            label_sources=("folders", "json"),
            splits=("train",),
        )
    )
    register(
        DatasetEntry(
            name="zip",
            summary="The StyleGAN data-set format: images and dataset.json in a zip",
            paper="Karras et al. 2020, Training GANs with Limited Data, arXiv:2006.06676 (its data-set tool)",
            target="ganzoo_datasets.zips:Zip",
            takes_location=True,
            opens=(".zip",),
            label_sources=("folders", "json"),
            splits=("train",),
        )
    )
    register(
        DatasetEntry(
            name="webdataset",
            summary="Images in WebDataset shards: webdataset:PATH or URL, with {000..012} for a range of tar files",
            target="ganzoo_datasets.shards:Shards",
            takes_location=True,
            opens=(".tar",),
            splits=("train",),
        )
    )
    register(
        DatasetEntry(
            name="webdataset-streamed",
            summary="The same, decoded on the fly and never stored: for sets larger than the disk",
            target="ganzoo_datasets.streamed:StreamedShards",
            takes_location=True,
            splits=("train",),
        )
    )
