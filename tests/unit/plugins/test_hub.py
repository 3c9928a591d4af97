"""Tests of `ganzoo push` and of hf:// addresses, with the client of huggingface_hub and a hub in this process."""

from __future__ import annotations

import json
import pickle
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCardData
from PIL import Image
from rich.console import Console
from support.hub import TOKEN, Hub
from support.runs import start
from support.strangers import ABSOLUTE, with_stranger

from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.console.display import Display
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.run import Run
from ganzoo.runs.load import load_generator
from ganzoo.runs.reproduce import data_setting, public_name, repeat_command
from ganzoo.runs.run_dir import RunDir
from ganzoo_hub import client
from ganzoo_hub.card import write_card
from ganzoo_hub.publish import write_publication

pytestmark = pytest.mark.seconds

PROTOCOL = {"reference": "fashion-10k", "fake_pictures": 64, "seed": 0, "metrics": {"fid": "a distance"}}
PUBLISHED = {"README.md", "config.yaml", "provenance.json", "samples.png", "score.json",
             "checkpoints/kimg000000.032/ema.safetensors", "checkpoints/kimg000000.032/meta.json"}  # fmt: skip


@pytest.fixture
def trained(tiny, tmp_path):
    """A function that trains a small run and, if ``score`` is given, writes that score."""

    def train(recipe="mlp+minimax", settings=(), registry=None, score=None, name="run") -> Path:
        registry = registry or Registry.load(strict=True)
        config = resolve(registry, recipe, None, [*tiny("mlp", kimg=0.032), *settings])
        start(registry, config, Display(Console(quiet=True)), out=tmp_path / name)
        if score:
            line = {"checkpoint": "kimg000000.032", "shown": 32, "kimg": 0.032, "seconds": 1.0, **score}
            (tmp_path / name / "scores.jsonl").write_text(json.dumps(line) + "\n")
        return tmp_path / name

    return train


@pytest.fixture(params=[False, True], ids=["large-files", "streamed"])
def hub(request, here):
    """A hub to which large files are uploaded separately or, with Xet enabled, all files in the commit."""
    yield from here(xet=request.param)


@pytest.fixture
def one_hub(here):
    yield from here(xet=False)


@pytest.fixture
def here(tmp_path, monkeypatch):
    def serve(xet: bool):
        from huggingface_hub import constants

        with Hub(large=() if xet else (".safetensors", ".png")) as hub:
            monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
            files = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
            monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
            monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
            monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
            monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
            monkeypatch.setenv("HF_TOKEN", TOKEN)
            yield hub

    return serve


def written(directory: Path) -> dict[str, bytes]:
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_what_is_pushed_makes_the_cards_images_elsewhere(hub, ganzoo, trained, tmp_path):
    run = trained(score={"values": {"fid": 12.5}, "protocol": PROTOCOL})
    code, out, err = ganzoo("push", str(run), "alice/garments", "--private")
    assert (code, out.splitlines()[0]) == (0, f"pushed: {hub.endpoint}/alice/garments"), err
    assert hub.private == {"alice/garments": True} and "warning" not in err
    shutil.rmtree(run)
    content = hub.repositories["alice/garments"]
    assert set(content) == {*PUBLISHED, ".gitattributes"}
    command = next(line for line in content["README.md"].decode().splitlines() if line.startswith("    ganzoo sample"))
    code, _, err = ganzoo(*shlex.split(command)[1:])
    assert code == 0, err
    assert (tmp_path / "samples.png").read_bytes() == content["samples.png"]
    assert hub.downloaded() == PUBLISHED - {"README.md", "samples.png"}
    assert hub.unknown == []


