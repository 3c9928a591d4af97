"""Sets that torchvision knows and, where they are missing, downloads."""

from __future__ import annotations

import contextlib
import io
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from torchvision import datasets

from ganzoo.errors import GanzooError
from ganzoo.interfaces import BadPicture, Picture
from ganzoo_datasets.arrays import ArraySource
from ganzoo_datasets.files import Zip


class _Torchvision(ArraySource):
    name: str

    @abstractmethod
    def make(self, download: bool) -> Any:
        """torchvision's data set; RuntimeError where it is not there."""

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        try:
            found = self.make(download=False)
        except RuntimeError:
            try:
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    found = self.make(download=True)
            except (RuntimeError, OSError) as error:
                raise GanzooError(
                    f"{self.name} is not under {self.root} and cannot be downloaded ({_short(error)}); "
                    "put torchvision's files there, or set data.root or GANZOO_DATA to where they are"
                ) from error
        pictures = np.asarray(found.data)
        if pictures.ndim == 3:
            pictures = pictures[..., None]
        return pictures, np.asarray(found.targets, dtype=np.int64)


class FashionMNIST(_Torchvision):
    name = "fashion-mnist"

    def make(self, download: bool) -> Any:
        return datasets.FashionMNIST(self.root, train=self.split == "train", download=download)


class MNIST(_Torchvision):
    name = "mnist"

    def make(self, download: bool) -> Any:
        return datasets.MNIST(self.root, train=self.split == "train", download=download)


class CIFAR10(_Torchvision):
    """Also read from ``cifar10-32x32-train.zip`` and ``-test.zip`` (StyleGAN's format) where they lie in the root."""

    name = "cifar10"

    @property
    def _zip(self) -> Zip | None:
        file = self.root / f"cifar10-32x32-{self.split}.zip"
        return Zip(str(file), self.root, self.split) if file.exists() else None

    def make(self, download: bool) -> Any:
        return datasets.CIFAR10(self.root, train=self.split == "train", download=download)

    def content_key(self) -> str:
        return self._zip.content_key() if self._zip else super().content_key()

    def __len__(self) -> int:
        return len(self._zip) if self._zip else super().__len__()

    def __iter__(self) -> Iterator[Picture | BadPicture]:
        return iter(self._zip) if self._zip else super().__iter__()


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
