"""Downloads and uploads runs on the Hugging Face hub, with the endpoint, token and cache of ``huggingface_hub``.

An address is ``hf://OWNER/NAME``, with ``@REVISION`` for a revision other than the newest. Only safetensors, JSON and
YAML files are read; nothing is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo import __version__
from ganzoo.errors import GanzooError
from ganzoo.utils.files import one_line
from ganzoo.utils.waiting import waiting

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SCHEME = "hf://"
MADE_BY_THE_HUB = {".gitattributes", "README.md"}
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
READ = ["config.yaml", "provenance.json", "score.json", "checkpoints/*/meta.json", "checkpoints/*/ema.safetensors"]
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


def check_repository(name: str) -> None:
    """Raise GanzooError unless the name has the form OWNER/NAME."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        if not REPOSITORY.fullmatch(name):
            raise HFValidationError
        validate_repo_id(name)
    except HFValidationError as error:
        raise GanzooError(f"{name!r} is not OWNER/NAME, for example alice/garments") from error


def fetch(run: str) -> Path:
    """Return the directory of the run at an address, downloaded into huggingface_hub's cache.

    Raises GanzooError if the address is invalid, the download fails or the repository holds no run.
    """
    name, at, revision = run.removeprefix(SCHEME).partition("@")
    check_repository(name)
    if at and not revision:
        raise GanzooError(f"{run}: no revision after the @; leave the @ out for the newest")
    with _explained(run), waiting(f"downloading {run}"):
        place = Path(_api().snapshot_download(name, revision=revision or None, allow_patterns=READ))
    if not (place / "config.yaml").is_file():
        raise GanzooError(f"{run} is not a run of ganzoo: there is no config.yaml in it")
    return place


def upload(directory: Path, name: str, message: str, private: bool) -> str:
    """Upload ``directory`` to the repository OWNER/NAME and return its URL. Create the repository if necessary.

    Checkpoints of an earlier run are deleted. Raises GanzooError if the repository holds something else than a run, if
    it is public although ``private`` is asked for, or if the hub cannot be reached or refuses.
    """
    check_repository(name)
    api = _api()
    with _explained(f"{SCHEME}{name}"), waiting(f"uploading to {SCHEME}{name}"):
        _check_existing(api, name, private)
        url = api.create_repo(name, private=private or None, exist_ok=True)
        api.upload_folder(
            repo_id=name, folder_path=directory, commit_message=message, delete_patterns=["checkpoints/*"]
        )
    return str(url)


def _check_existing(api: HfApi, name: str, private: bool) -> None:
    """Raise GanzooError if a repository of that name holds other files than a run, or is public against the wish."""
    if not api.repo_exists(name):
        return
    found = api.model_info(name)
    files = {file.rfilename for file in found.siblings or ()} - MADE_BY_THE_HUB
    if files and "provenance.json" not in files:
        raise GanzooError(f"{SCHEME}{name} exists and is not a run of ganzoo; choose another name")
    if private and not found.private:
        raise GanzooError(f"{SCHEME}{name} exists and is public; make it private on its page, or choose another name")


def _api() -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(library_name="ganzoo", library_version=__version__)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn errors of the hub and of the libraries below it, which have many lines, into a GanzooError of one line."""
    from huggingface_hub import errors

    try:
        yield
    except GanzooError:
        raise
    except errors.RevisionNotFoundError as error:
        raise GanzooError(f"{what}: no such revision; leave the @ out for the newest") from error
    except errors.GatedRepoError as error:
        raise GanzooError(f"{what} is restricted by its owner; request access on its page, then {LOG_IN}") from error
    except errors.RepositoryNotFoundError as error:
        raise GanzooError(f"{what}: no such repository, or you have no access to it; {LOG_IN}") from error
    except Exception as error:
        status = _status(error)
        if status in (401, 403):
            raise GanzooError(f"{what}: the hub refused access ({status}); {LOG_IN}") from error
        reason = one_line(str(error).strip().split("\n")[0]) or type(error).__name__
        raise GanzooError(f"{what}: the hub could not be reached, or refused: {reason[:300]}") from error


def _status(error: Any) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)