def test_the_card_says_what_a_score_and_a_command_leave_out(trained, tmp_path):
    run = trained(
        score={"values": {"fid": 12.5}, "protocol": {**PROTOCOL, "demonstration": False, "training_images": True}}
    )
    RunDir(run).note_provenance({**RunDir(run).provenance(), "init_from": "elsewhere/kimg1"})
    write_publication(Registry.load(strict=True), run, "latest", "hf://alice/cats", tmp_path / "card")
    card = (tmp_path / "card" / "README.md").read_text()
    assert "**Scored against the images it was trained on.**" in card
    assert "**Begun with the weights of another run, which the command below does not repeat.**" in card
    assert "elsewhere" not in "".join(file.read_text() for file in (tmp_path / "card").glob("*.json"))


def test_other_commands_take_an_address_too(one_hub, ganzoo, trained, tmp_path):
    assert ganzoo("push", str(trained()), "alice/garments")[0] == 0
    address = f"hf://alice/garments@{one_hub.revision('alice/garments')}"
    assert ganzoo("sample", address, "-n", "1")[1] == "1 image: sample.png\n"
    assert ganzoo("export", address, "--format", "torch")[1].splitlines()[-1] == "exported: generator.pt2"
    assert (tmp_path / "sample.png").is_file() and (tmp_path / "generator.pt2").is_file()
    code, _, err = ganzoo("eval", address)  # finds the run, which has no metrics
    assert code == 2 and "names no metric; set metrics.names" in err


def test_a_repository_of_something_else_is_left_alone(one_hub, ganzoo, trained):
    foreign = {".gitattributes": b"", "README.md": b"mine", "config.yaml": b"a: 1", "checkpoints/step1.bin": b"1"}
    one_hub.repositories["alice/other"] = dict(foreign)
    code, _, err = ganzoo("push", str(trained()), "alice/other")
    assert code == 2 and "hf://alice/other exists and is not a run of ganzoo; choose another name" in err
    assert one_hub.repositories["alice/other"] == foreign


def test_a_run_that_is_to_be_private_is_not_pushed_to_a_public_repository(one_hub, ganzoo, trained):
    ganzoo("push", str(trained()), "alice/garments")
    before = dict(one_hub.repositories["alice/garments"])
    code, _, err = ganzoo("push", str(trained(name="again")), "alice/garments", "--private")
    assert code == 2 and "exists and is public; make it private on its page" in err
    assert one_hub.repositories["alice/garments"] == before


def test_a_later_push_replaces_the_earlier(one_hub, ganzoo, trained):
    ganzoo("push", str(trained()), "alice/garments")
    run = trained(settings=["loop.kimg=0.064"], name="longer")
    assert ganzoo("push", str(run), "alice/garments")[0] == 0
    kept = {name for name in one_hub.repositories["alice/garments"] if name.startswith("checkpoints")}
    assert kept == {f"checkpoints/kimg000000.064/{name}" for name in ("meta.json", "ema.safetensors")}
    assert one_hub.messages == ["A run of ganzoo: run", "A run of ganzoo: longer"]


