"""The four metrics of Inception features, as torch-fidelity defines them; its first input is the fakes.

Except in ``reference`` mode, the FID is computed by ganzoo, and KID, precision and recall on the device of the features
if that is not the CPU. torch-fidelity computes the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from ganzoo.errors import GanzooError
from ganzoo.interfaces import Metric
from ganzoo.metrics.features import Features
from ganzoo_fidelity.frechet import frechet_distance
from ganzoo_fidelity.on_device import precision_recall, subset_mmds

SUBSET = 1000
NEIGHBOURS = 3
# Rows of the distance matrix that are in memory at a time; a whole matrix takes 10 GB for 50,000 images.
ROWS = 2000


class FID(Metric):
    """``fid``, from a symmetric eigenproblem, which is several times faster and agrees to 1e-6.

    In ``reference`` mode torch-fidelity computes it.
    """

    value = "fid"

    def __call__(self, *, real: Features, fake: Features, seed: int) -> Mapping[str, float]:
        if fake.mode != "reference":
            return {self.value: frechet_distance(real.statistics, fake.statistics, fake.device)}
        found = fid_statistics_to_metric(fake.statistics, real.statistics, verbose=False)
        return {self.value: found[KEY_METRIC_FID]}


class KID(Metric):
    """``kid_mean`` and ``kid_std`` over 100 random subsets, drawn with the seed."""

    value = "kid"

    def __call__(self, *, real: Features, fake: Features, seed: int) -> Mapping[str, float]:
        size = min(SUBSET, real.count, fake.count)
        if _on_device(fake):
            mmds = subset_mmds(*_moved(fake, real), size=size, seed=_legacy(seed))
            return {f"{self.value}_mean": float(mmds.mean()), f"{self.value}_std": float(mmds.std(correction=0))}
        found = kid_features_to_metric(
            fake.matrix, real.matrix, kid_subset_size=size, rng_seed=_legacy(seed), verbose=False
        )
        return {f"{self.value}_mean": found[KEY_METRIC_KID_MEAN], f"{self.value}_std": found[KEY_METRIC_KID_STD]}


class PrecisionRecall(Metric):
    """``precision``, ``recall`` and ``f_score``, each in [0, 1]."""

    def __call__(self, *, real: Features, fake: Features, seed: int) -> Mapping[str, float]:
        least = min(real.count, fake.count)
        if least <= NEIGHBOURS:
            raise GanzooError(f"prc: {least} images, needs more than {NEIGHBOURS} on either side")
        if _on_device(fake):
            precision, recall = precision_recall(*_moved(fake, real), neighbours=NEIGHBOURS)
            f_score = 2 * precision * recall / max(1e-5, precision + recall)
            return {"precision": precision, "recall": recall, "f_score": f_score}
        found: dict[str, Any] = prc_features_to_metric(
            fake.matrix,
            real.matrix,
            prc_neighborhood=NEIGHBOURS,
            prc_batch_size=ROWS,
            save_cpu_ram=True,
            verbose=False,
        )
        return {name: float(found[name]) for name in ("precision", "recall", "f_score")}


class InceptionScore(Metric):
    """``isc_mean`` and ``isc_std`` over 10 splits of the fakes, shuffled with the seed."""

    def __call__(self, *, real: Features, fake: Features, seed: int) -> Mapping[str, float]:
        splits = 10
        if fake.count < splits:
            raise GanzooError(f"isc: {fake.count} images, needs {splits} or more")
        found = isc_features_to_metric(fake.logits, splits=splits, rng_seed=_legacy(seed))
        return {"isc_mean": found[KEY_METRIC_ISC_MEAN], "isc_std": found[KEY_METRIC_ISC_STD]}


def _on_device(fake: Features) -> bool:
    """Return whether to compute on the features' device; ``reference`` mode needs torch-fidelity's exact arithmetic."""
    return fake.mode != "reference" and torch.device(fake.device).type != "cpu"


def _moved(fake: Features, real: Features) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both matrices on the device of the fakes' features; real features may come from a file."""
    return fake.matrix.to(fake.device), real.matrix.to(fake.device)


def _legacy(seed: int) -> int:
    # torch-fidelity uses NumPy's RandomState, whose seeds have 32 bits.
    return seed % 2**32
