from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from ganzoo import LossEntry, PenaltyEntry, hookimpl, hookspecs
from ganzoo.cli.main import main
from ganzoo.entries import NoParams, load_target
from ganzoo.entry import construct
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Loss
from ganzoo.plugin.registry import Registry


def plugin(**functions) -> ModuleType:
    module = ModuleType("stranger")
    for name, function in functions.items():
        setattr(module, name, hookimpl(function))
    return module


def loss(name: str) -> LossEntry:
    return LossEntry(name=name, summary="a loss", target="somewhere:Loss")


@pytest.fixture
def fresh() -> Registry:
    registry = Registry(strict=False)

    def register_losses(register):
        register(loss("good"))

    registry.add(lambda: plugin(register_losses=register_losses), "good", "good-dist", "1.0")
    return registry


def broken_import():
    raise ImportError("no module named nothing")


def misspelt(register):
    register(loss("never"))


def twice(register):
    register(loss("half"))
    register(loss("half"))


def badly_named(register):
    register(loss("half"))
    register(loss("a+b"))


def losses(register):
    register(loss("half"))


def raising(register):
    raise RuntimeError("no more")


def watching(run):
    raise AssertionError("not of a plugin that failed")


def wrong_type(register):
    register(PenaltyEntry(name="p", summary="", target="x:y"))


def returning(register):
    return [loss("never")]


def with_fields(**fields):
    return lambda register: register(LossEntry(name="half", summary="a loss", target="somewhere:Loss", **fields))


def wrong_signature(registry):
    registry(loss("never"))


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (broken_import, "ImportError: no module named nothing"),
        (lambda: plugin(register_loses=misspelt), "register_loses"),
        (lambda: plugin(register_losses=twice), "bad-dist registers the loss 'half' twice"),
        (lambda: plugin(register_losses=badly_named), "the loss name 'a+b' must be lower-case letters and digits"),
        (lambda: plugin(register_losses=losses, register_penalties=raising), "RuntimeError: no more"),
        (lambda: plugin(run_started=watching, register_losses=losses, run_finnished=raising), "run_finnished"),
        (lambda: ModuleType("nothing"), "it has no hook; mark its functions with @ganzoo.hookimpl"),
        (lambda: plugin(register_losses=wrong_type), "takes LossEntry, was given PenaltyEntry"),
        (lambda: plugin(register_losses=wrong_signature), "registry"),
        (lambda: plugin(register_losses=returning), "register_losses returned a list; call register(entry) for each"),
        (
            lambda: plugin(register_losses=with_fields(needs=("classes",))),
            "needs is ('classes',), must be of type Needs",
        ),
        (lambda: plugin(register_losses=with_fields(params=dict)), "params is <class 'dict'>, must be a dataclass"),
        (lambda: plugin(register_losses=with_fields(discriminator_steps="2")), "must be of type int"),
        (lambda: sys.exit(3), "SystemExit"),
    ],
)
def test_a_broken_plugin_is_reported_and_the_rest_works(fresh, load, reason):
    report = fresh.add(load, "bad", "bad-dist", "2.0")
    assert reason in report.error
    assert (report.distribution, report.version, report.registered, report.hooks) == ("bad-dist", "2.0", [], [])
    assert list(fresh.entries["loss"]) == ["good"]  # the entries of the failed plugin are removed
    assert fresh.clashes == {}
    assert not fresh.notify("run_started", run=None, config=None)  # and so are its hooks
    assert fresh.get(LossEntry, "good").name == "good"


def test_strict_turns_a_failure_into_an_error():
    with pytest.raises(GanzooError, match=r"bad-dist 2\.0"):
        Registry(strict=True).add(broken_import, "bad", "bad-dist", "2.0")


def test_an_unknown_name_mentions_plugins_that_failed(fresh):
    fresh.add(broken_import, "bad", "bad-dist", "2.0")
    with pytest.raises(GanzooError, match="failed to load: bad-dist"):
        fresh.get(LossEntry, "absent")


def test_life_cycle_hooks_are_isolated(fresh):
    seen = []

    def failing(run):
        raise RuntimeError("disk on fire")

    def watching(run, score):
        seen.append((run, score))

    fresh.add(lambda: plugin(run_finished=watching), "first", "d", "1")
    fresh.add(lambda: plugin(run_finished=failing), "failing", "d", "1")
    fresh.add(lambda: plugin(run_finished=watching), "last", "d", "1")
    warnings = fresh.notify("run_finished", run="R", score={})
    assert seen == [("R", {})] * 2
    assert len(warnings) == 1 and "disk on fire" in warnings[0] and "d:failing" in warnings[0]


def test_the_first_party_zoo_registers_through_entry_points(registry):
    owners = {
        plugin.name
        for plugin in registry.plugins
        for name in ("mlp", "dcgan", "stylegan-lite")
        if ("architecture", name) in plugin.registered
    }
    assert owners == {"mlp", "dcgan", "stylegan-lite"}
    assert all(plugin.distribution and plugin.version for plugin in registry.plugins)