def test_the_card_tells_score_protocol_parts_and_command(ganzoo, trained, tmp_path):
    run = trained(score={"values": {"fid": 12.5, "kid_mean": 0.001}, "protocol": PROTOCOL})
    assert ganzoo("push", str(run), "alice/garments", "--out", "card")[:2] == (0, "written: card\n")
    assert set(written(tmp_path / "card")) == PUBLISHED
    card = (tmp_path / "card/README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["library_name"] == "ganzoo" and {"mlp", "minimax"} <= set(front["tags"])
    assert front["pipeline_tag"] == "unconditional-image-generation"
    told = ModelCardData(**front)
    assert told.model_name == "garments"
    assert [(one.metric_type, one.metric_value) for one in told.eval_results] == [("fid", 12.5), ("kid_mean", 0.001)]
    for one in told.eval_results:
        assert (one.task_type, one.dataset_name) == ("unconditional-image-generation", "fashion-10k")
        assert one.metric_args == {"reference": "fashion-10k", "fake_pictures": 64, "seed": 0}
    for said in ("# garments\n", "| `fid` | 12.5 |", "| `kid_mean` | 0.001 |", "| fake pictures | 64 |",
                 "| metrics | fid: a distance |", "| loss | `minimax` | ganzoo ",
                 "    ganzoo run mlp+minimax data.name=", "(samples.png)", "pip install ganzoo=="):  # fmt: skip
        assert said in card
    assert "Not scored" not in card and "Unfinished" not in card
    assert ganzoo("push", str(run), "alice/garments", "--out", "card")[0] == 2  # the directory is not empty now


def test_unfinished_and_unscored_is_said_in_card_and_terminal(ganzoo, trained):
    run = trained()
    config = run / "config.yaml"
    config.write_text(config.read_text().partition("\n")[2].replace("kimg: 0.032", "kimg: 2.0"))
    _, _, err = ganzoo("push", str(run), "alice/garments", "--out", "card")
    card = Path("card/README.md").read_text()
    for caveat in ("Unfinished: trained on 0.032 of 2 kimg.", "Not scored."):
        assert f"**{caveat}**" in card and f"{caveat} The card says so." in err
    assert not {"model-index", "model_name"} & set(yaml.safe_load(card.split("---\n")[1]))
    assert json.loads(Path("card/score.json").read_text()) == {}


def test_the_card_bears_the_marks_of_the_parts(ganzoo, trained, monkeypatch):
    monkeypatch.setattr(Config, "marks", ("pretrained features",))
    _, _, err = ganzoo("push", str(trained()), "alice/garments", "--out", "card")
    assert "**Marked: pretrained features.**" in Path("card/README.md").read_text()
    assert "Marked: pretrained features. The card says so." in err


HOSTILE = "<script>x</script> | [a](javascript:b) `c`\n# d\x1b[31m"


def test_nothing_from_outside_is_read_as_markup(trained, tmp_path, monkeypatch):
    """No text from a plugin, a record or a file is read as markup."""
    from dataclasses import replace

    import ganzoo_hub.publish as module

    facts = []
    monkeypatch.setattr(module, "write_card", lambda given: facts.append(given) or "")
    registry = Registry.load()
    write_publication(registry, trained(), "latest", "hf://alice/garments", tmp_path / "card")
    entry = replace(facts[0].config.recipe.loss, name=HOSTILE, paper=HOSTILE)
    recipe = replace(facts[0].config.recipe, loss=entry, penalties=())
    card = write_card(
        replace(
            facts[0],
            config=replace(facts[0].config, recipe=recipe),
            needs=(replace(facts[0].needs[0], kind="loss", name=HOSTILE, distribution=HOSTILE, version=HOSTILE),),
            score={"values": {HOSTILE: 1.0}, "protocol": {HOSTILE: HOSTILE, "metrics": {HOSTILE: [HOSTILE]}}},
            origin={"device": HOSTILE, "versions": {HOSTILE: HOSTILE}},
            repeat=f"ganzoo run {HOSTILE}",
        )
    )
    front, body = card.split("---\n", 2)[1:]
    assert yaml.safe_load(front)["tags"][-1] == "<script>x</script> | [a](javascript:b) `c` # d[31m"
    (told,) = ModelCardData(**yaml.safe_load(front)).eval_results
    flat = "<script>x</script> | [a](javascript:b) `c` # d[31m"
    assert told.metric_type == flat and told.metric_args == {flat: flat}
    prose = [line for line in body.splitlines() if not line.startswith("    ")]  # indented lines are code blocks
    for markup in ("<script", "](javascript", "`c`"):
        assert not any(markup in line for line in prose)
    assert "\x1b" not in card and "\n# d" not in card
    rows = [line for line in prose if line.startswith("|")]
    assert {line.count("|") for line in rows} <= {3, 5}


def test_nothing_tells_where_things_lie_on_this_machine(trained, tmp_path):
    secret = tmp_path / "secret"
    (secret / "cats").mkdir(parents=True)
    for number in range(4):
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(secret / f"cats/{number}.png")
    settings = [
        f"data.name=folder:{secret / 'cats'}",
        f"data.root={secret}",
        f"metrics.inception={secret / 'net.pt'}",
        f"metrics.reference={secret / 'stats.npz'}",
    ]
    score = {"values": {"fid": 1.0}, "protocol": {**PROTOCOL, "reference": f"folder:{secret / 'cats'}"}}
    registry = with_stranger(distribution=str(secret / "absolute.py"), version="")
    run = trained("mlp+absolute", settings, registry, score)
    write_publication(registry, run, "latest", "hf://alice/cats", tmp_path / "card")
    content = written(tmp_path / "card")
    assert not any(b"secret" in data or str(tmp_path).encode() in data for data in content.values())
    assert b"of `folder:cats`" in content["README.md"] and b"| absolute.py |" in content["README.md"]
    load_generator(with_stranger(distribution="absolute.py", version=""), tmp_path / "card", "latest", "cpu")


@pytest.mark.parametrize(
    ("data", "public"),
    [("mnist", "mnist"), ("folder:/home/me/cats", "folder:cats"), ("zip:~/cats.zip", "zip:cats.zip"),
     ("folder:cats", "folder:cats"), ("folder:../my/cats", "folder:cats"), ("web:https://a/b", "web:https://a/b"),
     ("ganzoo:folder:/home/me/cats", "ganzoo:folder:cats"), ("/home/me/stats.npz", "stats.npz"), ("~/s.npz", "s.npz"),
     ("my/stats.npz", "my/stats.npz"), ("cifar10:test", "cifar10:test"), ("folder:/home/a:b/cats", "folder:cats"),
     ("folder:.", "folder:PATH"), ("webdataset:https://me:secret@a.b/x.tar?X-Signature=1", "webdataset:https://a.b/x.tar")],
)  # fmt: skip
def test_of_a_data_sets_name_the_way_to_it_is_left_out(data, public):
    assert public_name(data) == public


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("mlp+minimax", []),
        ("stylegan-lite+non-saturating+r1", ["penalties.r1.interval=4", "seed=7", "metrics.names=[fid, kid]"]),
        (
            "dcgan/mlp+wgan-gp+diffaug",
            ["loop.clip_grad=1e-5", "optimizer.generator.betas=[0.1,0.2]"],
        ),
        ("dcgan+hinge", ["discriminator.norm=none", "loop.kimg=0.5", "loop.device=cuda:0", "data.mirror=true"]),
    ],
)
def test_the_command_repeats_the_run(registry, recipe, settings):
    config = resolve(registry, recipe, None, settings)
    defaults = resolve(registry, str(config.recipe), None, [data_setting(config)])
    program, verb, *arguments = shlex.split(repeat_command(config, defaults))
    assert (program, verb) == ("ganzoo", "run")
    assert resolve(registry, arguments[0], None, arguments[1:]).as_dict() == config.as_dict()
    assert len(arguments) - 2 <= len(settings)  # settings at their defaults are left out


