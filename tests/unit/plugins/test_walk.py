"""Tests of `ganzoo interpolate`, which writes a closed walk through the latents as GIF, WebP or MP4."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo_walk.film
from ganzoo.cli.main import main
from ganzoo.config.resolve import resolve
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError, WriteFailed
from ganzoo.models.build import build_model
from ganzoo.models.sampling import to_uint8
from ganzoo_walk.film import enlargement, write_film
from ganzoo_walk.walk import walk

pytestmark = pytest.mark.seconds


@pytest.fixture
def plain(registry, tiny):
    """A generator without noise or classes."""
    return build_model(resolve(registry, "mlp+minimax", None, tiny("mlp")), ImageSpec(1, 8)).generator.eval()


def frames_of(*arguments, **options) -> torch.Tensor:
    return torch.stack(list(walk(*arguments, **options)))


def test_a_walk_passes_the_image_of_each_seed_and_ends_before_the_first(plain):
    frames = frames_of(plain, [3, 1, 2], 4)
    assert frames.shape == (12, 1, 8, 8) and frames.dtype == torch.uint8
    assert torch.equal(frames[::4], to_uint8(plain.sample_seeds([3, 1, 2])))
    there, back = frames_of(plain, [3, 1], 2).float().unflatten(0, (2, 2))[:, 1]
    assert (there - back).abs().max() <= 1  # both are halfway, one in each direction
    assert len({frame.numpy().tobytes() for frame in frames}) == 12


def test_noise_is_the_first_seeds_in_every_frame(noisy):
    still = frames_of(noisy, [5, 5], 3)
    assert (still == still[0]).all()
    assert torch.equal(still[0], to_uint8(noisy.sample_seeds([5]))[0])
    assert not torch.equal(still[0], to_uint8(noisy(*latents_and_class(noisy, 5)))[0])  # the image without noise


def latents_and_class(generator, seed):
    from ganzoo.drawing import draw_seed

    return draw_seed(generator, seed)[:2]


def test_a_walk_keeps_to_one_class(noisy):
    assert torch.equal(frames_of(noisy, [5, 8], 1, 2)[0], to_uint8(noisy.sample_seeds([5], labels=2))[0])
    assert not torch.equal(frames_of(noisy, [5, 8], 1, 2), frames_of(noisy, [5, 8], 1, 1))
    with pytest.raises(GanzooError, match="the class is 3"):
        frames_of(noisy, [5, 8], 1, 3)


def pictures(count: int, channels: int, width: int = 8, height: int = 8) -> list[Image.Image]:
    shape = (count, height, width) if channels == 1 else (count, height, width, 3)
    return [Image.fromarray(one) for one in np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)]


def shown(file: Path) -> list[np.ndarray]:
    with Image.open(file) as film:
        found = []
        for number in range(film.n_frames):
            film.seek(number)
            found.append(np.asarray(film.convert("RGB")))
        assert film.info["loop"] == 0
        return found


def seconds(film: Image.Image) -> float:
    found = 0.0
    for number in range(film.n_frames):
        film.seek(number)
        film.load()
        found += film.info["duration"] / 1000
    return found


@pytest.mark.parametrize("fps", [24, 30, 40, 50])
@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_a_film_lasts_as_long_as_its_frames(tmp_path, suffix, fps):
    write_film(iter(pictures(12, 1)), tmp_path / f"walk.{suffix}", fps)
    with Image.open(tmp_path / f"walk.{suffix}") as film:
        assert film.n_frames == 12 and seconds(film) == pytest.approx(12 / fps, abs=0.006)


@pytest.mark.parametrize("suffix", ["gif", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_gif_and_webp_show_every_frame_as_it_is(tmp_path, suffix, channels):
    file, made = tmp_path / f"new/walk.{suffix}", pictures(5, channels)
    write_film(iter(made), file, 20)
    np.testing.assert_array_equal(shown(file), [np.asarray(one.convert("RGB")) for one in made])
    with Image.open(file) as film:
        film.load()
        assert film.info["duration"] == 50
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(("width", "height"), [(32, 32), (29, 31)])
def test_an_mp4_has_the_frames_in_order(tmp_path, width, height):
    reader = pytest.importorskip("imageio_ffmpeg")
    made = [Image.new("L", (width, height), level) for level in (20, 90, 160, 230)]
    write_film(iter(made), tmp_path / "walk.mp4", 12)
    film = reader.read_frames(str(tmp_path / "walk.mp4"))
    told = next(film)
    assert told["size"] == (width + width % 2, height + height % 2) and told["fps"] == 12
    assert [np.frombuffer(frame, np.uint8).mean() for frame in film] == pytest.approx([20, 90, 160, 230], abs=4)
    assert [path.name for path in tmp_path.iterdir()] == ["walk.mp4"]


@pytest.mark.parametrize("suffix", ["gif", "webp", "mp4"])
def test_a_film_is_whole_or_not_there(tmp_path, suffix):
    if suffix == "mp4":
        pytest.importorskip("imageio_ffmpeg")

    def broken():
        yield from pictures(2, 1)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_film(broken(), tmp_path / f"walk.{suffix}", 25)
    assert list(tmp_path.iterdir()) == []


def test_an_mp4_that_the_disk_does_not_take_leaves_the_old_one(tmp_path, monkeypatch):
    """imageio-ffmpeg does not pass on that ffmpeg could not write."""
    ffmpeg, file = pytest.importorskip("imageio_ffmpeg"), tmp_path / "walk.mp4"
    write_film(iter(pictures(3, 1)), file, 25)
    before, write_frames = file.read_bytes(), ffmpeg.write_frames

    def close_and_cut(path, *arguments, **options):
        film = write_frames(path, *arguments, **options)
        try:
            while True:
                film.send((yield))
        finally:
            film.close()
            with Path(path).open("r+b") as stream:
                stream.truncate(200)

    monkeypatch.setattr(ffmpeg, "write_frames", close_and_cut)
    with pytest.raises(WriteFailed, match="walk"):
        write_film(iter(pictures(3, 1)), file, 25)
    assert file.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["walk.mp4"]


def test_small_images_are_enlarged():
    assert [enlargement(size, None) for size in (8, 28, 64, 256, 1024)] == [32, 10, 4, 1, 1]
    assert enlargement(28, 3) == 3
    for scale in (0, 200):
        with pytest.raises(GanzooError, match="must be 1 to 146 for images of 28 pixels"):
            enlargement(28, scale)


@pytest.fixture(scope="module")
def place(tmp_path_factory, _own_cache, tiny) -> Path:
    place = tmp_path_factory.mktemp("walk")
    settings = [*tiny("dcgan", kimg=0.032), "generator.conditional=true"]
    with pytest.raises(SystemExit) as stop:
        main(["run", "dcgan+hinge", *settings, "--out", str(place / "run")])
    assert not stop.value.code
    return place


@pytest.fixture
def interpolate(place, ganzoo, monkeypatch):
    monkeypatch.chdir(place)
    return partial(ganzoo, "interpolate", "run")


def test_the_command_writes_a_film(interpolate, place):
    code, out, err = interpolate("--seeds", "1,2,3", "--class", "trouser", "--frames", "4", "--fps", "8")
    assert code == 0, err
    assert out == "12 frames of class trouser, 1.5 seconds: run/walk.gif\n"
    with Image.open(place / "run/walk.gif") as film:
        assert film.size == (280, 280)
        assert seconds(film) == pytest.approx(1.5, abs=0.1)  # the file merges equal frames into a longer one
    code, out, _ = interpolate("--seeds", "1-2", "--frames", "2", "--scale", "1", "--out", "small.webp")
    assert code == 0 and Image.open(place / "small.webp").size == (28, 28)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seeds", "1"], "--seeds lists 1 seed; a walk has 2 or more"),
        (["--seeds", "2-1"], "descends"),
        (["--seeds", "1,2", "--frames", "0"], "--frames is 0, must be 1 to 5000 with 2 seeds"),
        (["--seeds", "1,2", "--frames", "5001"], "--frames is 5001"),
        (["--seeds", "1,2", "--fps", "0"], "--fps is 0, must be 1 to 50 for a .gif"),
        (["--seeds", "1,2", "--fps", "nan"], "--fps is nan"),
        (["--seeds", "1,2", "--fps", "60"], "--fps is 60, must be 1 to 50 for a .gif"),
        (["--seeds", "1,2", "--out", "walk.avi"], "cannot write walk.avi: a film ends with one of .gif, .webp, .mp4"),
        (["--seeds", "1,2", "--out", "run/config.yaml/walk.gif"], "cannot write run/config.yaml/walk.gif"),
        (["--seeds", "1,2", "--scale", "0"], "--scale is 0, must be 1 to 146 for images of 28 pixels"),
        (["--seeds", "1,2", "--class", "trousers"], "there is no class 'trousers'"),
        (["--seeds", "1,2", "--truncation", "0.5"], "this generator has no truncation"),
        (["--seeds", "1,2", "--checkpoint", "first"], "no checkpoint 'first'"),
        (["--out", "walk.gif"], "--seeds"),
    ],
)
def test_what_cannot_be_walked_is_one_line(interpolate, place, options, says):
    before = sorted(place.rglob("*"))
    code, _, err = interpolate(*options)
    assert code == 2 and says in err and err.count("\n") == 1
    assert sorted(place.rglob("*")) == before


def test_an_mp4_without_its_package_says_how_to_get_it(interpolate, monkeypatch):
    monkeypatch.setattr(ganzoo_walk.film, "NEEDED", "not_installed_anywhere")
    code, _, err = interpolate("--seeds", "1,2", "--out", "walk.mp4")
    assert code == 2 and "pip install 'ganzoo[video]'" in err and err.count("\n") == 1
