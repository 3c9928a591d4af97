from __future__ import annotations

import json

import pytest

from ganzoo import ArchitectureEntry, hookimpl
from ganzoo.config.resolve import resolve
from ganzoo.config.schema import LoopConfig
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.checksum import sealed


def test_layers_override_in_order(registry, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("recipe: dcgan+wgan-gp\nloop: {kimg: 7, batch: 8}\n")
    values = resolve(registry, None, file, ["loop.batch=9"]).values
    assert (values.loop.kimg, values.loop.batch) == (7, 9)
    assert values.data.name == "fashion-10k"


def test_the_resolved_config_repeats_itself(registry, tmp_path):
    first = resolve(registry, "stylegan-lite/dcgan+non-saturating+r1", None, ["penalties.r1.weight=0.25", "seed=3"])
    file = tmp_path / "config.yaml"
    file.write_text(first.to_yaml())
    assert resolve(registry, None, file).as_dict() == first.as_dict()


def test_small_numbers_need_no_dot(registry):
    assert resolve(registry, "mlp+minimax", None, ["optimizer.generator.lr=1e-5"]).values.optimizer.generator.lr == 1e-5


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("loop.bacth=3", "unknown key 'loop.bacth'; did you mean 'loop.batch'"),
        ("generator.wdth=3", "did you mean 'generator.width'"),
        ("penalties.r1.weight=3", "unknown key 'penalties.r1'"),
        ("loop.log-kimg=3", "unknown key 'loop.log-kimg'; did you mean 'loop.log_kimg'"),
        ("loop.batch=many", "loop.batch"),
        ("loop.batch=0", "loop.batch is 0, must be 1 or more"),
        ("loop.kimg=-1", "loop.kimg is -1.0, must be above 0"),
        ("loop.kimg=.nan", "loop.kimg is nan, must be above 0"),
        ("optimizer.generator.betas=[1,2]", "optimizer.generator.betas"),
        ("penalties.gp.weight=-1", "penalties.gp.weight is -1.0"),
        ("loop.schedule=sometimes", "must be one of constant, cosine, linear"),
        ("loop.device=tpu", "loop.device is 'tpu'"),
        ("generator.width=0", "generator.width is 0"),
        ("loop.batch", "not key=value"),
        ("loop=3", "loop"),
        ("data.name=cifra10", "did you mean cifar10"),
        ("loop.kimg=${oc.env:HOME}", "loop.kimg uses a resolver"),
        ("loop.kimg=${${loop.precision}:HOME}", "loop.kimg uses a resolver"),
        ("loop.kimg=${seed}${seed}", "or more than one ${KEY}"),
        ("data.split=test", "data.split=test: fashion-10k has no such split"),
        ("data.channels=2", "data.channels is '2', must be one of auto, 1, 3"),
        ("seed=${seed}", "config: seed: Recursive interpolation detected"),
        ("seed=${sede}", "config: seed: Interpolation key 'sede' not found"),
        ("loop.kimg=1e306", "loop.kimg is 1e+306, must be at most 1e12"),
        ("loop.kimg=.inf", "loop.kimg is inf, must be at most 1e12"),
        ("loop.threads=100000", "loop.threads is 100000, must be at most 1024"),
        ("seed=" + "9" * 30, "this number is too large"),
        ("optimizer.generator.betas={}", "optimizer.generator.betas is a list, was given {}"),
        ("metrics.names=[[fid]]", "metrics.names holds ['fid'], which is not of type str"),
        ("metrics.names=[{fid: 1}]", "metrics.names holds {'fid': 1}, which is not of type str"),
        ("loop={batch: 1, batch: 2}", "duplicate key"),
        ("seed=" + "[" * 5000, "nested too deeply"),
        ("seed=!!int ''", "not a valid int"),
    ],
)
def test_bad_settings_name_the_key(registry, setting, says):
    with pytest.raises(GanzooError) as caught:
        resolve(registry, "dcgan+wgan-gp", None, [setting])
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_record_is_a_file_of_settings(registry, tmp_path):
    file, made = tmp_path / "row.json", resolve(registry, "dcgan+minimax", None, ["loop.kimg=3", "generator.width=8"])
    file.write_text(json.dumps(sealed({"schema": 1, "config": made.as_dict()})))
    assert resolve(registry, None, file).as_dict() == made.as_dict()
    assert resolve(registry, None, file, ["seed=1"]).values.seed == 1
    file.write_text(file.read_text().replace('"width": 8', '"width": 9'))
    with pytest.raises(GanzooError, match=r"row\.json was changed after it was written"):
        resolve(registry, None, file)
    file.write_text("{")
    with pytest.raises(GanzooError, match=r"row\.json is not valid JSON"):
        resolve(registry, None, file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("recipe: [", "not valid YAML"),
        ("- 1\n- 2\n", "must hold keys and values"),
        ("recipe: dcgan+wgan-gp\ndata: {root: '${oc.env:SECRET}'}\n", "data.root uses a resolver"),
        ("loop: {kimg: 3}\n", "no recipe"),
        ("recipe: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("recipe: 3\n", "no recipe"),
        ("a: &a [x]\nb: [*a, *a]\n", "anchors and aliases are not supported"),
        ("loop: {kimg: 3}\nloop: {batch: 4}\n", "duplicate key (line 1, column 1)"),
        ("x: " + "y" * 2**18, "longer than 262,144 bytes"),
    ],
)
def test_bad_files_name_the_file(registry, tmp_path, text, says):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(GanzooError) as caught:
        resolve(registry, None, file)
    assert says in str(caught.value) and "bad.yaml" in str(caught.value)


