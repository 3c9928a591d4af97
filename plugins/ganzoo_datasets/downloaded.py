"""Data sets of torchvision, which downloads them if they are missing."""

from __future__ import annotations

import contextlib
import io
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from torchvision import datasets

from ganzoo.data.sources import BEFORE
from ganzoo.errors import GanzooError
from ganzoo.interfaces import BadImage, SourceImage
from ganzoo.utils.files import reason_of
from ganzoo.utils.waiting import waiting
from ganzoo_datasets.arrays import ArraySource
from ganzoo_datasets.zips import Zip


class _Torchvision(ArraySource):
    name: str

    @abstractmethod
    def make(self, download: bool) -> Any:
        """Return torchvision's data set. Without ``download``, raises RuntimeError "not found" if it is missing."""

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        found = self._find()
        images, labels = np.asarray(found.data), np.asarray(found.targets, dtype=np.int64)
        if len(images) != len(labels):
            raise self._damaged(f"{len(images)} images, {len(labels)} labels")
        return images[..., None] if images.ndim == 3 else images, labels

    def _find(self) -> Any:
        try:
            return self.make(download=False)
        except Exception as error:  # torchvision raises many types of errors for damaged files
            if "not found" not in str(error):
                raise self._damaged(reason_of(error)[:120]) from error
        try:
            with (
                waiting(f"downloading {self.name}"),
                FileLock(self._lock()),  # torchvision writes under the final names, so other processes have to wait
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                return self.make(download=True)
        except Exception as error:
            raise GanzooError(
                f"{self.name} is not under {self.root} and cannot be downloaded ({reason_of(error)[:120]}); "
                "put torchvision's files there, or set data.root or GANZOO_DATA to where they are"
            ) from error

    def _lock(self) -> Path:
        self.root.mkdir(parents=True, exist_ok=True)
        return self.root / f"{self.name}.lock"

    def _damaged(self, how: str) -> GanzooError:
        directory = self.root / type(self).__name__ / "raw"
        return GanzooError(f"{self.name}: the files in {directory} are damaged ({how}); remove them and start again")


class FashionMNIST(_Torchvision):
    name = "fashion-mnist"

    def make(self, download: bool) -> Any:
        return datasets.FashionMNIST(self.root, train=self.split == "train", download=download)


class MNIST(_Torchvision):
    name = "mnist"

    def make(self, download: bool) -> Any:
        return datasets.MNIST(self.root, train=self.split == "train", download=download)


class CIFAR10(_Torchvision):
    """CIFAR-10, read from ``cifar10-32x32-train.zip`` and ``-test.zip`` (StyleGAN's format) if the root has them.

    Otherwise it is read from torchvision's pickles, which torchvision opens only after checking their MD5 sums.
    """

    name = "cifar10"

    @cached_property
    def _zip(self) -> Zip | None:
        file = self.root / f"cifar10-32x32-{self.split}.zip"
        if not file.exists():
            return None
        found = Zip(str(file), self.root, self.split, labels=BEFORE)  # its directories are not classes
        found.formats = self.formats
        return found

    def make(self, download: bool) -> Any:
        return datasets.CIFAR10(self.root, train=self.split == "train", download=download)

    def content_key(self) -> str:
        return self._zip.content_key() if self._zip is not None else super().content_key()

    def __len__(self) -> int:
        return len(self._zip) if self._zip is not None else super().__len__()

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        return iter(self._zip) if self._zip is not None else super().__iter__()
