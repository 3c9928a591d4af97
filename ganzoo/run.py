"""The :class:`Run` that :func:`ganzoo.train` and :func:`ganzoo.load` return."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ganzoo.config.arguments import Settings, as_arguments
from ganzoo.data.factory import open_configured, peek_configured
from ganzoo.distributed import collectives
from ganzoo.distributed.device import device_or_auto, pick_device, prepare_process
from ganzoo.errors import GanzooError
from ganzoo.metrics.score import Score
from ganzoo.plugin.registry import Registry
from ganzoo.runs.by_class import read_by_class
from ganzoo.runs.checkpoint import checkpoint_paths
from ganzoo.runs.class_names import class_names
from ganzoo.runs.load import load_config, load_generator, restore_generator, revise
from ganzoo.runs.provenance import fingerprint_of
from ganzoo.runs.reader import read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import read_jsonl
from ganzoo.utils.safe_yaml import numbers_of
from ganzoo.utils.torch_defaults import torch_defaults

if TYPE_CHECKING:
    import torch

    from ganzoo.config.schema import Config
    from ganzoo.interfaces import Generator
    from ganzoo.training.callbacks import Callback
    from ganzoo.training.run import Outcome

logger = logging.getLogger(__name__)
OF_SCORES = ("data.", "metrics.", "loop.device")


class Run:
    """A run directory. All properties are read from disk at each access, so a run in progress can be watched.

    path: the directory. Raises GanzooError if it is not a run.
    """

    def __init__(self, path: Path, outcome: Outcome | None = None) -> None:
        self.directory = RunDir.open(path)
        self.path = path
        self.stop_code = outcome.code if outcome else 0
        """The exit code of a process that a signal stopped; 0 otherwise."""

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, including all defaults."""
        return load_config(Registry.load(), self.directory).as_dict()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The records of the log intervals, oldest first: ``kimg``, losses, accuracies, ``auc`` and so on."""
        return read_jsonl(self.directory.log_file)

    @property
    def scores(self) -> list[dict[str, Any]]:
        """The scores of the run, oldest first, each with ``kimg``, ``values`` and ``protocol``."""
        return read_jsonl(self.directory.scores_file)

    @property
    def score(self) -> Score | None:
        """The newest score; None if there is none."""
        found = self.directory.last_score()
        values, protocol = found.get("values"), found.get("protocol")
        if not isinstance(values, dict) or not isinstance(protocol, dict):
            return None
        return Score(numbers_of(values), protocol, found.get("seconds", 0.0), read_by_class(found))

    @property
    def samples(self) -> list[Path]:
        """The paths of the sample grids, oldest first: PNG files, all made from the same latents."""
        return sorted(self.directory.samples.glob("*.png"))

    @property
    def checkpoints(self) -> list[str]:
        """The names of the checkpoints, oldest first."""
        return [path.name for path in checkpoint_paths(self.directory.checkpoints) if path.is_dir()]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes in the order of the labels; () if they are unknown or there are no labels."""
        config, checkpoint = load_config(Registry.load(), self.directory), self.directory.latest()
        image = checkpoint.image if checkpoint is not None else None
        return class_names(config, (image or peek_configured(config)).classes, checkpoint, self.directory)

    @property
    def finished(self) -> bool:
        """Whether the run has reached its budget."""
        return read_facts(self.directory).finished

    @torch_defaults()
    def generator(self, checkpoint: str = "latest", *, device: torch.device | str | None = None) -> Generator:
        """Load the averaged generator in evaluation mode, as :func:`ganzoo.load_generator` does."""
        return load_generator(Registry.load(), self.path, checkpoint, device_or_auto(device))

    @torch_defaults()
    def resume(
        self,
        *,
        settings: Settings = None,
        accept_edits: bool = False,
        callbacks: Iterable[Callback] = (),
        heed_signals: bool = False,
    ) -> Run:
        """Resume training at the newest checkpoint, and return the run; a finished run is only scored again.

        settings: changed settings, e.g. ``{"loop.kimg": 500}`` to train longer; ``provenance.json`` records them. They
        may change the place of the data; learning rates, betas and weight decay; the moving average; the metrics; and
        in ``loop`` the budget, batch, schedule, precision, device, intervals and handling of faults. accept_edits: use
        a ``config.yaml`` that was edited by hand; the same limits apply. heed_signals: as in :func:`ganzoo.train`.

        Raises GanzooError if a setting that may not change is changed, the data have changed, a plugin is missing, or
        another process uses the directory; otherwise as :func:`ganzoo.train` does.
        """
        from ganzoo.training.callbacks import Hooks, as_callbacks
        from ganzoo.training.run import resume

        registry, watching = Registry.load(), as_callbacks(callbacks)
        with collectives.joined():
            revision = revise(registry, self.directory, as_arguments(settings), accept_edits=accept_edits)
            outcome = resume(revision, self.path, *watching, Hooks(registry), heed_signals=heed_signals)
        return Run(self.path, outcome)

    @torch_defaults()
    def evaluate(
        self,
        metrics: Sequence[str] | None = None,
        *,
        samples: int | None = None,
        seed: int | None = None,
        truncation: float = 1.0,
        checkpoint: str = "latest",
        per_class: bool = False,
        callbacks: Iterable[Callback] = (),
        settings: Settings = None,
        accept_edits: bool = False,
    ) -> Score:
        """Score a checkpoint again, by default as the run's configuration says. The run is not changed.

        metrics: the names of the metrics. samples: the number of generated images, drawn from ``seed``. truncation: a
        value below 1 moves the images nearer to the mean and reduces their variety. checkpoint: latest, best, or a
        checkpoint's name. per_class: also score each class, into ``by_class``. callbacks: as in :func:`evaluate`.
        settings: ``data.*``, ``metrics.*`` and ``loop.device`` as dotted keys, e.g. ``{"data.name": "folder:PATH"}`` if
        the images were moved; a warning is logged if the images differ. accept_edits: use a ``config.yaml`` that was
        edited by hand.

        Raises GanzooError if a setting is not one of a score or the checkpoint cannot be scored. Raises NetworkMissing
        if the network of an extractor is missing.
        """
        from ganzoo.metrics.configured import score_configured
        from ganzoo.training.callbacks import as_callbacks, audience

        chosen = {"fakes": samples, "seed": seed, "names": None if metrics is None else as_names(metrics)}
        given = {f"metrics.{key}": value for key, value in chosen.items() if value is not None}
        arguments = (*as_arguments(given), *as_arguments(settings))
        if other := [key for key in map(_key, arguments) if not key.startswith(OF_SCORES)]:
            raise GanzooError(f"{', '.join(other)} cannot be set for a score; set data.*, metrics.* or loop.device")
        with collectives.joined(), audience(as_callbacks(callbacks)) as watched:
            prepare_process()
            config = load_config(Registry.load(), self.directory, arguments, scoring=True, accept_edits=accept_edits)
            if any(_key(argument).startswith("data.") for argument in arguments):
                _warn_of_other_images(config, self.directory)
            if not config.values.metrics.names:
                raise GanzooError(f"{self.path} names no metric; set metrics.names")
            device = pick_device(config.values.loop.device)
            generator = restore_generator(config, self.directory.checkpoint(checkpoint), device)
            return score_configured(
                config,
                generator,
                device,
                truncation=truncation,
                progress=watched.scoring,
                per_class=per_class,
                trained_on=str(fingerprint_of(self.directory.provenance()) or ""),
            )

    def __repr__(self) -> str:
        score = self.score
        values = "".join(f", {name} {value:.4g}" for name, value in score.values.items()) if score else ""
        return f"Run({str(self.path)!r}{values})"

    def _repr_png_(self) -> bytes | None:
        """Return the newest sample grid as PNG, for notebooks."""
        if not self.samples:
            return None
        with Image.open(self.samples[-1]) as grid, BytesIO() as stream:
            grid.save(stream, "png")
            return stream.getvalue()


def _warn_of_other_images(config: Config, directory: RunDir) -> None:
    """Log a warning if the configuration's images are not those that the run was trained on."""
    images = collectives.by_first(partial(open_configured, config))
    if fingerprint_of(directory.provenance()) not in (None, images.fingerprint):
        logger.warning(f"{config.values.data.name} holds other images or labels than {directory.path} was trained on")


def as_names(metrics: Sequence[str]) -> list[str]:
    """Return the names of metrics as a list. Raises GanzooError for one text, whose letters would be the names."""
    if isinstance(metrics, str):
        raise GanzooError(f"metrics is {metrics!r}, must be a list of names, such as [{metrics!r}]")
    return list(metrics)


def _key(setting: str) -> str:
    return setting.partition("=")[0].strip()