def test_references_to_own_keys_work(registry, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("recipe: mlp+minimax\nseed: 5\nmetrics: {seed: '${seed}'}\n")
    assert resolve(registry, None, file).values.metrics.seed == 5


def test_a_missing_file(registry, tmp_path):
    with pytest.raises(GanzooError, match="cannot read the config"):
        resolve(registry, None, tmp_path / "absent.yaml")


def test_the_discriminators_settings_come_from_its_own_architecture(registry):
    own = resolve(registry, "stylegan-lite+minimax").values
    mixed = resolve(registry, "stylegan-lite/mlp+minimax").values
    plain = resolve(registry, "mlp+minimax").values
    assert mixed.optimizer.generator == own.optimizer.generator
    assert mixed.optimizer.discriminator == plain.optimizer.discriminator


def test_the_bound_of_a_loss_comes_from_the_discriminators_architecture(registry):
    def clip(recipe):
        return resolve(registry, recipe).values.loss.clip

    assert clip("dcgan/stylegan-lite+wgan") == clip("stylegan-lite+wgan") != clip("dcgan+wgan")
    assert clip("stylegan-lite/dcgan+wgan") == clip("dcgan+wgan")


def test_an_architecture_tunes_a_loss_and_more_so_a_loss_with_penalties():
    class Plugin:
        @hookimpl
        def register_architectures(self, register):
            tuned = {
                "lsgan+r1": {"penalties.r1.weight": 7.0, "loop.batch": 5},
                "lsgan": {"loop.batch": 3, "optimizer.discriminator.lr": 0.5},
            }
            register(ArchitectureEntry(name="tuned", summary="", generator="a:B", discriminator="a:C", tuned=tuned))

    registry = Registry.load(strict=True)
    registry.add(Plugin, "tuned")
    plain = resolve(registry, "tuned+lsgan").values
    assert (plain.loop.batch, plain.optimizer.discriminator.lr) == (3, 0.5)
    both = resolve(registry, "tuned+lsgan+r2+r1").values
    assert (both.loop.batch, both.optimizer.discriminator.lr, both.penalties.r1.weight) == (5, 0.5, 7.0)
    assert both.penalties.r2.weight == resolve(registry, "mlp+lsgan+r2").values.penalties.r2.weight
    assert resolve(registry, "tuned+hinge+r1").values.penalties.r1.weight != 7.0


def test_a_recipe_on_the_command_line_replaces_the_files(registry, tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("recipe: dcgan+minimax\nloop: {batch: 7}\n")
    found = resolve(registry, None, file, ["recipe=mlp+hinge"])
    assert str(found.recipe) == found.values.recipe == "mlp+hinge" and found.values.loop.batch == 7
    assert str(resolve(registry, "mlp+hinge", file, ["recipe=mlp+hinge"]).recipe) == "mlp+hinge"
    with pytest.raises(GanzooError, match=r"two recipes are given, mlp\+minimax and recipe=mlp\+hinge; leave one out"):
        resolve(registry, "mlp+minimax", None, ["recipe=mlp+hinge"])
    with pytest.raises(GanzooError):
        resolve(registry, None, file, ["recipe.name=mlp+hinge"])


@pytest.mark.parametrize("kimg", [16.1, 4.03, 0.01, 725.1])
def test_a_budget_in_decimals_is_no_image_more(kimg):
    assert LoopConfig(kimg=kimg).images == int(f"{kimg * 1000:.0f}")
    assert LoopConfig(kimg=kimg + 0.0001).images == int(f"{kimg * 1000:.0f}") + 1