def test_without_plugins_nothing_is_registered():
    assert not any(Registry.load(points=[]).entries.values())


def test_a_missing_target_is_one_line():
    with pytest.raises(GanzooError, match="cannot load 'nowhere:Thing'"):
        load_target("nowhere:Thing")
    with pytest.raises(GanzooError, match=r"the target 'nowhere\.Thing' must be module:Name"):
        load_target("nowhere.Thing")


LIMIT = 3


class Unfinished(Loss):
    """A loss without the generator's side."""

    def discriminator(self, d_real, d_fake):
        return d_fake.mean() - d_real.mean()


class WithoutParams(Unfinished):
    """A loss that does not accept the parameters which it is given."""

    def __init__(self):
        pass

    def generator(self, d_fake):
        return -d_fake.mean()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Unfinished", "Unfinished must define generator; correct the plugin"),
        (
            "WithoutParams",
            r"cannot call .*:WithoutParams\(NoParams\): too many positional arguments; correct the plugin",
        ),
        ("LIMIT", r"cannot call .*:LIMIT\(NoParams\): 3 is not a callable object; correct the plugin"),
    ],
)
def test_a_target_that_cannot_be_called_is_one_line(name, message):
    entry = LossEntry(name="odd", summary="Odd", target=f"{__name__}:{name}")
    with pytest.raises(GanzooError, match=message):
        entry.construct(NoParams())


def test_a_target_is_called_even_if_it_has_no_signature():
    assert construct("builtins:min", 3, 1) == 1


def imports_none_of(modules: tuple[str, ...], arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from ganzoo.cli.main import main\n"
        f"try:\n    main({arguments!r})\n"
        "except SystemExit as stop:\n    assert stop.code == 0, stop.code\n"
        f"assert not set(sys.modules) & set({modules!r}), set(sys.modules) & set({modules!r})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["info", "dcgan"], ["plugins"], ["run", "--help"]])
def test_listing_never_imports_torch(arguments):
    imports_none_of(("torch", "omegaconf", "pydantic", "jinja2", "PIL"), arguments)


def test_a_dry_run_imports_nothing_as_slow_as_torch_beside_it():
    imports_none_of(("torchvision", "timm", "torch_fidelity"), ["run", "dcgan+wgan-gp", "--dry-run"])


def test_hooks_that_are_to_go_warn_beside_the_plugin_that_has_them(fresh, capsys, monkeypatch):
    """Deprecated hooks and arguments warn, as docs/hooks/README.md promises; `Later` stands in for a later version."""

    class Later:
        @hookspecs.hookspec(warn_on_impl=DeprecationWarning("run_began goes with 0.3; use run_started"))
        def run_began(self, run):
            pass

        @hookspecs.hookspec(warn_on_impl_args={"place": DeprecationWarning("place goes with 0.3; use run")})
        def run_paused(self, run, place):
            pass

    def run_began(run):
        pass

    def run_paused(place):
        pass

    fresh._manager.add_hookspecs(Later)
    report = fresh.add(lambda: plugin(run_began=run_began, run_paused=run_paused), "old", "old-dist", "1.0")
    assert report.error == "" and report.hooks == ["run_began", "run_paused"]
    assert report.warnings == ["run_began goes with 0.3; use run_started", "place goes with 0.3; use run"]
    monkeypatch.setattr(Registry, "load", lambda *_, **__: fresh)
    with pytest.raises(SystemExit):
        main(["plugins"])
    assert "  run_began goes with 0.3; use run_started\n" in capsys.readouterr().out


def test_a_hook_takes_those_arguments_that_it_names(fresh):
    """A hook is called with only the arguments that it names, so that a later version can add new ones."""
    seen = []

    def nothing():
        seen.append("nothing")

    def some(score):
        seen.append(score)

    def both(score, run):
        seen.append((run, score))

    for number, function in enumerate((nothing, some, both)):
        assert not fresh.add(lambda f=function: plugin(run_finished=f), f"p{number}", "d", "1").error
    assert not fresh.add(lambda: plugin(register_losses=nothing), "p3", "d", "1").error
    assert not fresh.notify("run_finished", run="R", score={}, later="an argument of a later version")
    assert seen == ["nothing", "nothing", {}, ("R", {})]


def test_a_misspelt_hook_is_told_its_name(fresh):
    assert fresh.add(lambda: plugin(run_finnished=watching), "p", "d", "1").error == (
        "TypeError: unknown hook 'run_finnished'; did you mean run_finished?"
    )
    assert (
        "unknown hook 'paint'; there are register_architectures, "
        in fresh.add(lambda: plugin(paint=watching), "q", "d", "1").error
    )
