from __future__ import annotations

import json
import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from support.pooled import WIDTH, install_pooled, random_images, write_images

from ganzoo.errors import NetworkMissing
from ganzoo_datasets.downloaded import FashionMNIST
from ganzoo_fidelity.frechet import frechet_of_features
from ganzoo_fidelity.network import find_network, load_state

pytestmark = pytest.mark.seconds


@pytest.fixture
def pooled(monkeypatch):
    return install_pooled(monkeypatch)


@pytest.fixture
def places(tmp_path):
    """Two sets of 20 images of 8 x 8 pixels, in the directories ``a`` and ``b``."""
    a, b = random_images(20, 8, 8, 3), random_images(20, 8, 8, 3, seed=1, most=128)
    write_images(tmp_path / "a", a)
    write_images(tmp_path / "b", b)
    return a, b


def fid_of(ganzoo, *arguments):
    code, out, err = ganzoo("fid", *arguments)
    assert code == 0, err
    return json.loads(out), err


@pytest.mark.long
def test_the_fid_of_two_directories_is_torch_fidelitys(ganzoo, tmp_path):
    from torch_fidelity import calculate_metrics

    try:
        network = find_network(None, tmp_path / "root")
    except NetworkMissing as missing:
        pytest.skip(str(missing))
    write_images(tmp_path / "a", random_images(6, 16, 16, 3))
    write_images(tmp_path / "b", random_images(5, 16, 16, 3, seed=1, most=128))
    theirs = calculate_metrics(
        input1=str(tmp_path / "a"),
        input2=str(tmp_path / "b"),
        fid=True,
        feature_extractor_weights_path=str(network.path),
        cuda=False,
        cache=False,
        verbose=False,
    )["frechet_inception_distance"]
    found, _ = fid_of(ganzoo, "a", "b")
    assert theirs > 10
    assert found["values"]["fid"] == pytest.approx(theirs, abs=1e-3)
    assert found["protocol"]["inception_resize"] == "to 299 x 299 by the network, bilinear as in TensorFlow 1.x"


@pytest.mark.long
def test_the_other_fid_of_two_directories_is_pytorch_fids(ganzoo, tmp_path, monkeypatch):
    from pytorch_fid.fid_score import get_activations

    from pytorch_fid import inception

    try:
        network = find_network(None, tmp_path / "root")
    except NetworkMissing as missing:
        pytest.skip(str(missing))
    # pytorch-fid would download these same weights, and it has a bias for class scores, which it does not use.
    state = {**load_state(network.path), "fc.bias": torch.zeros(1008)}
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: state)
    write_images(tmp_path / "a", random_images(6, 16, 16, 3))
    write_images(tmp_path / "b", random_images(5, 16, 16, 3, seed=1, most=128))
    model = inception.InceptionV3()
    read = [get_activations(sorted((tmp_path / side).iterdir()), model, 5, num_workers=0) for side in ("a", "b")]
    # pytorch-fid's own square root of a 2048 x 2048 matrix takes half a minute.
    theirs = frechet_of_features(*map(torch.from_numpy, read))
    code, out, err = ganzoo("score", "a", "--reference", "b", "--metrics", "fid-pytorch,fid")
    assert code == 0, err
    found = json.loads(out)
    assert theirs > 10 and found["values"]["fid_pytorch"] == pytest.approx(theirs, rel=1e-5)
    assert abs(found["values"]["fid"] - theirs) > 0.01
    assert found["protocol"]["inception_resize"] == "to 299 x 299, bilinear as in PyTorch, as pytorch-fid does"


def test_every_kind_of_side_has_the_same_fid(ganzoo, places, pooled, tmp_path):
    a, _ = places
    expected, err = fid_of(ganzoo, "a", "b")
    assert "score: fid" in err and "20 images of folder:a against all 20 images of folder:b" in err
    assert expected["values"]["fid"] > 0.1
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in (tmp_path / "a").iterdir():
            archive.write(file, file.name)
    np.savez(tmp_path / "nhwc.npz", a)
    np.savez_compressed(tmp_path / "nchw.npz", a.transpose(0, 3, 1, 2))
    for name in ("a.zip", "folder:a", "zip:a.zip", "nhwc.npz", "nchw.npz"):
        assert fid_of(ganzoo, name, "b")[0]["values"]["fid"] == pytest.approx(expected["values"]["fid"], rel=1e-9), name
    assert ganzoo("stats", "a", "--out", "a-stats.npz")[1] == "statistics of 20 images: a-stats.npz\n"
    for sides in (("a-stats.npz", "b"), ("b", "a-stats.npz")):
        found, err = fid_of(ganzoo, *sides)
        assert found["values"]["fid"] == pytest.approx(expected["values"]["fid"], rel=1e-6)
    assert found["protocol"]["statistics"]["reference"] == "folder:a"
    assert "20 images of folder:b against the statistics in a-stats.npz of 20 images" in err


