"""Shells complete commands, recipes, settings, parts and run directories."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from support.bench_records import make_record, write_records
from support.strangers import with_stranger

from ganzoo.cli.commands import Zoo, app
from ganzoo.cli.completion import SHELLS, VALUES, VARIABLE
from ganzoo.cli.suggestions import suggest
from ganzoo.config.resolve import resolve
from ganzoo.entries import CommandEntry
from ganzoo.plugin.registry import Registry


def complete(*words: str) -> list[str]:
    """Return the completions of the last word."""
    *before, incomplete = words
    return [item.value for item in ShellComplete(app, {}, "ganzoo", VARIABLE).get_completions(before, incomplete)]


def begin_run(path: str) -> None:
    Path(path).mkdir(parents=True)
    Path(path, "config.yaml").write_text("# sha256 0\n")


def test_a_link_that_leads_to_itself_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    begin_run("runs/a")
    Path("runs/b").symlink_to("b")
    assert complete("resume", "runs/") == ["runs/a"]


def test_options_of_every_command_may_come_first(tmp_path, monkeypatch):
    assert "dcgan" in complete("info", "dcg")
    assert "dcgan" in complete("--plugin", "mine.py", "info", "dcg") and "dcgan" in complete("--debug", "info", "dcg")


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script(ganzoo, shell):
    code, out, _ = ganzoo("completion", shell)
    assert code == 0 and f"{VARIABLE}={shell}_complete" in out and "ganzoo" in out


def test_another_shell_is_refused(ganzoo):
    code, _, err = ganzoo("completion", "tcsh")
    assert code == 2 and "'bash', 'zsh', 'fish'" in err


def test_commands_of_the_core_and_of_plugins_without_importing_one(monkeypatch):
    stranger = CommandEntry(name="runic", summary="Carve", target="nowhere:none")
    registry = with_stranger(stranger, hook="register_commands")
    monkeypatch.setattr(Registry, "load", lambda **options: registry)
    monkeypatch.setattr(Zoo, "get_command", lambda *arguments: pytest.fail("imported"))
    assert complete("run") == ["run", "runs", "runic"]


def test_a_side_of_a_comparison_is_a_combination_with_a_record_or_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_records(Path("benchmarks/results"), [make_record("dcgan+minimax"), make_record("dcgan+minimax", seed=1)])
    write_records(Path("mine"), [make_record("dcgan+hinge")])
    begin_run("mine/dcgan-0")
    assert complete("bench", "compare", "dcgan+m") == ["dcgan+minimax"]
    assert complete("bench", "compare", "--results", "mine", "mlp+minimax", "dcgan+h") == ["dcgan+hinge"]
    assert complete("bench", "compare", "mine/") == ["mine/dcgan-0", "mine/grid/"]
    assert complete("bench", "compare", "unknown") == ["unknown"]  # the shell completes files


def test_options_and_commands_of_a_group():
    assert complete("run", "--dr") == ["--dry-run"]
    assert complete("bench", "ver") == ["verify"]


@pytest.mark.parametrize("command", ["run", "explain"])
def test_recipes_part_by_part(command):
    assert complete(command, "dc") == ["dcgan"]
    assert complete(command, "mlp/sn") == ["mlp/sngan"]
    assert complete(command, "dcgan+hi") == ["dcgan+hinge"]
    assert {"dcgan+hinge+r1", "dcgan+hinge+r2"} <= set(complete(command, "dcgan+hinge+r"))
    assert complete(command, "dcgan+hinge+r1+ad") == ["dcgan+hinge+r1+ada"]
    assert complete("bench", "--recipe", "dcgan+hi") == ["dcgan+hinge"]


def test_parts_of_a_stranger(monkeypatch):
    registry = with_stranger()
    monkeypatch.setattr(Registry, "load", lambda **options: registry)
    assert complete("run", "dcgan+abs") == ["dcgan+absolute"]
    assert complete("info", "abs") == ["absolute"]
    assert complete("bench", "--loss", "abs") == ["absolute"]


def test_settings_and_names_of_data_sets():
    assert complete("run", "dcgan+hinge", "loop.ki") == ["loop.kimg="]
    assert complete("run", "dcgan+hinge", "loop.kimg=1", "data.name=fash") == [
        "data.name=fashion-10k", "data.name=fashion-mnist",
    ]  # fmt: skip
    assert complete("run", "dcgan+hinge", "data.name=fol") == ["data.name=folder:"]
    assert complete("run", "dcgan+hinge", "metrics.names=fid,ki")[0] == "metrics.names=fid,kid"
    assert complete("run", "dcgan+hinge", "loop.kimg=") == []
    assert complete("bench", "--data", "mn") == ["mnist"]
    assert complete("eval", "x", "--reference", "mn") == ["mnist"]


def test_settings_as_bash_cuts_them():
    assert complete("run", "dcgan+hinge", "data.name", "=") == complete("run", "dcgan+hinge", "data.name", "=", "")
    assert complete("run", "dcgan+hinge", "data.name", "=", "mn") == ["mnist"]


def test_settings_that_name_a_part_exist(registry):
    known = resolve(registry, "mlp+minimax", None, []).as_dict()
    for key in VALUES:
        node = known
        for name in key.split("."):
            assert name in node, key
            node = node[name]


def test_run_directories(ganzoo):
    for path in ("runs/dcgan+hinge-001", "runs/mlp+minimax-001", "runs/bench/grid/row", "mine"):
        begin_run(path)
    Path("runs/.hidden").mkdir()
    assert complete("eval", "") == ["runs/bench/", "runs/dcgan+hinge-001", "runs/mlp+minimax-001", "mine"]
    assert complete("resume", "dc") == complete("resume", "runs/dc") == ["runs/dcgan+hinge-001"]
    assert complete("sample", "mi") == ["mine"]
    assert complete("report", "runs/bench/") == ["runs/bench/grid/"]
    assert complete("compare", "mine", "runs/bench/grid/") == ["runs/bench/grid/row"]
    assert complete("play", f"{Path.cwd()}/m") == [f"{Path.cwd()}/mine"]
    assert complete("run", "dcgan+hinge", "--init-from", "runs/ml") == ["runs/mlp+minimax-001"]


def test_what_is_wrong_on_the_line_is_not_complained_about(ganzoo, monkeypatch):
    assert complete("nonsense", "x") == complete("run", "dcgan+hinge", "--bogus", "x") == []
    monkeypatch.setenv("GANZOO_PLUGINS_DIR", "nowhere")
    assert complete("run", "dc") == []
    assert "eval" in complete("ev")


def test_every_argument_that_names_a_run_completes_it(registry):
    entries = [*Zoo().entries(registry).values()]
    for entry in entries:
        for param in entry.load().params:
            if isinstance(param, click.Argument) and param.name in ("run", "runs"):
                assert param._custom_shell_complete is not None, entry.name


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_in_bash_itself(ganzoo, tmp_path):
    """In bash, the script completes a recipe by running `ganzoo`, which imports no torch for it."""
    script = ganzoo("completion", "bash")[1]
    program = tmp_path / "bin/ganzoo"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "from ganzoo.cli.main import main\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules, file=sys.stderr)\n"
    )
    program.chmod(0o755)
    asked = "COMP_WORDS=(ganzoo run dcgan+hi); COMP_CWORD=2; _ganzoo_completion ganzoo; echo ${COMPREPLY[@]}"
    environment = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "--norc", "-c", f"{script}\n{asked}"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.stdout == "dcgan+hinge\n" and ended.stderr == "False\n"


def test_run_without_a_recipe_names_three_to_try(ganzoo, registry):
    code, out, err = ganzoo("run")
    assert code == 2 and err.count("\n") == 1 and "name a recipe" in err
    recipes = [line.split()[2] for line in out.splitlines()]
    assert len(recipes) == len({recipe.partition("+")[0] for recipe in recipes}) == 3
    for recipe in recipes:
        assert str(resolve(registry, recipe, None, []).recipe) == recipe
    # stylegan-lite is tuned for r1; wgan-gp brings a gradient penalty, so its recipe names none.
    assert "dcgan+wgan-gp" in recipes and "stylegan-lite+non-saturating+r1" in recipes
    assert ganzoo("info", "stylegan-lite")[1].endswith("ganzoo run stylegan-lite+non-saturating+r1\n")


def test_without_architectures_there_is_nothing_to_try(ganzoo, monkeypatch):
    registry = Registry.load(strict=False, points=[])
    assert suggest(registry) == []
    monkeypatch.setattr(Registry, "load", lambda **options: registry)
    code, out, err = ganzoo("run")
    assert (code, out) == (2, "") and "name a recipe, ARCH+LOSS" in err