def test_a_card_says_that_settings_changed_but_not_where_files_lay(registry, trained, tmp_path):
    run, root = trained(), str(tmp_path / "root")
    Run(run).resume(settings={"loop.kimg": 0.064, "data.root": root})
    write_publication(registry, run, "latest", "hf://alice/longer", tmp_path / "card")
    said = "Settings changed during training: from 0.032 kimg on loop.kimg from 0.032 to 0.064."
    assert said in (tmp_path / "card/README.md").read_text()
    for file in ("README.md", "provenance.json", "checkpoints/kimg000000.064/meta.json"):
        assert root not in (tmp_path / "card" / file).read_text()


def test_without_the_plugin_an_address_says_what_to_install(one_hub, ganzoo, trained, tmp_path):
    registry = with_stranger(ABSOLUTE)
    run = trained("mlp+absolute", registry=registry)
    write_publication(registry, run, "latest", "hf://alice/strange", tmp_path / "card")
    assert "ganzoo-absolute==1.0" in (tmp_path / "card/README.md").read_text()
    client.upload(tmp_path / "card", "alice/strange", "A run", False)
    code, _, err = ganzoo("sample", "hf://alice/strange")
    assert code == 2 and "ganzoo-absolute 1.0, which is not installed: pip install ganzoo-absolute==1.0" in err


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_what_others_published_is_not_executed(one_hub, ganzoo, trained, tmp_path):
    ganzoo("push", str(trained()), "alice/garments")
    content = one_hub.repositories["alice/garments"]
    weights = next(name for name in content if name.endswith(".safetensors"))
    for name in ("ganzoo_evil.py", "checkpoints/kimg000000.032/state.pt", "model.bin", "../../escaped.yaml"):
        content[name] = pickle.dumps(Evil())
    good = dict(content)
    assert ganzoo("sample", "hf://alice/garments", "-n", "1")[0] == 0
    meta = weights.replace("ema.safetensors", "meta.json")
    assert one_hub.downloaded() == {"config.yaml", "provenance.json", "score.json", weights, meta}
    for name, data, says in [
        (weights, pickle.dumps(Evil()), "cannot read"),
        ("config.yaml", b"recipe: !!python/object/apply:pathlib.Path.touch [executed]", "not valid YAML"),
        ("config.yaml", good["config.yaml"].replace(b"split: train", b"split: ${oc.env:HOME}"), "resolver"),
        ("config.yaml", good["config.yaml"].replace(b"minimax", b"ganzoo_evil:Loss"), "unknown loss"),
    ]:
        one_hub.repositories["alice/garments"] = {**good, name: data}
        code, _, err = ganzoo("sample", "hf://alice/garments")
        assert code == 2 and says in err, err
    assert not (tmp_path / "executed").exists() and not list(tmp_path.rglob("escaped.yaml"))


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("hf://alice/absent", "no such repository, or you have no access to it; log in with `hf auth login`"),
        ("hf://alice/empty@v2", "no such revision; leave the @ out for the newest"),
        ("hf://alice/empty@", "no revision after the @"),
        ("hf://alice/empty", "is not a run of ganzoo"),
        ("hf://alice", "is not OWNER/NAME"),
        ("hf://alice/../bob", "is not OWNER/NAME"),
        ("hf://", "is not OWNER/NAME"),
        ("hf:/alice/empty", "not a run directory"),
    ],
)
def test_wrong_addresses_are_one_line(one_hub, address, says, ganzoo):
    one_hub.repositories["alice/empty"] = {"README.md": b"nothing"}
    code, _, err = ganzoo("sample", address)
    last = err.splitlines()[-1]  # after the client's progress
    assert code == 2 and last.startswith("ganzoo: ") and says in last


def test_a_push_that_cannot_be_is_one_line(one_hub, ganzoo, trained, monkeypatch):
    run = str(trained())
    for arguments, says in [
        (["push", run, "garments"], "'garments' is not OWNER/NAME"),
        (["push", "nowhere", "alice/garments"], "not a run directory"),
        (["push", run, "alice/garments", "--checkpoint", "first"], "no checkpoint 'first'"),
    ]:
        code, _, err = ganzoo(*arguments)
        assert code == 2 and says in err and err.count("\n") == 1
    assert one_hub.requests == []
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    code, _, err = ganzoo("push", run, "alice/garments")
    assert code == 2 and err.splitlines()[-1].startswith("ganzoo: hf://alice/garments: the hub refused access (401)")
    assert one_hub.repositories == {}


def test_without_a_connection_it_is_one_line(here, trained, monkeypatch):
    from huggingface_hub import constants

    serving = here(xet=False)
    next(serving)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    for call in (lambda: client.fetch("hf://alice/x"), lambda: client.upload(Path(), "alice/x", "", False)):
        with pytest.raises(GanzooError, match="hf://alice/x: the hub could not be reached") as caught:
            call()
        assert "\n" not in str(caught.value)
    serving.close()
