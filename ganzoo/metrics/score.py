"""Scores, each with the protocol it was taken under."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.config.recipe import parse_data
from ganzoo.distributed import collectives
from ganzoo.entries import MetricEntry, load_target
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator, Metric
from ganzoo.metrics.extractor import takes_tf32
from ganzoo.metrics.fakes import QUANTISATION, fake_pictures
from ganzoo.metrics.features import Features
from ganzoo.metrics.network import find_network
from ganzoo.metrics.reader import Progress, Reader, array_chunks
from ganzoo.metrics.reference import real_features
from ganzoo.plugin.registry import Registry

if TYPE_CHECKING:
    from ganzoo.data.dataset import Pictures


@dataclass(frozen=True)
class Score:
    """``values`` by name (``fid``, ``kid_mean``, ``precision``, ...), how they came about, and how long it took."""

    values: dict[str, float]
    protocol: dict[str, Any]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"values": self.values, "protocol": self.protocol, "seconds": round(self.seconds, 3)}


def score(
    *,
    registry: Registry,
    names: Sequence[str],
    generator: Generator,
    real: Pictures,
    fakes: int,
    seed: int,
    root: Path,
    inception: str | None = None,
    mode: str = "exact",
    device: torch.device | str = "cpu",
    truncation: float = 1.0,
    batch: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Score ``fakes`` pictures of an eval-mode generator against a real set.

    names: of metrics. root: the cache folder. inception: a file with the network, or None to look for one.
    mode: "exact", "fast" or "reference", see :func:`ganzoo.metrics.extractor.load_extractor`. device: of the Inception
    network; the generator stays where it is. batch: pictures at a time through Inception, None to choose by the device.

    Raises NetworkMissing where there is no Inception network, GanzooError for an unknown metric, too few pictures,
    a metric this network cannot serve, and a generator whose pictures do not fit or are not numbers.
    """
    begun = time.perf_counter()
    _check_count("generated", fakes)
    _check_count("real", len(real.array))
    made, wanted = (generator.picture.channels, generator.picture.size), (real.spec.channels, real.spec.size)
    if made != wanted:
        raise GanzooError(f"the generator makes pictures of (channels, size) {made}, the real set has {wanted}")
    entries, reader = _prepare(registry, names, root, inception, mode, device, batch, progress)
    chunks = fake_pictures(generator, fakes, seed, real.labels, truncation)
    fake = _features(reader, entries, chunks, fakes, "generated pictures")
    origin = ""
    real_side = Features(len(real.array), mode=reader.mode)
    if _reads_real(entries):
        real_side, origin = real_features(
            real,
            # Read once and kept, so that exactness costs nothing.
            Reader(reader.network, "exact" if mode == "fast" else mode, device, ("2048",), batch, progress),
            root,
            whole=_reads_whole(entries),
            shipped=_shipped_statistics(registry, real.name),
        )
    protocol: dict[str, Any] = {
        "reference": real.name,
        "split": real.split,
        "fingerprint": real.fingerprint,
        "resize": dict(real.resize),
        **({"demonstration": True} if real.demonstration else {}),
        "truncation": truncation,
        "quantisation": QUANTISATION,
        "classes": "drawn from the real set's labels" if generator.conditional else "none",
        "real_statistics": origin or "not needed",
        **_protocol(reader, entries, real.array.shape, fakes, seed),
    }
    return Score(_measure(entries, real_side, fake, seed), protocol, time.perf_counter() - begun)


