"""Registration of two kinds of extractors, the Inception network of 2015 and DINOv2, and of the metrics that read them.

`fid`, `kid`, `prc` (precision and recall) and `isc` read Inception; torch-fidelity defines them. `fid-pytorch` is the
FID of pytorch-fid. `intra-fid` and `classifier-accuracy` read Inception and the labels of both sides. `fd-dinov2` and
`kid-dinov2` read DINOv2's small network; with a final letter, as in `fd-dinov2-l`, the base or the large network.
"""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import ExtractorEntry, MetricEntry, hookimpl

DINOV2 = "Oquab et al. 2023, DINOv2: Learning Robust Visual Features without Supervision, arXiv:2304.07193"
STEIN = "Stein et al. 2023, Exposing Flaws of Generative Model Evaluation Metrics, arXiv:2306.04675"
TILED = "tiled to three channels"
SIZES = {"": ("Small", "ViT-S/14", 384), "-b": ("Base", "ViT-B/14", 768), "-l": ("Large", "ViT-L/14", 1024)}


@hookimpl
def register_extractors(register: Callable[[ExtractorEntry], None]) -> None:
    register(
        ExtractorEntry(
            name="inception",
            summary="The Inception network of 2015-12-05, from torch-fidelity's weights or the extra ganzoo[offline]",
            paper="Szegedy et al. 2016, Rethinking the Inception Architecture for Computer Vision, arXiv:1512.00567",
            target="ganzoo_fidelity.extractor:InceptionExtractor",
            features={"2048": 2048, "logits_unbiased": 1008},
            logits="logits_unbiased",
            grey=TILED,
            title="Inception",
            default=True,
        )
    )
    register(
        ExtractorEntry(
            name="inception-pytorch",
            summary="The same network on images that PyTorch resized, as pytorch-fid reads them",
            paper="Seitzer 2020, pytorch-fid, https://github.com/mseitzer/pytorch-fid",
            target="ganzoo_fidelity.pytorch_fid:PytorchInceptionExtractor",
            features={"2048": 2048},
            grey=TILED,
            title="Inception",
        )
    )
    for end, (size, network, width) in SIZES.items():
        register(
            ExtractorEntry(
                name=f"dinov2{end}",
                summary=f"DINOv2's {network} of 2023, by timm from the Hugging Face hub or a file",
                paper=DINOV2,
                target=f"ganzoo_fidelity.dinov2:Dinov2{size}",
                features={"class-token": width},
                grey=TILED,
                title=f"DINOv2 {network}",
            )
        )


@hookimpl
def register_metrics(register: Callable[[MetricEntry], None]) -> None:
    register(
        MetricEntry(
            name="fid",
            summary="Fréchet distance of two Gaussians fitted to the Inception features",
            paper="Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, arXiv:1706.08500",
            target="ganzoo_fidelity.metrics:FID",
            extractor="inception",
            features="2048",
            reads="statistics",
            default=True,
        )
    )
    register(
        MetricEntry(
            name="fid-pytorch",
            summary="The FID as pytorch-fid computes it: of images that PyTorch resized",
            paper="Seitzer 2020, pytorch-fid, https://github.com/mseitzer/pytorch-fid",
            target="ganzoo_fidelity.pytorch_fid:PytorchFID",
            extractor="inception-pytorch",
            features="2048",
            reads="statistics",
        )
    )
    register(
        MetricEntry(
            name="kid",
            summary="Squared MMD of the Inception features, cubic kernel, 100 subsets of up to 1,000 images",
            paper="Bińkowski et al. 2018, Demystifying MMD GANs, arXiv:1801.01401",
            target="ganzoo_fidelity.metrics:KID",
            extractor="inception",
            features="2048",
            primary="kid_mean",
        )
    )
    register(
        MetricEntry(
            name="prc",
            summary="Precision and recall on the Inception features (torch-fidelity's default is VGG16), 3 neighbours",
            paper="Kynkäänniemi et al. 2019, Improved Precision and Recall Metric, arXiv:1904.06991",
            target="ganzoo_fidelity.metrics:PrecisionRecall",
            extractor="inception",
            features="2048",
            primary="precision",
            lower_is_better=False,
        )
    )
    register(
        MetricEntry(
            name="isc",
            summary="Inception Score of the generated images alone, 10 splits; needs the network's class logits",
            paper="Salimans et al. 2016, Improved Techniques for Training GANs, arXiv:1606.03498",
            target="ganzoo_fidelity.metrics:InceptionScore",
            extractor="inception",
            features="logits_unbiased",
            primary="isc_mean",
            lower_is_better=False,
        )
    )
    register(
        MetricEntry(
            name="intra-fid",
            summary="Mean of the FIDs within each class, for class-conditional generators",
            paper="Miyato and Koyama 2018, cGANs with Projection Discriminator, arXiv:1802.05637, sec. 4",
            target="ganzoo_fidelity.by_class:IntraFID",
            extractor="inception",
            features="2048",
            reads_labels=True,
            primary="intra_fid",
        )
    )
    register(
        MetricEntry(
            name="classifier-accuracy",
            summary="Share of generated images that logistic regression on real Inception features puts into the class "
            "asked for, every fifth real image held out",
            paper="Shmelkov et al. 2018, How Good Is My GAN?, arXiv:1807.09499, there GAN-test",
            target="ganzoo_fidelity.by_class:ClassifierAccuracy",
            extractor="inception",
            features="2048",
            reads_labels=True,
            primary="classifier_accuracy",
            lower_is_better=False,
        )
    )
    for end, (size, network, _) in SIZES.items():
        register(
            MetricEntry(
                name=f"fd-dinov2{end}",
                summary=f"Fréchet distance of two Gaussians fitted to the features of DINOv2's {network}",
                paper=STEIN,
                target=f"ganzoo_fidelity.dinov2_metrics:FD{size}",
                extractor=f"dinov2{end}",
                features="class-token",
                reads="statistics",
            )
        )
        register(
            MetricEntry(
                name=f"kid-dinov2{end}",
                summary=f"Squared MMD of the features of DINOv2's {network}, the kernel and subsets of `kid`",
                paper=STEIN,
                target=f"ganzoo_fidelity.dinov2_metrics:KID{size}",
                extractor=f"dinov2{end}",
                features="class-token",
                primary=f"kid_dinov2{end.replace('-', '_')}_mean",
            )
        )
