"""Metrics for class-conditional generators: the FID within each class, and how often the requested class is drawn.

Both read the labels of the real images and the classes that the generated images were drawn for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from statistics import fmean

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo.errors import GanzooError
from ganzoo.interfaces import Metric
from ganzoo.metrics.features import Features
from ganzoo.metrics.labels import OF_CLASS, classes_of
from ganzoo_fidelity.frechet import frechet_of_features
from ganzoo_fidelity.metrics import FID

logger = logging.getLogger(f"ganzoo.{__name__}")
HELD_OUT = 5  # every fifth real image of each class is not used to train the classifier
DECAY = 1e-3
ITERATIONS = 200


class IntraFID(Metric):
    """``intra_fid``, the mean of the FIDs within each class (Miyato and Koyama 2018, sec. 4), and each of these FIDs.

    The value of one class is named ``intra_fid:LABEL``. Raises GanzooError if a class has fewer than two images.
    """

    def __call__(self, *, real: Features, fake: Features, seed: int) -> Mapping[str, float]:
        fid, found, smallest = FID(), dict[int, float](), (real.count + fake.count, "", 0)
        for label, of_real, of_fake in classes_of(real, fake, "intra-fid"):
            found[label] = (
                fid(real=of_real, fake=of_fake, seed=seed)[fid.value]
                if fake.mode == "reference"
                else frechet_of_features(of_real.matrix, of_fake.matrix, fake.device)
            )
            for what, side in (("real", of_real), ("generated", of_fake)):
                smallest = min(smallest, (side.count, what, label))
        count, what, label = smallest
        if count <= (width := real.matrix.shape[1]):
            logger.warning(
                f"intra-fid: class {label} has only {count:,} {what} images for {width:,} features, so its FID is too "
                "high; compare it only with scores of the same number of images"
            )
        each = {f"intra_fid{OF_CLASS}{label}": value for label, value in found.items()}
        return {"intra_fid": fmean(found.values()), **each}


class ClassifierAccuracy(Metric):
    """``classifier_accuracy``, the share of generated images that a classifier assigns to the requested class.

    The classifier is multinomial logistic regression on the features of real images. Every fifth image of each class is
    held out; ``classifier_accuracy_real`` is the share of these that it classifies correctly, which is about the best
    value for a generator. Nothing is random.
    """

    def __call__(self, *, real: Features, fake: Features, seed: int) -> Mapping[str, float]:
        assert real.labels is not None and fake.labels is not None
        held_out = torch.from_numpy(held_out_of(real.labels))
        if held_out.all() or not held_out.any():
            raise GanzooError(
                f"classifier-accuracy: no class has {HELD_OUT} real images or more, so that none can be held out; "
                "leave the metric out"
            )
        device = fake.device
        features, drawn = real.matrix.to(device), fake.matrix.to(device)
        labels, asked = (torch.from_numpy(side.labels).to(device) for side in (real, fake))
        learnt = (~held_out).to(device)
        classify = LogisticRegression(features[learnt], labels[learnt])
        return {
            "classifier_accuracy": _share(classify(drawn) == asked),
            "classifier_accuracy_real": _share(classify(features[~learnt]) == labels[~learnt]),
        }


class LogisticRegression:
    """A linear classifier of features ``(N, D)``, fitted to labels ``(N,)``. Call it to classify.

    L-BFGS minimises the mean cross-entropy plus ``DECAY / 2`` times the sum of the squared weights over the whole
    batch. The features are normalised to mean 0 and deviation 1. The problem is convex, so the minimum does not depend
    on the initial weights.
    """

    def __init__(self, features: Tensor, labels: Tensor) -> None:
        self.classes, target = labels.unique(return_inverse=True)
        self.mean, deviation = features.mean(0), features.std(0, correction=0)
        self.scale = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        given = self._scaled(features)
        self.weight = given.new_zeros(len(self.classes), given.shape[1]).requires_grad_()
        self.bias = given.new_zeros(len(self.classes)).requires_grad_()
        optimizer = torch.optim.LBFGS(
            [self.weight, self.bias], max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe",
            tolerance_grad=1e-5, tolerance_change=1e-9,
        )  # fmt: skip

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = cross_entropy(given @ self.weight.T + self.bias, target) + DECAY / 2 * self.weight.square().sum()
            loss.backward()
            return loss

        with torch.enable_grad():
            optimizer.step(closure)
        self.weight, self.bias = self.weight.detach(), self.bias.detach()

    def __call__(self, features: Tensor) -> Tensor:
        """Return the most likely label of each image, ``(N,)``."""
        return self.classes[(self._scaled(features) @ self.weight.T + self.bias).argmax(1)]

    def _scaled(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.scale


def held_out_of(labels: np.ndarray) -> np.ndarray:
    """Mark every fifth image of each class: return ``(N,)`` bool from labels ``(N,)``."""
    marked = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        marked[np.flatnonzero(labels == label)[HELD_OUT - 1 :: HELD_OUT]] = True
    return marked


def _share(right: Tensor) -> float:
    return float(right.cpu().double().mean())


__all__ = ["ClassifierAccuracy", "IntraFID", "LogisticRegression", "held_out_of"]
