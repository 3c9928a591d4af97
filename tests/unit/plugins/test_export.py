"""Exported generators make the same images as the run."""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

import ganzoo_stylegan_lite
from ganzoo.cli.main import main
from ganzoo.entries import ArchitectureEntry, ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo_export import onnx as module
from ganzoo_export.onnx import OPSET, TOLERANCE, check_format, export_generator

pytestmark = pytest.mark.seconds

ARCHITECTURES = ["mlp", "dcgan", "sngan", "stylegan-lite"]
BY_CLASS = ["dcgan by class", "sngan by class", "stylegan-lite by class", "biggan-lite by class"]
IMAGE = ImageSpec(3, 8, 5)


@pytest.fixture(scope="module")
def make(registry):
    """A function that makes a small generator with noise and with running means that are not the initial ones."""

    def made(name: str) -> Generator:
        entry = registry.get(ArchitectureEntry, name.removesuffix(" by class"))
        params = entry.generator_params()
        params.width = 8
        if name.endswith(" by class"):
            params.conditional = True
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            generator = entry.load_generator()(IMAGE, params)
            rng = torch.Generator().manual_seed(1)
            for _ in range(3):
                generator(generator.sample_latents(16, rng), torch.arange(16) % IMAGE.classes, rng=rng)
            for name, parameter in generator.named_parameters():
                if "noise" in name:
                    nn.init.constant_(parameter, 0.5)
        return generator.to(memory_format=torch.channels_last).eval()

    return made


@pytest.fixture(scope="module")
def stylegan_program(make, tmp_path_factory) -> Path:
    """The exported program of ``stylegan-lite``, written once for several tests."""
    file = tmp_path_factory.mktemp("program") / "g.pt2"
    export_generator(make("stylegan-lite"), "torch", file)
    return file


class Conditional(Generator):
    """A generator of one colour for each class, shifted by the latents. It calls len(), as users' code does."""

    conditional = True

    def __init__(self) -> None:
        super().__init__()
        self.image, self.latent_dim = IMAGE, 3
        self.colours = nn.Embedding(IMAGE.classes, 3)

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        made = torch.tanh(latents + self.colours(labels))
        return made[:, :, None, None].expand(len(latents), 3, 8, 8)


class Branching(Conditional):
    conditional, has_truncation = False, True

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        return (latents if truncation == 1 else latents * truncation)[:, :, None, None].expand(-1, 3, 8, 8).clamp(-1, 1)


class Noisy(Conditional):
    conditional = False

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        return torch.rand(latents.shape[0], 3, 8, 8) * 2 - 1


def labels_of(generator: Generator) -> dict[str, torch.Tensor]:
    return {"labels": torch.arange(7) % IMAGE.classes} if generator.conditional else {}


@pytest.mark.parametrize("name", [*ARCHITECTURES, "biggan-lite by class"])
def test_a_torch_program_makes_the_same_images_in_any_number(make, name, tmp_path):
    generator, file = make(name), tmp_path / "made/generator.pt2"
    assert export_generator(generator, "torch", file) <= TOLERANCE
    program = torch.export.load(file).module()
    latents = generator.sample_latents(7, torch.Generator().manual_seed(5))
    for truncation in (1.0, 0.3) if generator.has_truncation else (1.0,):
        given = {"truncation": torch.tensor(truncation)} if generator.has_truncation else {}
        with torch.no_grad():
            expected = generator(latents, **labels_of(generator), truncation=truncation)
            assert torch.allclose(program(latents=latents, **labels_of(generator), **given), expected, atol=TOLERANCE)
    assert [path.name for path in file.parent.iterdir()] == ["generator.pt2"]


@pytest.mark.parametrize("name", [*ARCHITECTURES, *BY_CLASS])
def test_onnx_runtime_makes_the_same_images_in_any_number(make, name, tmp_path):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    generator, file = make(name), tmp_path / "generator.onnx"
    assert export_generator(generator, "onnx", file) <= TOLERANCE
    session = onnxruntime.InferenceSession(file)
    inputs = {"latents": ["N", generator.latent_dim]} | ({"labels": ["N"]} if generator.conditional else {})
    inputs |= {"truncation": []} if generator.has_truncation else {}
    assert {i.name: i.shape for i in session.get_inputs()} == inputs
    types = {i.name: i.type for i in [*session.get_inputs(), *session.get_outputs()]}
    assert types == {name: "tensor(int64)" if name == "labels" else "tensor(float)" for name in types}
    assert {o.name: o.shape for o in session.get_outputs()} == {"images": ["N", 3, 8, 8]}
    latents = generator.sample_latents(7, torch.Generator().manual_seed(5))
    for truncation in (1.0, 0.3) if generator.has_truncation else (1.0,):
        given = {"truncation": torch.tensor(truncation).numpy()} if generator.has_truncation else {}
        labels = labels_of(generator)
        given |= {name: value.numpy() for name, value in labels.items()}
        (made,) = session.run(None, {"latents": latents.numpy(), **given})
        with torch.no_grad():
            expected = generator(latents, **labels, truncation=truncation)
        assert torch.allclose(torch.from_numpy(made), expected, atol=TOLERANCE)
    assert str(Path(module.__file__).parent).encode() not in file.read_bytes()
    model = onnx.load(file)
    onnx.checker.check_model(model)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]
    assert [path.name for path in tmp_path.iterdir()] == ["generator.onnx"]


