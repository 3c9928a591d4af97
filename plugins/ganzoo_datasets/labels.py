"""Labels of image files, from StyleGAN's ``dataset.json`` or with one class for each directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ganzoo.config.schema import BASIC
from ganzoo.errors import GanzooError
from ganzoo.utils.safe_yaml import parse_long_json
from ganzoo_datasets.names import is_hidden, is_image

FILE = "dataset.json"
MOST_CLASSES = 2**20  # more classes would fill the memory


def folders_of(names: Sequence[str]) -> list[str]:
    """Return the sorted first directories of all images, each once; ``""`` stands for the top."""
    return sorted({_folder(name) for name in names})


def labels_by_folder(names: Sequence[str]) -> dict[str, int]:
    """Return the label of each image: the index of its first directory in the sorted list of these."""
    numbers = {folder: number for number, folder in enumerate(folders_of(names))}
    return {name: numbers[_folder(name)] for name in names}


def why_no_folders(names: Sequence[str]) -> str:
    """Return in words why the directories cannot be the classes; empty if they can."""
    folders = folders_of(names)
    if folders[0] == "":
        at_top = next(name for name in names if not _folder(name))
        return f"{at_top} is not in the directory of a class"
    if len(folders) == 1:
        return f"all images are in one directory, {folders[0]}; at least two classes are required"
    return ""


def parse_labels(text: bytes, file: str, names: Sequence[str], where: str) -> tuple[dict[str, int] | None, Any]:
    """Read a ``dataset.json``; return the labels by image name, None if it has none, and the unchecked ``class_names``.

    file: the name of the file; the names in it are relative to its directory. where: the file in messages. Raises
    GanzooError if the file is invalid or does not fit the images.
    """
    top = file.removesuffix(FILE)
    try:
        content = parse_long_json(text)
    except ValueError as error:
        place = f"line {error.lineno}, column {error.colno}: " if isinstance(error, json.JSONDecodeError) else ""
        reason = error.msg if isinstance(error, json.JSONDecodeError) else " ".join(str(error).split())
        raise GanzooError(f"{where} is invalid JSON: {place}{reason}; fix or remove it") from error
    try:
        pairs = content["labels"]
    except (KeyError, TypeError) as error:
        raise GanzooError(
            f'{where} is not of the form {{"labels": [[NAME, NUMBER], ...]}}; fix or remove it'
        ) from error
    if pairs is None:
        return None, None
    labels: dict[str, int] = {}
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and _is_class(pair[1])):
            raise GanzooError(f"{where}: {str(pair)[:60]} is not a name and a class number from 0; fix it")
        name = top + pair[0]
        if name in labels:
            raise GanzooError(f"{where} has two labels for {pair[0]}; remove one")
        labels[name] = pair[1]
    for name in [name for name in labels if is_hidden(name)]:
        del labels[name]  # its image is skipped too
    if surplus := set(labels) - set(names):
        raise GanzooError(f"{where} has a label for {min(surplus)}, which is not among its images; remove it")
    if missing := set(names) - set(labels):
        # Before data.formats existed, these files were skipped.
        later = "" if any(is_image(name, BASIC) for name in missing) else f", or set data.formats={BASIC}"
        raise GanzooError(f"{where} has no label for {min(missing)}; add it, or remove {FILE}{later}")
    return labels, content.get("class_names")


def class_count(labels: Mapping[str, int] | None) -> int:
    """Return the number of classes, which is the highest label plus 1; 0 without labels."""
    return max(labels.values()) + 1 if labels else 0


def _folder(name: str) -> str:
    parts = PurePosixPath(name).parts
    return parts[0] if len(parts) > 1 else ""


def _is_class(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_CLASSES