def score_arrays(
    *,
    registry: Registry,
    names: Sequence[str],
    real: NDArray[Any],
    fake: NDArray[Any],
    seed: int,
    root: Path,
    real_name: str = "pictures",
    fake_name: str = "pictures",
    inception: str | None = None,
    mode: str = "exact",
    device: torch.device | str = "cpu",
    batch: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Score pictures against pictures, both uint8 ``(N, C, H, W)``, as :func:`score` does; nothing is cached but the
    network."""
    begun = time.perf_counter()
    for what, array in (("real", real), ("generated", fake)):
        _check_count(what, len(array))
        if array.ndim != 4 or array.shape[1] not in (1, 3) or array.dtype != "uint8":
            raise GanzooError(f"the {what} pictures are {array.dtype} {array.shape}, must be uint8 (N, 1 or 3, H, W)")
    entries, reader = _prepare(registry, names, root, inception, mode, device, batch, progress)
    fake_side = _features(reader, entries, array_chunks(fake), len(fake), "generated pictures")
    real_side = Features(len(real), mode=reader.mode)
    if _reads_real(entries):
        real_side = _features(reader, entries, array_chunks(real), len(real), "real pictures")
    protocol = {
        "reference": real_name,
        "pictures": fake_name,
        **_protocol(reader, entries, real.shape, len(fake), seed),
    }
    return Score(_measure(entries, real_side, fake_side, seed), protocol, time.perf_counter() - begun)


def _prepare(
    registry: Registry,
    names: Sequence[str],
    root: Path,
    inception: str | None,
    mode: str,
    device: torch.device | str,
    batch: int | None,
    progress: Progress | None,
) -> tuple[list[MetricEntry], Reader]:
    """All that can be refused is refused here, before the first picture."""
    entries = [registry.get(MetricEntry, name) for name in dict.fromkeys(names)]
    if not entries:
        raise GanzooError(f"no metric given; there are {', '.join(sorted(registry.entries[MetricEntry.kind]))}")
    find = partial(find_network, inception, root)
    network = collectives.by_first(find, find)
    layers = tuple(dict.fromkeys(entry.features for entry in entries))
    for entry in entries:
        try:
            Reader(network, mode, device, (entry.features,))
        except GanzooError as error:
            raise GanzooError(f"{entry.name}: {error}") from error
    return entries, Reader(network, mode, device, layers, batch, progress)


def _features(
    reader: Reader, entries: Sequence[MetricEntry], chunks: Iterable[Tensor], count: int, stage: str
) -> Features:
    """All features where a metric reads them; else, but in reference mode, sums as they come by."""
    if reader.layers == ("2048",) and reader.mode != "reference" and not _reads_whole(entries):
        sums = reader.statistics(chunks, count, stage)
        return Features(count, statistics=sums, mode=reader.mode, device=reader.device)
    found = reader.read(chunks, count, stage)
    matrix, logits = found.get("2048"), found.get("logits_unbiased")
    return Features(count, matrix=matrix, logits=logits, mode=reader.mode, device=reader.device)


def _reads_whole(entries: Sequence[MetricEntry]) -> bool:
    return any(entry.features == "2048" and entry.reads == "features" for entry in entries)


def _reads_real(entries: Sequence[MetricEntry]) -> bool:
    # The Inception Score, which reads the logits, looks at the generated pictures alone.
    return any(entry.features == "2048" for entry in entries)


def _measure(entries: Sequence[MetricEntry], real: Features, fake: Features, seed: int) -> dict[str, float]:
    """Every metric's values; of several ranks the first computes them."""
    if not collectives.first():
        told: dict[str, float] = json.loads(collectives.told(""))
        return told
    values: dict[str, float] = {}
    for entry in entries:
        metric: Metric = load_target(entry.target)()
        found: Mapping[str, float] = metric(real=real, fake=fake, seed=seed)
        for name, value in found.items():
            if not math.isfinite(value):
                raise GanzooError(f"{entry.name}: {name} came out as {value}; the features of a side are degenerate")
            values[name] = float(value)
    collectives.told(json.dumps(values))
    return values


def _protocol(
    reader: Reader, entries: Sequence[MetricEntry], shape: tuple[int, ...], fakes: int, seed: int
) -> dict[str, Any]:
    import torch_fidelity

    count, channels, height, width = shape
    return {
        "real_pictures": count,
        "fake_pictures": fakes,
        "picture": f"{channels} x {height} x {width}",
        **({"grey": "tiled to three channels"} if channels == 1 else {}),
        "inception_resize": "to 299 x 299 by the network, bilinear as in TensorFlow 1.x",
        "network": reader.network.sha256,
        "network_file": reader.network.file_sha256,
        "network_source": reader.network.source,
        "extractor": reader.mode,
        "extractor_device": reader.device.type,
        **({"tf32": takes_tf32(reader.mode, reader.device)} if reader.device.type == "cuda" else {}),
        "seed": seed,
        "torch_fidelity": torch_fidelity.__version__,
        "metrics": {entry.name: f"{entry.summary}; Inception {entry.features}" for entry in entries},
    }


def _shipped_statistics(registry: Registry, data: str) -> str:
    try:
        return parse_data(data, registry)[0].statistics
    except GanzooError:  # pictures of no data set that is registered
        return ""


def _check_count(what: str, count: int) -> None:
    least = max(2, collectives.here().world)
    if count < least:
        raise GanzooError(f"{count} {what} pictures cannot be scored, there must be {least} or more")


__all__ = ["Score", "score", "score_arrays"]