def test_truncation_changes_what_is_made(make, stylegan_program):
    program = torch.export.load(stylegan_program).module()
    latents = torch.randn(2, make("stylegan-lite").latent_dim)
    full, mean = (program(latents=latents, truncation=torch.tensor(value)) for value in (1.0, 0.0))
    assert not torch.allclose(full, mean, atol=0.01) and torch.allclose(mean[0], mean[1], atol=1e-5)


def test_labels_are_an_input_where_they_are_used(tmp_path):
    generator = Conditional().eval()
    export_generator(generator, "torch", tmp_path / "g.pt2")
    program, labels = torch.export.load(tmp_path / "g.pt2").module(), torch.tensor([4, 0, 2, 2])
    made = program(latents=torch.zeros(4, 3), labels=labels)
    assert torch.allclose(made[..., 0, 0], torch.tanh(generator.colours(labels)), atol=TOLERANCE)
    onnxruntime = pytest.importorskip("onnxruntime")
    export_generator(generator, "onnx", tmp_path / "g.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "g.onnx")
    found = session.run(None, {"latents": torch.zeros(4, 3).numpy(), "labels": labels.numpy()})[0]
    assert torch.allclose(torch.from_numpy(found), made, atol=TOLERANCE)


def test_a_file_tells_nothing_of_this_machine_and_holds_no_classes(stylegan_program):
    with zipfile.ZipFile(stylegan_program) as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    places = [str(Path(part.__file__).parent).encode() for part in (module, torch, ganzoo_stylegan_lite)]
    assert not any(place in content for content in contents for place in places)
    inputs = zipfile.ZipFile(io.BytesIO(next(content for content in contents if b"data.pkl" in content)))
    (pickled,) = (inputs.read(name) for name in inputs.namelist() if name.endswith("data.pkl"))
    named = {str(value) for code, value, _ in pickletools.genops(pickled) if code.name in ("GLOBAL", "STACK_GLOBAL")}
    assert named <= {"torch._utils _rebuild_tensor_v2", "torch FloatStorage", "collections OrderedDict"}


@pytest.mark.parametrize(
    ("generator", "says"),
    [(Branching(), "Branching cannot be exported: .* must not branch"), (Noisy(), "differ by .* nothing was written")],
)
def test_what_cannot_be_exported_leaves_nothing(generator, says, tmp_path, capfd):
    with pytest.raises(GanzooError, match=says) as caught:
        export_generator(generator.eval(), "torch", tmp_path / "g.pt2")
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_wrong_file_is_refused(make, tmp_path, monkeypatch):
    """If the written file computes something else, it is refused and removed."""

    def not_numbers(inputs):
        return torch.full((len(inputs["latents"]), 3, 8, 8), float("nan"))

    monkeypatch.setattr(module, "_read_torch", lambda file: not_numbers)
    with pytest.raises(GanzooError, match="differ by inf"):
        export_generator(make("mlp"), "torch", tmp_path / "g.pt2")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_names_the_extra(monkeypatch):
    found = module.importlib.util.find_spec
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name))
    with pytest.raises(GanzooError, match=r"needs .*onnxruntime: pip install 'ganzoo\[export\]'"):
        check_format("onnx")
    check_format("torch")
    with pytest.raises(GanzooError, match="must be onnx or torch"):
        check_format("tflite")


@pytest.mark.long
def test_the_command_says_what_the_file_takes_and_gives(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def ganzoo(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        return (stop.value.code, *capsys.readouterr())

    assert ganzoo("run", "stylegan-lite+minimax", *tiny("stylegan-lite", kimg=0.032), "--out", "run")[0] == 0
    code, out, _ = ganzoo("export", "run", "--format", "torch")
    assert code == 0
    assert "input: latents float32 (N, 64)\ninput: truncation float32 scalar, 0 to 1\n" in out
    assert out.splitlines()[-1] == "exported: run/generator.pt2" and (tmp_path / "run/generator.pt2").is_file()
    for arguments, says in [
        (["run", "--format", "torch", "--out", "run"], "run is a directory"),
        (["run", "--format", "torch", "--out", "run/config.yaml/g.pt2"], "cannot write"),
        (["run", "--format", "torch", "--checkpoint", "first"], "no checkpoint 'first'"),
        (["nowhere", "--format", "torch"], "not a run directory"),
        (["run", "--format", "jpeg"], "must be onnx or torch"),
    ]:
        code, _, err = ganzoo("export", *arguments)
        assert code == 2 and says in err and err.count("\n") == 1


class Willing(Generator):
    """A generator that would read labels if the images had any."""

    conditional = True

    def __init__(self) -> None:
        super().__init__()
        self.image, self.latent_dim = ImageSpec(1, 8), 4
        self.layer = nn.Linear(4, 64)

    def forward(self, latents, labels=None, *, truncation=1.0, rng=None):
        assert labels is None
        return self.layer(latents).tanh().view(-1, 1, 8, 8)


def test_a_generator_that_reads_labels_if_there_are_any_has_no_such_input(tmp_path):
    assert export_generator(Willing().eval(), "torch", tmp_path / "g.pt2") <= TOLERANCE
    with pytest.raises(GanzooError, match="this generator is not class-conditional"):
        Willing().eval().sample(2, seed=0, labels=1)
