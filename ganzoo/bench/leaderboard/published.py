"""Published figures of other systems, each with the protocol it was measured under."""

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
    """One published value of a system.

    name: the name of the value, such as ``kid_mean``. deviation: None if it is unknown. note: further remarks.
    In the file the name is the key of the value: ``{"system": "LSGAN", "kid_mean": 0.02}``.
    """

    system: str
    name: str
    value: float
    deviation: float | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """The value, with its deviation if it is known."""
        return f"{self.value:g}" if self.deviation is None else f"{self.value:g} ± {self.deviation:g}"


@dataclass
class Published:
    """The figures of one source under one protocol. None means that the source does not state a field.

    quoted_in: the publication in which the figures were read, if it is not the source itself.
    split, real_pictures: the split and the number of images of the reference set.
    conditional: whether the generator is given the class.
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
        """Return whether the figures can be compared with scores under ``protocol`` by ``value``.

        Data set, reference split, numbers of images and conditioning must be equal, and every figure must be of the
        value of that name. A source that does not state one of these matches nothing. ``protocol`` must have images at
        their own size and no truncation.
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
        """The source, and the publication that quotes it."""
        return f"{self.source} (as quoted in {self.quoted_in})" if self.quoted_in else self.source

    @property
    def protocol(self) -> str:
        """The protocol in one line, which names what is not stated."""
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
    """Read the published figures of a file. Raises GanzooError if it cannot be read or has another form."""
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
    """Return a figure of the file with ``name`` and ``value`` as fields. Raises ValueError unless it has one value."""
    fields = {"system", "deviation", "note"}
    values = sorted(set(figure) - fields) if isinstance(figure, dict) else []
    if len(values) != 1:
        raise ValueError(f"a figure is {figure!r}, must have a system and one value under its name")
    rest = {key: value for key, value in figure.items() if key in fields}
    return {**rest, "name": values[0], "value": figure[values[0]]}
