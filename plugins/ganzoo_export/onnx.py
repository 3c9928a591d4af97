"""Writes a generator as one file for other programs: ONNX, or a program of ``torch.export``.

Inputs: ``latents`` float32 ``(N, latent_dim)``; ``labels`` int64 ``(N,)`` if the generator is conditional;
``truncation``, a float32 scalar, if the generator supports it. Output: ``images`` float32 ``(N, C, H, W)`` in
[-1, 1]. N is free. Noise is at its mean instead of drawn, so an image depends only on the inputs.

The names of the classes, if known, are a JSON list in the order of the labels: ``class_names`` in the metadata of an
ONNX model, the extra file ``class_names.json`` of a program. The metadata of an ONNX model also describes each input.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from io import StringIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn.utils import parametrize

from ganzoo.drawing import takes_labels
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.runs.class_names import CLASS_NAMES
from ganzoo.utils.files import whole_file
from ganzoo.utils.waiting import waiting

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
NEEDED = ("onnx", "onnxscript", "onnxruntime")  # only for ONNX
OPSET = 18
TOLERANCE = 1e-4

Inputs = Mapping[str, Tensor]


class Exported(nn.Module):
    """A generator as a function of its named inputs, without random noise."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor, labels: Tensor | None = None, truncation: Tensor | None = None) -> Tensor:
        return self.generator(latents, labels, rng=None, truncation=1.0 if truncation is None else truncation)


def check_format(form: str) -> None:
    """Raise GanzooError if the format is unknown or its packages are not installed."""
    if form not in SUFFIXES:
        raise GanzooError(f"--format is {form!r}, must be {' or '.join(SUFFIXES)}")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None] if form == "onnx" else []
    if missing:
        raise GanzooError(f"ONNX needs {', '.join(missing)}: pip install 'ganzoo[export]'")


def export_generator(generator: Generator, form: str, file: Path, class_names: Sequence[str] = ()) -> float:
    """Write an eval-mode generator on the CPU as ``onnx`` or ``torch``. The file is written completely or not at all.

    form: ``onnx`` or ``torch``. class_names: in the order of the labels, () if unknown; saved in the file of a
    conditional generator. Returns the largest difference of a pixel between the file's images and the generator's own.
    Raises GanzooError if the generator cannot be traced, if the file cannot be written, or if that difference is above
    ``TOLERANCE``.
    """
    check_format(form)
    model = Exported(generator.to(memory_format=torch.contiguous_format))
    if file.is_dir():
        raise GanzooError(f"{file} is a directory; name a file, for example {file / f'generator{SUFFIXES[form]}'}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as partial, waiting("tracing, writing and checking the generator", 3, "steps") as advance:
            with torch.no_grad():
                program = _trace(Exported(_with_weights_fixed(model.generator)))
                advance()
                notes = describe_inputs(generator, class_names)
                (_write_onnx if form == "onnx" else _write_torch)(program, partial, notes)
                advance()
                difference = _difference(model, (_read_onnx if form == "onnx" else _read_torch)(partial))
                advance()
            if not difference <= TOLERANCE:
                raise GanzooError(
                    f"the exported generator's images differ by {difference:.2g} from its own, more than "
                    f"{TOLERANCE:g}; nothing was written"
                )
    except OSError as error:
        raise GanzooError(f"cannot write {file}: {error.strerror or error}; choose another --out") from error
    return difference


def example_inputs(generator: Generator, count: int, truncation: float, seed: int = 0) -> dict[str, Tensor]:
    """Return example inputs of this generator for ``count`` images, by name."""
    rng = torch.Generator().manual_seed(seed)
    inputs = {"latents": generator.sample_latents(count, rng)}
    if takes_labels(generator):
        inputs["labels"] = torch.randint(generator.image.classes, (count,), generator=rng)
    if generator.has_truncation:
        inputs["truncation"] = torch.tensor(truncation)
    return inputs


def _with_weights_fixed(generator: Generator) -> Generator:
    """Return a copy that holds the weights as normalised in evaluation mode, without spectral normalisation."""
    copy = deepcopy(generator)
    for module in list(copy.modules()):
        if parametrize.is_parametrized(module):
            made = {name: getattr(module, name).detach() for name in module.parametrizations}  # type: ignore[union-attr]
            # remove_parametrizations() would also change the original's weights, since the copy shares its class.
            del module.parametrizations
            module.__class__ = type(module).__bases__[0]
            for name, value in made.items():
                module.register_parameter(name, nn.Parameter(value))
    return copy


def describe_inputs(generator: Generator, class_names: Sequence[str] = ()) -> dict[str, str]:
    """Return a description of each input, by its name, and the names of the classes as JSON if they are known."""
    inputs = example_inputs(generator, 2, 1.0)
    notes = {}
    for name, value in inputs.items():
        shape = f"({', '.join(['N', *map(str, value.shape[1:])])})" if value.ndim else "scalar, 0 to 1"
        notes[name] = f"{str(value.dtype).removeprefix('torch.')} {shape}"
    if "labels" in notes:
        classes = generator.image.classes
        notes["labels"] += f", the class of each image, 0 to {classes - 1}"
        if len(class_names) == classes:
            notes[CLASS_NAMES] = json.dumps(list(class_names))
    return notes


def _trace(model: Exported) -> ExportedProgram:
    inputs = example_inputs(model.generator, 2, 0.7)
    batch = Dim("batch", min=1)
    shapes = {name: {0: batch} if value.ndim else None for name, value in inputs.items()}
    problem = ""
    # Strict tracing also follows Python's own calls, such as len() of a tensor, but supports less of Python.
    for strict in (False, True):
        try:
            with _quietly():
                program = torch.export.export(model, (), inputs, dynamic_shapes=shapes, strict=strict)
            return _without_traces(program)
        except Exception as error:
            problem = problem or " ".join(str(error).split("\n")[0].split())
    raise GanzooError(
        f"{type(model.generator).__name__} cannot be exported: {problem}; its forward() must not branch on tensor "
        "values (truncation included) or on the number of images"
    )


def _without_traces(program: ExportedProgram) -> ExportedProgram:
    """Return the program without stack traces, which name this machine's files."""
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)
    return program


