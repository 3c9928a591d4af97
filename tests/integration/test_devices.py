"""A run on several devices: weights, log and scores equal those of one device; after a process dies it resumes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support import rank
from support.disturbed import write_loss
from torch import nn

from ganzoo.cli.main import main
from ganzoo.console.display import make_display
from ganzoo.distributed import collectives
from ganzoo.distributed.device import pick_device
from ganzoo.distributed.launch import explain
from ganzoo.distributed.random import random_stream
from ganzoo.distributed.sync_batchnorm import SyncedBatchNorm, synchronise
from ganzoo.errors import GanzooError, RankLost
from ganzoo.interfaces import draw_uniform, whole_batch
from ganzoo.metrics.fakes import fake_images
from ganzoo.runs.checkpoint import list_checkpoints
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.shared_dir import Onlooker
from ganzoo.testing.devices import COMPARABLE, Job, compare, rewind, train, train_on
from ganzoo.training.run import _launch
from ganzoo.utils.files import read_jsonl
from ganzoo.utils.signals import Stopped, heeding_signals

RECIPES = [
    *(f"{a}+{loss}" for a in ("mlp", "dcgan", "stylegan-lite") for loss in ("minimax", "non-saturating", "wgan-gp")),
    "stylegan-lite+non-saturating+r1+ada",
    "sngan+relativistic+dragan",
    "stylegan-lite+top-k+lecam+bcr+path-length",
]
# Six images for each process: not a multiple of four, the group size of minibatch standard deviation.
SETTINGS = [*COMPARABLE, "loop.batch=12", "loop.kimg=0.048", "loop.log_kimg=0.012", "loop.snapshot_kimg=0.024"]
TOLERANCE = 1e-4
# Ten steps. The first three of each kind are not captured.
CAPTURABLE = [*SETTINGS, "loop.kimg=0.12", "optimizer.generator.name=adam", "optimizer.discriminator.name=adam"]
CAPTURED = {"dcgan+wgan-gp": [], "stylegan-lite+non-saturating+r1+ada": ["penalties.r1.interval=2"]}


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Path:
    """Every recipe on one process and on two, a run moved from one to two and back, and eager and captured runs."""
    directory = tmp_path_factory.mktemp("devices")
    one, two = (
        [Job(recipe, SETTINGS, str(directory / side / recipe)) for recipe in RECIPES] for side in ("one", "two")
    )
    moving = Job(RECIPES[3], [*SETTINGS, "loop.snapshot_kimg=0.012"], str(directory / "moving"))
    captured = [
        Job(recipe, [*CAPTURABLE, *more], str(directory / kind / recipe))
        for kind in ("eager", rank.CAPTURED)
        for recipe, more in CAPTURED.items()
    ]
    for side in ("one", "two", "eager", rank.CAPTURED):
        (directory / side).mkdir()
    train([*one, moving])
    rewind(Path(moving.directory), 2)
    worker = str(Path(rank.__file__))
    train_on(2, [*two, moving, *captured], directory / "jobs.json", [worker])
    rewind(Path(moving.directory), 4)
    train([moving])
    return directory


@pytest.mark.long
@pytest.mark.parametrize("recipe", RECIPES)
def test_two_processes_train_what_one_trains(both, recipe):
    found = compare(both / "one" / recipe, both / "two" / recipe)
    assert found.weights < TOLERANCE and found.logged < TOLERANCE
    assert found.moved > 100 * TOLERANCE
    one, two = ({path.name for path in (both / side / recipe).rglob("*")} for side in ("one", "two"))
    assert one == two, "the first process writes, and the same"


@pytest.mark.long
@pytest.mark.parametrize("recipe", CAPTURED)
def test_captured_steps_hold_their_all_reduces(both, recipe):
    """On two processes, replayed steps give the weights of eager steps bit for bit. Logged values differ slightly,
    because replayed steps hold the learning rate in float32."""
    found = compare(both / "eager" / recipe, both / rank.CAPTURED / recipe)
    assert found.weights == 0 and found.logged < 1e-8 and found.moved > 0.1


@pytest.mark.long
def test_a_run_goes_on_on_another_number_of_devices(both):
    found = compare(both / "one" / RECIPES[3], both / "moving")
    assert found.weights < TOLERANCE
    first, last = (list_checkpoints(both / "moving" / "checkpoints")[place].load_state() for place in (0, -1))
    alone = list_checkpoints(both / "one" / RECIPES[3] / "checkpoints")[-1].load_state()
    assert torch.equal(last["rng"], alone["rng"]) and not torch.equal(last["rng"], first["rng"])


@pytest.mark.long
def test_a_score_is_the_same_on_two_processes(both, tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.metrics.reader.load_extractor", None)  # so that what rank.score replaces is put back
    monkeypatch.setattr("ganzoo.metrics.extractors.find_network", None)
    for names, values in json.loads((both / "jobs.scores").read_text()).items():
        assert values == pytest.approx(rank.score(tmp_path / names, *names.split(",")), rel=1e-4)


@pytest.fixture
def as_rank(monkeypatch):
    """A function that makes this process act as one of several processes."""

    def be(number: int, world: int) -> None:
        monkeypatch.setattr(collectives, "_here", collectives.Place(number, world, True))

    return be


def test_ranks_draw_their_rows_of_what_one_process_draws(as_rank):
    def draws(count: int) -> list[torch.Tensor]:
        rng = random_stream("cpu", 12, 0)
        like = torch.zeros(())
        return [
            draw_uniform((count, 3), rng, like),
            draw_uniform((2, count, 1), rng, like, dim=1),
            draw_uniform((2 * count,), rng, like),  # real and generated images in one call
        ]

    whole = draws(12)
    for number in range(3):
        as_rank(number, 3)
        first, second, both = draws(4)
        assert torch.equal(first, whole[0][number::3]) and torch.equal(second, whole[1][:, number::3])
        assert torch.equal(both, torch.cat([whole[2][:12][number::3], whole[2][12:][number::3]]))


@pytest.mark.parametrize("world", [3, 101])
def test_each_rank_makes_its_own_images_of_a_score(as_rank, world):
    labels = np.array([0, 1, 2])
    whole = torch.cat(list(fake_images(rank.Noisy(), 250, 0, labels)))
    for number in (0, 2, world - 1):
        as_rank(number, world)
        own = torch.cat(list(fake_images(rank.Noisy(), 250, 0, labels)))
        assert torch.equal(own, whole[number::world])


@pytest.fixture
def world_of_one(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    with collectives.joined():
        yield


def test_synchronised_batch_norm_is_batch_norm_and_has_a_gradient_of_its_gradient(world_of_one):
    rng = torch.Generator().manual_seed(0)
    plain, synced = nn.BatchNorm2d(3), synchronise(nn.Sequential(nn.BatchNorm2d(3)))[0]
    assert isinstance(synced, SyncedBatchNorm)
    x = torch.randn(4, 3, 2, 2, generator=rng) * 2 + 1
    torch.testing.assert_close(synced(x), plain(x))
    assert synced.state_dict().keys() == plain.state_dict().keys()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(synced.state_dict()[name], value)
    torch.testing.assert_close(synced.eval()(x), plain.eval()(x))
    synced.train()

    plain.train()
    x.requires_grad_(True)
    weight = torch.randn(4, 3, 2, 2, generator=rng)

    def twice(norm: nn.Module) -> torch.Tensor:
        (slope,) = torch.autograd.grad((norm(x).relu() * weight).square().sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), x)[0]

    torch.testing.assert_close(twice(synced), twice(plain), rtol=1e-3, atol=1e-3)


def test_a_world_of_one_says_what_one_process_says(world_of_one):
    rows, buckets = (
        torch.arange(6.0).view(3, 2),
        [torch.ones(2**23), torch.ones(3, 2), torch.ones(2, dtype=torch.float64)],
    )
    assert torch.equal(whole_batch(rows), rows) and torch.equal(collectives.mean(rows), rows)
    collectives.average(buckets)
    assert all(bool((bucket == 1).all()) for bucket in buckets)
    assert collectives.told("zoë") == "zoë" and collectives.agreed(True) and not collectives.agreed(False)
    assert collectives.common(3) == 3 and collectives.common(None) is None
    with collectives.alone():
        assert not collectives.here().together


def test_others_only_look_on(tmp_path, as_rank):
    directory = RunDir.create(tmp_path / "run", "a+b", "recipe: a+b\n")
    directory.append(directory.log_file, {"shown": 5})
    other = Onlooker.open(directory.path)
    other.append(other.log_file, {"shown": 6})
    other.write_json(other.score_file, {})
    other.rewind(0)
    assert read_jsonl(directory.log_file) == [{"shown": 5}] and not directory.score_file.exists()
    assert not make_display().console.quiet
    as_rank(1, 2)
    assert make_display().console.quiet


def test_a_restarted_run_finds_what_it_had_begun(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [RunDir.create(None, "a/b+c", "seed: 1\n") for _ in range(2)]
    RunDir.create(None, "a/b+c", "seed: 2\n")
    found = RunDir.begun(None, "a/b+c", "seed: 1\n")
    assert found is not None and found.path == made[1].path
    assert RunDir.begun(tmp_path / "none", "a/b+c", "seed: 1\n") is None
    made[0].note_provenance({"launch": "this one", "seed": 1})
    ours = RunDir.begun(None, "a/b+c", "seed: 1\n", {"launch": "this one"})
    assert ours is not None and ours.path == made[0].path
    assert RunDir.begun(None, "a/b+c", "seed: 1\n", {"launch": "another"}) is None


@pytest.mark.parametrize(("name", "found"), [(None, {}), ("none", {}), ("f00d", {"launch": "f00d"})])
def test_a_run_records_the_launch_that_began_it(monkeypatch, name, found):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    if name is not None:
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", name)
    assert _launch() == found


def test_all_ranks_restart_if_one_machine_counts_a_restart(as_rank, monkeypatch):
    as_rank(1, 2)
    monkeypatch.setattr(collectives, "_reduce", lambda flags, operation: torch.ones_like(flags))  # another rank's is 1
    assert collectives.restarted()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["run", "mlp+minimax", "loop.batch=10", "--devices", "4"],
            "loop.batch=10 cannot be shared evenly by 4 devices; use loop.batch=12",
        ),
        (
            ["run", "mlp+minimax", "loop.batch=64", "loop.accumulate=16", "--devices", "8"],
            "by 8 devices, each in 16 parts (loop.accumulate); use loop.batch=128",
        ),
        (
            ["run", "mlp+minimax", "loop.batch=12", "loop.accumulate=4", "--devices", "2"],
            "by 2 devices, each in 4 parts (loop.accumulate); use loop.batch=16",
        ),
        (["run", "mlp+minimax", "--devices", "0"], "--devices is 0, must be 1 or more"),
        (["resume", "nowhere", "--devices", "2", "--max-restarts", "-1"], "--max-restarts is -1, must be 0 or more"),
    ],
)
def test_what_cannot_be_shared_is_refused_at_once(capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    printed = capsys.readouterr().err
    assert stopped.value.code == 2 and message in printed and len(printed.splitlines()) == 1


def test_each_rank_takes_a_gpu_of_its_own(as_rank, monkeypatch):
    as_rank(1, 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(GanzooError, match="there are 1 CUDA devices for 2 processes or more; use --devices 1"):
        pick_device("cuda")
    with pytest.raises(GanzooError, match="cuda:0 is one device for several processes"):
        pick_device("cuda:0")
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({0: 2, 1: -15}, 2),
        ({0: -15, 1: 1}, 1),
        ({0: 75, 1: 1}, 1),
        ({0: -15, 1: -9}, "device 1 was ended by SIGKILL"),
        ({0: 75, 1: -9}, "device 1 was ended by SIGKILL"),
    ],
)
def test_the_first_failure_is_told(codes, expected):
    failures = {number: SimpleNamespace(exitcode=code) for number, code in codes.items()}
    if isinstance(expected, int):
        assert explain(failures) == expected
    else:
        with pytest.raises(GanzooError, match=expected):
            explain(failures)


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGTERM, Stopped), (signal.SIGINT, RankLost), (0, RankLost)])
def test_a_process_that_the_launcher_ends_leaves_the_report_of_a_lost_rank_to_it(number, raised):
    with pytest.raises(raised), heeding_signals(together=True) as stop:
        stop.loop = SimpleNamespace(all_saved=False, stop_requested=False)
        os.kill(os.getpid(), number)  # 0 sends no signal
        raise RankLost("Connection closed by peer")


LONGER = [*SETTINGS, "loop.kimg=0.144", "loop.snapshot_kimg=0.048"]


@pytest.fixture
def dying(tmp_path):
    """A function that runs training on two devices, one of which is killed, and returns the finished process."""
    file = write_loss(tmp_path, "dying", "died", then="os.kill(os.getpid(), signal.SIGKILL)")

    def start(*more: str) -> subprocess.CompletedProcess[str]:
        command = ["run", "mlp+dying", *LONGER, "--out", str(tmp_path / "run"), "--plugin", str(file), "--devices", "2"]
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
        return subprocess.run(
            [sys.executable, "-m", "ganzoo", *command, *more], capture_output=True, text=True, env=environment
        )

    return start


def assert_whole(tmp_path: Path) -> None:
    """Assert that the run equals an uninterrupted run on one device."""
    train([Job("mlp+minimax", LONGER, str(tmp_path / "undisturbed"))])
    assert compare(tmp_path / "undisturbed", tmp_path / "run").weights < TOLERANCE


@pytest.mark.long
def test_a_rank_that_dies_ends_the_run_with_one_line_and_a_checkpoint_to_go_on_from(dying, tmp_path):
    ended = dying()
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith("ganzoo: the process of device 1 was ended by SIGKILL, so the run stopped")
    checkpoints = list_checkpoints(tmp_path / "run" / "checkpoints")
    assert [checkpoint.meta["shown"] for checkpoint in checkpoints] == [0, 48, 96]
    with pytest.raises(SystemExit) as finished:
        main(["resume", str(tmp_path / "run"), "--plugin", str(tmp_path / "dying_loss.py")])
    assert finished.value.code == 0
    assert_whole(tmp_path)


@pytest.mark.slow
def test_a_run_that_may_restart_goes_on_by_itself(dying, tmp_path):
    ended = dying("--max-restarts", "1")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "died").exists()
    assert_whole(tmp_path)


@pytest.mark.slow
def test_ctrl_c_reaches_every_process_and_leaves_a_checkpoint(tmp_path):
    directory = tmp_path / "run"
    command = ["run", "mlp+minimax", *SETTINGS, "loop.kimg=1000", "loop.snapshot_kimg=1000", "--out", str(directory)]
    process = subprocess.Popen(
        [sys.executable, "-m", "ganzoo", *command, "--devices", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not (directory / "log.jsonl").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate()
    assert process.returncode == 130, printed
    assert f"stopped; continue with: ganzoo resume {directory}" in printed and "Traceback" not in printed
    latest = RunDir.open(directory).latest()
    assert latest is not None and latest.meta["shown"] == read_jsonl(directory / "log.jsonl")[-1]["shown"] > 0
