"""Compute the FID of two directories of images with one tool. Print the value and the seconds as one line of JSON.

    PYTHON peer_scores.py TOOL A B --network STATE.pth [--torchscript FILE] [--batch 50] [--workers 2]

PYTHON is an interpreter that has the tool; ganzoo need not be installed there. peer_scoring.py runs this file. Every
tool loads the weights of the same network from STATE.pth, a state dict in torch-fidelity's format, instead of
downloading them. clean-fid's network is a TorchScript file, so it loads FILE. ``seconds`` is the time from the call of
the tool to its value, without imports; ``distance`` is the part of it that the Fréchet distance takes.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

Measured = tuple[Callable[[], float], list[tuple[Any, str]]]  # the call, and the functions that compute the distance


def pytorch_fid(given: argparse.Namespace) -> Measured:
    """Prepare pytorch-fid's ``calculate_fid_given_paths``, which its command calls."""
    import torch

    from pytorch_fid import fid_score, inception

    def local(*_: Any, **__: Any) -> dict[str, Any]:
        state = torch.load(given.network, map_location="cpu", weights_only=True)
        return {**state, "fc.bias": torch.zeros(1008)}  # the bias of the class scores, which pytorch-fid does not use

    inception.load_state_dict_from_url = local

    def call() -> float:
        sides = [given.a, given.b]
        return fid_score.calculate_fid_given_paths(sides, given.batch, device(), 2048, given.workers)

    return call, [(fid_score, "calculate_frechet_distance")]


def clean_fid(given: argparse.Namespace) -> Measured:
    """Prepare clean-fid's ``compute_fid`` in its default mode, ``clean``.

    Without a TorchScript file, clean-fid downloads its own network.
    """
    import torch
    from cleanfid import features, fid

    class Local(features.InceptionV3W):  # type: ignore[misc]
        def __init__(self, *_: Any, resize_inside: bool, **__: Any) -> None:
            torch.nn.Module.__init__(self)
            found = torch.jit.load(given.torchscript).eval()
            self.base = getattr(found, "net", found)  # in the file of ganzoo[offline] the network is wrapped once
            self.layers, self.resize_inside = self.base.layers, resize_inside

    if given.torchscript:
        features.InceptionV3W = Local
    sizes = {"batch_size": given.batch, "num_workers": given.workers}
    return lambda: fid.compute_fid(given.a, given.b, device=device(), verbose=False, **sizes), [
        (fid, "frechet_distance")
    ]


def torchmetrics(given: argparse.Namespace, antialias: bool = True) -> Measured:
    """Prepare torchmetrics' ``FrechetInceptionDistance`` with a DataLoader that opens the files."""
    from torch.utils.data import DataLoader
    from torchmetrics.image.fid import FrechetInceptionDistance

    def call() -> float:
        metric = FrechetInceptionDistance(feature_extractor_weights_path=given.network, antialias=antialias)
        metric = metric.to(device())
        for directory, real in ((given.a, False), (given.b, True)):
            for images in DataLoader(Files(directory), given.batch, num_workers=given.workers):
                metric.update(images.to(device()), real=real)
        return metric.compute().item()

    return call, [(FrechetInceptionDistance, "compute")]


def torchmetrics_plain(given: argparse.Namespace) -> Measured:
    """Prepare the same with ``antialias=False``, which resizes as TensorFlow 1.x did."""
    return torchmetrics(given, antialias=False)


def torch_fidelity(given: argparse.Namespace) -> Measured:
    """Prepare torch-fidelity's ``calculate_metrics``, which chooses its number of workers itself."""
    import torch_fidelity
    from torch_fidelity import metrics

    def call() -> float:
        found = torch_fidelity.calculate_metrics(
            input1=given.a, input2=given.b, fid=True, feature_extractor_weights_path=given.network,
            batch_size=given.batch, cuda=device().type == "cuda", cache=False, verbose=False,
        )  # fmt: skip
        return found["frechet_inception_distance"]

    return call, [(metrics, "fid_statistics_to_metric")]


def ganzoo_fid(given: argparse.Namespace, metric: str = "fid", value: str = "fid") -> Measured:
    """Prepare ``ganzoo score``, and this process as for that command."""
    from ganzoo.cli.main import main
    from ganzoo.utils import openmp

    openmp.prepare()  # before torch is imported
    import ganzoo_fidelity.metrics
    import ganzoo_score.compare
    import ganzoo_score.work  # noqa: F401

    def call() -> float:
        output = io.StringIO()
        with redirect_stdout(output):
            try:
                main(["score", given.a, "--reference", given.b, "--metrics", metric])
            except SystemExit as ended:
                if ended.code:
                    raise
        return json.loads(output.getvalue())["values"][value]

    return call, [(ganzoo_fidelity.metrics, "frechet_distance")]


def ganzoo_fid_pytorch(given: argparse.Namespace) -> Measured:
    """Prepare the same with the metric ``fid-pytorch``."""
    return ganzoo_fid(given, "fid-pytorch", "fid_pytorch")


TOOLS: dict[str, tuple[str, Callable[[argparse.Namespace], Measured]]] = {  # by name: distribution, preparation
    "ganzoo-fid": ("ganzoo", ganzoo_fid),
    "ganzoo-fid-pytorch": ("ganzoo", ganzoo_fid_pytorch),
    "torch-fidelity": ("torch-fidelity", torch_fidelity),
    "torchmetrics": ("torchmetrics", torchmetrics),
    "torchmetrics-plain": ("torchmetrics", torchmetrics_plain),
    "pytorch-fid": ("pytorch-fid", pytorch_fid),
    "clean-fid": ("clean-fid", clean_fid),
}


class Files:
    """The images of a directory as uint8 ``(3, H, W)``, sorted by name."""

    def __init__(self, directory: str) -> None:
        self.files = sorted(Path(directory).iterdir())

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        import numpy as np
        import torch
        from PIL import Image

        return torch.from_numpy(np.array(Image.open(self.files[index]).convert("RGB"))).permute(2, 0, 1)


def device() -> Any:
    """Return the current CUDA device if there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def timed(places: list[tuple[Any, str]]) -> Iterator[list[float]]:
    """Yield a list that collects the seconds of each call of these functions."""
    spent: list[float] = []

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            found = function(*arguments, **named)
            spent.append(time.perf_counter() - begun)
            return found

        return call

    before = [getattr(owner, name) for owner, name in places]
    for (owner, name), function in zip(places, before, strict=True):
        setattr(owner, name, wrap(function))
    try:
        yield spent
    finally:
        for (owner, name), function in zip(places, before, strict=True):
            setattr(owner, name, function)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--network", required=True)
    parser.add_argument("--torchscript")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    distribution, prepare = TOOLS[given.tool]
    with redirect_stdout(sys.stderr):
        call, distance = prepare(given)
        with timed(distance) as spent:
            begun = time.perf_counter()
            value = float(call())
            seconds = time.perf_counter() - begun
    print(json.dumps({"value": value, "seconds": seconds, "distance": sum(spent), "version": version(distribution)}))


if __name__ == "__main__":
    main()
