"""Commands from plugins: each of them can be missing, and those of third parties work like the zoo's own."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from support.strangers import with_stranger

from ganzoo import CommandEntry, StoreEntry, hookimpl
from ganzoo.cli.commands import OWN, Zoo
from ganzoo.cli.main import main
from ganzoo.errors import GanzooError
from ganzoo.plugin import discovery
from ganzoo.plugin.registry import Registry

pytestmark = pytest.mark.seconds

FEATURES = {
    "report": {"report", "watch", "compare"},
    "explain": {"explain"},
    "play": {"play"},
    "pretrained": set(),
    "hub": {"push"},
    "export": {"export"},
    "walk": {"interpolate"},
    "score": {"fid", "score", "stats"},
}


@click.command()
@click.argument("words", nargs=-1)
def shout(words: tuple[str, ...]) -> None:
    """Write words in upper case."""
    click.echo(" ".join(words).upper())


not_a_command = "text"
SHOUT = CommandEntry(name="shout", summary="Write words in upper case.", target=f"{__name__}:shout", group="Noise")


def fetch_nothing(address: str) -> str:
    return address


@pytest.fixture
def install(monkeypatch):
    """A function that makes a registry the installed zoo."""

    def installed(registry: Registry) -> None:
        monkeypatch.setattr(Registry, "load", lambda *arguments, **options: registry)

    return installed


def with_command(entry: CommandEntry) -> Registry:
    """Return the installed zoo, not strict, with another distribution that registers a command."""
    registry = Registry.load(strict=False)
    plugin = SimpleNamespace(register_commands=hookimpl(lambda register: register(entry)))
    registry.add(lambda: plugin, "stranger", "ganzoo-stranger", "1.0")
    return registry


def without(monkeypatch, *names: str) -> None:
    points = [p for p in entry_points(group="ganzoo") if p.name not in names and p.dist and p.dist.name == "ganzoo"]
    monkeypatch.setattr(discovery, "_installed", lambda: points)


def test_help_groups_commands_of_the_core_and_of_plugins(ganzoo, install):
    install(with_stranger(SHOUT, hook="register_commands"))
    out = ganzoo("--help")[1]
    noise = out.partition("Noise:")[2]
    assert "shout  Write words in upper case." in noise
    assert out.index("Train and score:") < out.index("Look at runs:") < out.index("Noise:")
    assert all(f"  {entry.name} " in out for entry in OWN)


def test_a_strangers_command_runs(ganzoo, install):
    install(with_stranger(SHOUT, hook="register_commands"))
    assert ganzoo("shout", "real", "fake") == (0, "REAL FAKE\n", "")
    assert "did you mean shout?" in ganzoo("shuot")[2]
    assert "command, from ganzoo-absolute 1.0" in ganzoo("info", "shout")[1]


def test_a_command_of_two_distributions_is_refused_by_its_short_name(ganzoo, install):
    install(with_command(CommandEntry(name="play", summary="Another", target="x:y")))
    code, _, err = ganzoo("play", "runs/x")
    assert code == 2 and "write ganzoo:play or ganzoo-stranger:play" in err
    assert ganzoo("ganzoo:play", "--help")[0] == 0


def test_the_cores_own_names_are_taken(ganzoo, install):
    registry = with_command(CommandEntry(name="run", summary="Mine", target="x:y"))
    assert "the command 'run' is ganzoo's own" in registry.plugins[-1].error
    install(registry)
    assert ganzoo("run", "--help")[0] == 0


def test_a_target_that_is_no_command_is_one_line(ganzoo, install):
    entry = CommandEntry(name="shout", summary="Text", target=f"{__name__}:not_a_command")
    install(with_stranger(entry, hook="register_commands"))
    code, _, err = ganzoo("shout")
    assert code == 2 and "not a click command" in err and err.count("\n") == 1


def test_help_imports_no_command(monkeypatch):
    monkeypatch.setattr(Zoo, "get_command", lambda *arguments: pytest.fail("imported"))
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0


@pytest.mark.parametrize("feature", FEATURES)
def test_without_one_feature_everything_else_works(ganzoo, tiny, monkeypatch, feature):
    without(monkeypatch, feature)
    for name in FEATURES[feature]:
        code, _, err = ganzoo(name, "--help")
        assert code == 2 and f"unknown command {name!r}" in err
    for command in {entry.name for entry in OWN}.union(*FEATURES.values()) - FEATURES[feature]:
        assert ganzoo(command, "--help")[0] == 0
    assert f"  {feature} " not in ganzoo("--help")[1]
    code, out, err = ganzoo("run", "mlp+minimax", *tiny("mlp"))
    assert code == 0 and out.splitlines()[-1] == "run: runs/mlp+minimax-001" and not err
    assert Path("runs/mlp+minimax-001/report.html").exists() == (feature != "report")
    assert ganzoo("sample", "runs/mlp+minimax-001")[0] == 0
    code, _, err = ganzoo("sample", "hf://nobody")
    assert code == 2 and ("unknown store 'hf'" if feature == "hub" else "not OWNER/NAME") in err


def test_the_core_works_without_any_plugin(ganzoo, monkeypatch):
    monkeypatch.setattr(discovery, "_installed", list)
    out = ganzoo("--help")[1]
    assert all(f"  {entry.name} " in out for entry in OWN) and "Look at runs" not in out
    assert ganzoo("list")[0] == ganzoo("plugins")[0] == 0
    assert "unknown architecture 'mlp'" in ganzoo("run", "mlp+minimax")[2]


def test_no_plugins_beside_ganzoos_own_leaves_a_working_core(ganzoo, tiny, monkeypatch):
    monkeypatch.setenv("GANZOO_PLUGINS", "")
    code, out, err = ganzoo("run", "mlp+minimax", *tiny("mlp"))
    assert code == 0, err
    assert out.splitlines()[-1] == "run: runs/mlp+minimax-001"


def test_an_address_needs_a_store_of_its_name(ganzoo, install):
    assert "unknown store 's4'" in ganzoo("sample", "s4://bucket/run")[2]
    entry = StoreEntry(name="s4", summary="A bucket", target=f"{__name__}:fetch_nothing")
    install(with_stranger(entry, hook="register_stores"))
    assert "the store 's4' returned str" in ganzoo("sample", "s4://bucket/run")[2]


def test_a_failed_plugin_is_named_with_an_unknown_command(install, ganzoo):
    registry = Registry.load(strict=False, points=[])
    registry.add(lambda: 1 / 0, "broken", "ganzoo-broken", "1.0")
    install(registry)
    assert "failed to load: ganzoo-broken" in ganzoo("invert")[2]


def test_an_error_of_a_command_is_one_line(ganzoo, install, monkeypatch):
    def fail() -> None:
        raise GanzooError("no such word; choose another")

    monkeypatch.setattr(shout, "callback", lambda words: fail())
    install(with_stranger(SHOUT, hook="register_commands"))
    assert ganzoo("shout", "x") == (2, "", "ganzoo: no such word; choose another\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bench", "--results", "other", "report"], "--results before report has no effect"),
        (["bench", "--grid", "x.yaml", "verify", "y"], "--grid before verify has no effect"),
        (["bench", "verify", "empty"], "no record under empty"),
        (["bench", "--recipe", "mlp+minimax", "--kimg", "1", "--keep-weights", "-1"], "-1 is not in the range x>=0"),
    ],
)
def test_a_benchmark_command_that_would_do_nothing_is_refused(ganzoo, tmp_path, arguments, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/grid.json").write_text("{}")
    code, _, err = ganzoo(*arguments)
    assert code == 2 and says in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["sample", "run", "--seed", "99999999999999999999"],
        ["eval", "run", "--samples", str(-(2**63) - 1)],
        ["run", "mlp+minimax", "--devices", str(2**70)],
        ["bench", "--arch", "mlp", "--loss", "minimax", "--seed", str(2**64)],
        ["play", "run", "--port", str(2**64)],
    ],
)
def test_a_whole_number_beyond_64_bits_is_refused_by_every_command(ganzoo, arguments):
    code, _, err = ganzoo(*arguments)
    assert code == 2 and "does not fit into 64 bits" in err and err.count("\n") == 1


def test_so_is_a_setting(ganzoo):
    for setting in ("seed=99999999999999999999", f"loop.batch={2**63}", f"generator.width={2**63}"):
        code, _, err = ganzoo("run", "mlp+minimax", setting, "--dry-run")
        assert code == 2 and setting.partition("=")[0] in err and err.count("\n") == 1
    assert ganzoo("run", "mlp+minimax", f"seed={2**64 - 1}", "generator.width=8", "--dry-run")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "mlp+minimax", "--html", "file/x"],
        ["explain", "mlp+minimax", "--svg", "file/x/y"],
        ["run", "mlp+minimax", "generator.width=8", "loop.kimg=0.016", "metrics.names=[]", "--out", "file/x"],
        ["plugins", "new", "mine", "--kind", "loss", "--out", "file/x"],
    ],
)
def test_a_path_below_a_file_is_refused_in_one_line(ganzoo, tmp_path, arguments):
    (tmp_path / "file").touch()
    code, _, err = ganzoo(*arguments)
    assert code == 2 and "unexpected" not in err and "file" in err.splitlines()[-1]
    assert (tmp_path / "file").read_bytes() == b""


def test_an_error_of_the_system_about_a_path_is_one_line(ganzoo, monkeypatch):
    """An OSError with a path becomes one line that names the path, here while a command is looked up."""

    def fail(self, *arguments):
        raise NotADirectoryError(20, "Not a directory", "file/x")

    monkeypatch.setattr(Zoo, "get_command", fail)
    assert ganzoo("list")[::2] == (2, "ganzoo: cannot use file/x: Not a directory; name another path\n")


def test_a_dry_run_makes_the_optimizers(ganzoo):
    code, out, err = ganzoo("run", "mlp+minimax", "optimizer.discriminator.name=nope", "--dry-run")
    assert code == 2 and "'nope'" in err and out == ""
