"""The command line: runs, samples, dry runs, bad input, and the lists of parts."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from PIL import Image

from ganzoo.cli.main import main

pytestmark = pytest.mark.seconds


FAULTY = """\
from ganzoo import LossEntry, hookimpl
from ganzoo.interfaces import Loss

@hookimpl
def register_losses(register):
    register(LossEntry(name="faulty", summary="A loss", target="faulty:Faulty"))


class Faulty(Loss):
    def discriminator(self, *, d_real, d_fake):
        settings = {}
        return settings["gamma"] * d_real.mean()

    def generator(self, *, d_real, d_fake):
        return -d_fake.mean()
"""


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    """A small finished run, trained once for all tests."""
    directory = tmp_path_factory.mktemp("finished") / "run"
    with pytest.raises(SystemExit) as stop:
        main(["run", "stylegan-lite+non-saturating", *tiny("stylegan-lite"), "--out", str(directory)])
    assert not stop.value.code
    return directory


@pytest.fixture
def run_dir(finished, tmp_path):
    """A copy of the finished run for each test, as a path relative to the working directory."""
    shutil.copytree(finished, tmp_path / "runs/copy")
    return "runs/copy"


def test_a_run_says_where_it_is(ganzoo, tiny, tmp_path):
    code, out, _ = ganzoo("run", "mlp+minimax", *tiny("mlp"))
    assert code == 0
    assert "score: none" in out
    assert out.splitlines()[-1] == "run: runs/mlp+minimax-001"
    assert (tmp_path / "runs/mlp+minimax-001/config.yaml").exists()
    assert ganzoo("run", "mlp+minimax", *tiny("mlp"))[1].splitlines()[-1] == "run: runs/mlp+minimax-002"


def test_a_run_can_be_repeated_from_its_config(ganzoo, run_dir):
    code, out, err = ganzoo("run", "--config", f"{run_dir}/config.yaml", "--out", "again")
    assert code == 0, err
    assert out.splitlines()[-1] == "run: again"


def test_a_grid_and_single_images(ganzoo, run_dir, tmp_path):
    assert ganzoo("sample", run_dir, "-n", "4", "--out", "grid.png")[0] == 0
    assert Image.open(tmp_path / "grid.png").size == (2 * 28 + 6, 2 * 28 + 6)
    assert ganzoo("sample", run_dir, "-n", "3", "--out", "single", "--truncation", "0.5")[0] == 0
    files = sorted((tmp_path / "single").iterdir())
    assert [f.name for f in files] == ["000000.png", "000001.png", "000002.png"]
    assert {Image.open(f).size for f in files} == {(28, 28)}
    assert ganzoo("sample", run_dir, "-n", "3", "--out", "single")[0] == 2  # the directory is not empty


def test_a_sample_depends_on_its_seed_alone(ganzoo, run_dir, tmp_path):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        ganzoo("sample", run_dir, "--seed", seed, "--out", f"{name}.png")
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["metrics.names=nope"], "unknown metric 'nope'"), (["--devices", "7"], "cannot be shared evenly by 7 devices")],
)
def test_a_dry_run_refuses_what_a_run_refuses(ganzoo, arguments, says):
    code, out, err = ganzoo("run", "mlp+minimax", "--dry-run", *arguments)
    assert (code, out) == (2, "") and says in err


def test_a_dry_run_writes_nothing(ganzoo, tmp_path):
    code, out, _ = ganzoo("run", "dcgan+wgan-gp", "--dry-run", "loop.batch=8")
    assert code == 0
    assert "(8, 64) -> (8, 1, 28, 28)" in out and "batch: 8" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run"], "name a recipe"),
        (["run", "dcgna+wgan-gp"], "did you mean dcgan"),
        (["run", "dcgan+wgan-gp", "loop.bacth=1"], "did you mean 'loop.batch'"),
        (["run", "dcgan+wgan-gp", "discriminator.norm=batch"], "discriminator.norm=batch"),
        (["run", "dcgan+wgan-gp", "data.size=30"], "data.size"),
        (["run", "dcgan+wgan-gp", "loop.device=cuda:9"], "device cuda:9: "),
        (["run", "dcgan+wgan-gp", "--init-from", "nowhere"], "not a run directory"),
        (["run", "dcgan+wgan-gp", "data.name=folder:nowhere"], "nowhere"),
        (["run", "dcgan+wgan-gp", "data.name=folder"], "folder:PATH"),
        (["resume", "nowhere"], "not a run directory"),
        (["eval", "nowhere"], "not a run directory"),
        (["sample", "nowhere", "-n", "0"], "--count is 0"),
        (["info", "dcgn"], "did you mean dcgan"),
        (["run", "dcgan+wgan-gp", "--bogus"], "--bogus"),
        (["rnu"], "rnu"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(ganzoo, tmp_path, arguments, says):
    code, _, err = ganzoo(*arguments)
    assert code == 2
    assert says in err and err.count("\n") == 1 and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []  # nothing was written before the error


def test_sampling_refuses_what_the_generator_cannot(ganzoo, run_dir):
    assert "not class-conditional" in ganzoo("sample", run_dir, "--class", "3")[2]
    assert "from 0 to 1" in ganzoo("sample", run_dir, "--truncation", "2")[2]
    assert "no checkpoint 'first'" in ganzoo("sample", run_dir, "--checkpoint", "first")[2]


def test_debug_shows_the_traceback():
    command = [sys.executable, "-m", "ganzoo", "run", "dcgna+minimax", "--debug"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "Traceback" in result.stderr and result.returncode == 1


def test_an_error_in_a_plugins_code_names_its_line(ganzoo, tmp_path, tiny):
    (tmp_path / "faulty.py").write_text(FAULTY)
    code, _, err = ganzoo("run", "mlp+faulty", *tiny("mlp"), "--plugin", str(tmp_path / "faulty.py"))
    assert code == 1 and f"unexpected KeyError at {tmp_path.name}/faulty.py:12: 'gamma' (run again with --debug" in err


def test_info_and_list_show_the_zoo(ganzoo):
    code, out, _ = ganzoo("info", "wgan-gp")
    assert code == 0 and "1704.00028" in out and "adds: gp" in out
    out = ganzoo("list")[1]
    assert all(name in out for name in ("stylegan-lite", "non-saturating", "r1", "fashion-10k", "kid"))
    assert "ganzoo" in ganzoo("plugins")[1]


def test_every_entry_can_be_explained(ganzoo, registry):
    for entries in registry.entries.values():
        for name in entries:
            assert ganzoo("info", name)[0] == 0


def test_listing_imports_no_template_engine():
    code = (
        "import sys\n"
        "from ganzoo.cli.main import main\n"
        "try: main(['list'])\n"
        "except SystemExit: pass\n"
        "print({'jinja2', 'torch'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout.endswith("set()\n"), ended.stderr


def test_a_batch_that_does_not_fit_into_memory_is_one_line(ganzoo, tiny):
    code, _, err = ganzoo("run", "mlp+minimax", *tiny("mlp"), "loop.batch=1000000000000000")
    assert code == 2
    assert err.splitlines()[-1].startswith("ganzoo: out of memory; choose a smaller loop.batch or network, or ")
    assert "unexpected" not in err


def test_a_run_without_metrics_is_not_scored_in_silence(ganzoo, run_dir):
    code, out, err = ganzoo("eval", run_dir)
    assert (code, out) == (2, "") and f"{run_dir} names no metric; set metrics.names" in err