def test_statistics_are_what_pytorch_fid_reads(ganzoo, places, pooled, tmp_path):
    ganzoo("stats", "a", "--out", "a.npz")
    with np.load(tmp_path / "a.npz") as file:  # as pytorch-fid's fid_score.py reads it
        mean, covariance = file["mu"][:], file["sigma"][:]
    assert mean.shape == (WIDTH,) and covariance.shape == (WIDTH, WIDTH)
    assert (mean.dtype, covariance.dtype) == (np.float64, np.float64)
    np.savez(tmp_path / "theirs.npz", mu=mean, sigma=covariance)
    ours, theirs = fid_of(ganzoo, "b", "a.npz")[0], fid_of(ganzoo, "b", "theirs.npz")[0]
    assert ours["values"] == theirs["values"]
    assert theirs["protocol"]["statistics"] == "the file has no origin"
    assert theirs["protocol"]["real_pictures"] is None


def test_a_data_set_is_named_with_its_split(ganzoo, pooled, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "root"))  # the shared cache has features from other networks
    images = random_images(20, 28, 28)
    write_images(tmp_path / "a", images)
    found, _ = fid_of(ganzoo, "a", "fashion-10k:train")
    assert (found["protocol"]["reference"], found["protocol"]["split"]) == ("fashion-10k", "train")
    assert "demonstration" not in found["protocol"]
    code, _, err = ganzoo("fid", "a", "fashion-10k:test")
    assert code == 2 and "fashion-10k has no such split; it has train" in err


def test_images_of_mixed_sizes_are_each_read_as_they_are(ganzoo, places, pooled, tmp_path):
    (tmp_path / "mixed").mkdir()
    for number, image in enumerate(places[0]):
        picture = Image.fromarray(image)
        picture = picture.convert("L") if number % 3 == 0 else picture
        picture.resize((8 + 4 * (number % 2), 8)).save(tmp_path / "mixed" / f"{number:04d}.png")
    found, err = fid_of(ganzoo, "mixed", "b")
    assert found["protocol"]["fake_picture"].startswith("4 shapes, ")
    assert found["protocol"]["picture"] == "3 x 8 x 8"
    assert "each is resized for the extractor from its own size" in err
    assert 0 < found["values"]["fid"] < 100


def test_an_alpha_channel_that_is_opaque_everywhere_is_dropped(ganzoo, places, pooled, tmp_path):
    a, _ = places
    (tmp_path / "c").mkdir()
    for number, image in enumerate(a):
        Image.fromarray(image).convert("RGBA").save(tmp_path / f"c/{number:02}.png")
    assert fid_of(ganzoo, "c", "b")[0]["values"] == fid_of(ganzoo, "a", "b")[0]["values"]
    Image.new("RGBA", (8, 8), (9, 9, 9, 128)).save(tmp_path / "c/00.png")
    code, _, err = ganzoo("fid", "c", "b")
    assert code == 2 and "folder:c: 00.png: it is partly transparent; make it opaque" in err.splitlines()[-1]


def test_several_metrics_at_once(ganzoo, places, pooled):
    code, out, _ = ganzoo("score", "a", "--reference", "b", "--metrics", "fid,kid,prc")
    assert code == 0
    assert set(json.loads(out)["values"]) == {"fid", "kid_mean", "kid_std", "precision", "recall", "f_score"}


def test_few_images_and_the_same_images_are_said(ganzoo, places, pooled, tmp_path, monkeypatch):
    assert "biased" not in fid_of(ganzoo, "a", "b")[1]  # 20 images are more than the 8 features
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    found, err = fid_of(ganzoo, "a", "copy")
    assert "hold the same images" in err and found["protocol"]["same_images"]
    for number in range(WIDTH - 1, 20):
        (tmp_path / "copy" / f"{number:04d}.png").unlink()
    found, err = fid_of(ganzoo, "copy", "a")
    assert f"fid of {WIDTH - 1} images is biased upwards" in err


def test_a_run_is_sampled_and_says_if_it_has_seen_the_images(ganzoo, places, pooled, tiny):
    code, _, err = ganzoo("run", "mlp+minimax", "data.name=folder:a", *tiny("mlp", batch=4, kimg=0.016), "--out", "run")
    assert code == 0, err
    found, err = fid_of(ganzoo, "run", "a", "--samples", "15", "--seed", "3")
    assert found["protocol"]["fake_pictures"] == 15 and found["protocol"]["training_images"]
    assert "(scored against its own training images)" in err
    again, err = fid_of(ganzoo, "run", "b", "--samples", "15", "--seed", "3")
    assert "training_images" not in again["protocol"] and "own training" not in err
    assert fid_of(ganzoo, "run", "a", "--samples", "15", "--seed", "3")[0]["values"] == found["values"]
    assert fid_of(ganzoo, "run", "a", "--samples", "15")[0]["values"] != found["values"]
    protocol = fid_of(ganzoo, "a", "run", "--samples", "15", "--truncation", "1.0")[0]["protocol"]
    assert protocol["reference_checkpoint"] == found["protocol"]["checkpoint"] and "checkpoint" not in protocol


