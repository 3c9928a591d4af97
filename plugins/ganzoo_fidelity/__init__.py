"""Registers the scores `fid`, `kid`, `prc` (precision and recall) and `isc`, computed by torch-fidelity."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import MetricEntry, hookimpl


@hookimpl
def register_metrics(register: Callable[[MetricEntry], None]) -> None:
    register(
        MetricEntry(
            name="fid",
            summary="Fréchet distance of two Gaussians fitted to the Inception features",
            paper="Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, arXiv:1706.08500",
            target="ganzoo_fidelity.metrics:FID",
            reads="statistics",
        )
    )
    register(
        MetricEntry(
            name="kid",
            summary="Squared MMD of the Inception features, cubic kernel, 100 subsets of up to 1,000 pictures",
            paper="Bińkowski et al. 2018, Demystifying MMD GANs, arXiv:1801.01401",
            target="ganzoo_fidelity.metrics:KID",
        )
    )
    register(
        MetricEntry(
            name="prc",
            summary="Precision and recall on the Inception features (torch-fidelity's default is VGG16), 3 neighbours",
            paper="Kynkäänniemi et al. 2019, Improved Precision and Recall Metric, arXiv:1904.06991",
            target="ganzoo_fidelity.metrics:PrecisionRecall",
            lower_is_better=False,
        )
    )
    register(
        MetricEntry(
            name="isc",
            summary="Inception Score of the generated pictures alone, 10 splits; needs the network's class logits",
            paper="Salimans et al. 2016, Improved Techniques for Training GANs, arXiv:1606.03498",
            target="ganzoo_fidelity.metrics:InceptionScore",
            features="logits_unbiased",
            lower_is_better=False,
        )
    )