def _write_torch(program: ExportedProgram, file: Path, notes: Mapping[str, str]) -> None:
    names = {f"{CLASS_NAMES}.json": notes[CLASS_NAMES]} if CLASS_NAMES in notes else {}
    with _quietly(), file.open("wb") as stream:
        torch.export.save(program, stream, extra_files=names)


def _read_torch(file: Path) -> Callable[[Inputs], Tensor]:
    with file.open("rb") as stream:
        module = torch.export.load(stream).module()
    return lambda inputs: module(**inputs)


def _write_onnx(program: ExportedProgram, file: Path, notes: Mapping[str, str]) -> None:
    inputs = program.example_inputs[1]
    try:
        with _quietly():
            made = torch.onnx.export(
                program,
                input_names=list(inputs),
                output_names=["images"],
                dynamic_shapes={name: {0: "N"} if value.ndim else None for name, value in inputs.items()},
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
            assert made is not None
            for node in made.model.graph.all_nodes():  # debug notes of torch, as large as the graph
                node.metadata_props.clear()
            made.model.metadata_props.update(notes)
            made.save(file)
    except OSError:
        raise
    except Exception as error:
        raise GanzooError(f"this generator cannot be written as ONNX: {' '.join(str(error).split())[:300]}") from error


def _read_onnx(file: Path) -> Callable[[Inputs], Tensor]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return lambda inputs: torch.from_numpy(session.run(["images"], {k: v.numpy() for k, v in inputs.items()})[0])


def _difference(model: Exported, exported: Callable[[Inputs], Tensor]) -> float:
    """Return the largest difference of any pixel, over batches of 1 and 3, with and without truncation.

    NaN counts as infinite.
    """
    largest = 0.0
    for count in (1, 3):
        for truncation in (1.0, 0.5):
            inputs = example_inputs(model.generator, count, truncation, seed=count)
            # Truncation is a number here, not a tensor, as in `ganzoo sample`.
            number = truncation if model.generator.has_truncation else 1.0
            expected = model.generator(inputs["latents"], inputs.get("labels"), truncation=number)
            found = exported(inputs)
            if found.shape != expected.shape:
                raise GanzooError(
                    f"the exported generator makes {tuple(found.shape)}, expected {tuple(expected.shape)}"
                )
            difference = (found - expected).abs().max().nan_to_num(nan=float("inf")).item()
            largest = max(largest, difference)
    return largest


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence logging, warnings and output while tracing, since they are of use only to developers of torch."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
