"""What others published, each figure with the protocol it was taken under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.bench.leaderboard.protocols import is_conditional
from ganzoo.errors import GanzooError
from ganzoo.utils.safe_yaml import parse_json
from ganzoo.utils.structured import read_as


@dataclass
class Figure:
    """One system's ``value`` of what ``name`` says; ``deviation`` where it is known, ``note`` what else is said of it.

    In the file the value stands under its own name: ``{"system": "LSGAN", "kid_mean": 0.02}``.
    """

    system: str
    name: str
    value: float
    deviation: float | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """The value and its deviation."""
        return f"{self.value:g}" if self.deviation is None else f"{self.value:g} ± {self.deviation:g}"


@dataclass
class Published:
    """Figures of one source under one protocol. None stands for what the source leaves unsaid.

    quoted_in: where the figures were read, where that is not the source itself. split, real_pictures: of the
    reference set. conditional: whether the generator is told the class.
    """

    source: str
    data: str
    figures: list[Figure]
    quoted_in: str | None = None
    split: str | None = None
    real_pictures: int | None = None
    fake_pictures: int | None = None
    conditional: bool | None = None
    resize: str | None = None
    network: str | None = None
    note: str = ""

    def matches(self, protocol: Mapping[str, Any], value: str) -> bool:
        """Whether data set, reference split, counts and conditioning are those of ``protocol``, and every figure is of
        the value of that name.

        A source that leaves one of them unsaid matches nothing. Ours must be of the images' own size, untruncated.
        """
        pairs = (
            (self.data, protocol.get("reference")),
            (self.split, protocol.get("split")),
            (self.real_pictures, protocol.get("real_pictures")),
            (self.fake_pictures, protocol.get("fake_pictures")),
            (self.conditional, is_conditional(protocol)),
        )
        own_size = not protocol.get("resize") and protocol.get("truncation", 1.0) == 1.0
        same = all(figure.name == value for figure in self.figures)
        return own_size and same and all(said is not None and said == ours for said, ours in pairs)

    @property
    def origin(self) -> str:
        """Source, and where it was quoted."""
        return f"{self.source} (as quoted in {self.quoted_in})" if self.quoted_in else self.source

    @property
    def protocol(self) -> str:
        """One line, with what is unsaid named as such."""
        fakes = f"{self.fake_pictures:,}" if self.fake_pictures else "an unstated number of"
        count = f"{self.real_pictures:,}" if self.real_pictures else "an unstated number of"
        split = self.split or "(split not stated)"
        conditioned = {True: "class-conditional", False: "unconditional", None: "conditioning not stated"}
        return (
            f"{fakes} generated images against {count} {split} images of {self.data}, "
            f"{conditioned[self.conditional]}, {self.resize or 'resize not stated'}, "
            f"{self.network or 'network not stated'}"
        )


@dataclass
class _File:
    published: list[Published]


def read_published(file: Path) -> list[Published]:
    """Every group of figures in a file. Raises GanzooError where it cannot be read or is not of this form."""
    try:
        content = parse_json(file.read_bytes())
        for source in content if isinstance(content, list) else ():
            if isinstance(source, dict) and isinstance(source.get("figures"), list):
                source["figures"] = [_named(figure) for figure in source["figures"]]
        return read_as(_File, {"published": content}).published
    except OSError as error:
        raise GanzooError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise GanzooError(f"{file} is not a list of published figures: {error}") from error


def _named(figure: Any) -> Any:
    """A figure of the file with its value's name beside the value."""
    fields = {"system", "deviation", "note"}
    values = sorted(set(figure) - fields) if isinstance(figure, dict) else []
    if len(values) != 1:
        raise ValueError(f"a figure is {figure!r}, must have a system and one value under its name")
    rest = {key: value for key, value in figure.items() if key in fields}
    return {**rest, "name": values[0], "value": figure[values[0]]}