def test_the_training_images_of_a_run_are_not_downloaded(ganzoo, places, pooled, tiny, monkeypatch):
    settings = ["data.name=fashion-mnist", *tiny("mlp", batch=4, kimg=0.016)]
    monkeypatch.setattr(FashionMNIST, "load", lambda _: (random_images(20, 28, 28, 1), np.zeros(20, np.int64)))
    code, _, err = ganzoo("run", "mlp+minimax", *settings, "--out", "run")
    assert code == 0, err
    monkeypatch.setattr(FashionMNIST, "load", lambda _: pytest.fail("downloads"))
    found, _ = fid_of(ganzoo, "run", "a", "--samples", "15")
    assert "training_images" not in found["protocol"]


def test_statistics_of_a_set_say_that_they_are_exact(ganzoo, pooled, tmp_path, monkeypatch):
    """The features of a named set are cached and exact, also in fast mode."""
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "root"))
    code, _, err = ganzoo("stats", "fashion-10k:train", "--out", "s.npz", "--mode", "fast")
    assert code == 0, err
    with np.load(tmp_path / "s.npz") as file:
        assert "exact" in {str(file[name]) for name in file.files if file[name].shape == ()}


WHOLE = "it compares the features of all images, but s.npz has"
REFUSED = {
    f"kid: {WHOLE}": ("score", "a", "--reference", "s.npz", "--metrics", "kid"),
    f"isc: {WHOLE}": ("score", "s.npz", "--reference", "a", "--metrics", "isc"),
    "intra-fid: it compares within classes": ("score", "a", "--reference", "b", "--metrics", "intra-fid"),
    "unknown metric 'fit'": ("score", "a", "--reference", "b", "--metrics", "fit"),
    "nowhere does not exist and is not a data set": ("fid", "a", "nowhere"),
    "stats.pkl: reading a pickle would run its code": ("fid", "a", "stats.pkl"),
    "notes.txt is a file of another kind": ("fid", "notes.txt", "a"),
    "wide.npz: mu has the shape (9,), must be (8,)": ("fid", "a", "wide.npz"),
    "float.npz: arr_0 is float32 (4, 8, 8, 3), must be uint8": ("fid", "float.npz", "a"),
    "statistics are written as .npz": ("stats", "a", "--out", "a.txt"),
    "s.npz is a file of statistics already": ("stats", "s.npz", "--out", "t.npz"),
    "kid: it compares more than mean and covariance": ("stats", "a", "--out", "t.npz", "--metric", "kid"),
    "a file has the statistics of one metric; name fid alone": ("stats", "a", "--out", "t.npz", "--metric", "fid,kid"),
    "no metric is named": ("score", "a", "--reference", "b", "--metrics", ""),
    "1 generated images cannot be scored": ("fid", "one", "a"),
    "0001.png: it cannot be decoded": ("fid", "damaged", "a"),
    "zip:gone.npz is a file of another kind": ("fid", "zip:gone.npz", "a"),
}  # fmt: skip


@pytest.mark.parametrize("says", REFUSED)
def test_what_cannot_be_compared_is_refused_in_a_line(ganzoo, places, pooled, tmp_path, says):
    for name, width in (("s", WIDTH), ("wide", WIDTH + 1)):
        np.savez(tmp_path / f"{name}.npz", mu=np.zeros(width), sigma=np.eye(width))
    np.savez(tmp_path / "float.npz", np.zeros((4, 8, 8, 3), np.float32))
    (tmp_path / "stats.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (tmp_path / "notes.txt").write_text("notes")
    write_images(tmp_path / "one", places[0][:1])
    write_images(tmp_path / "damaged", places[0][:3])
    (tmp_path / "damaged" / "0001.png").write_bytes(b"no image")
    code, out, err = ganzoo(*REFUSED[says])
    assert (code, out) == (2, "") and says in err.splitlines()[-1]
    assert says.startswith("0001.png") or pooled.read == 0


def test_statistics_of_another_network_are_refused(ganzoo, places, pooled, tmp_path):
    ganzoo("stats", "a", "--out", "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        np.savez(tmp_path / "other.npz", **{**file, "network": np.str_("00" * 32)})
    code, _, err = ganzoo("fid", "b", "other.npz")
    assert code == 2 and "other.npz was made with the network 0000" in err
