from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganzoo.errors import GanzooError, NetworkMissing
from ganzoo.metrics.extractor import Mode, Network
from ganzoo_fidelity import network as networks
from ganzoo_fidelity.extractor import InceptionExtractor
from ganzoo_fidelity.network import find_network, identity, load_state

pytestmark = pytest.mark.seconds


def load_extractor(network: Network, mode: Mode = "exact", features: tuple[str, ...] = ("2048",)) -> InceptionExtractor:
    return InceptionExtractor(network, mode, torch.device("cpu"), features)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("network")


@pytest.fixture(scope="module")
def network(root: Path) -> Network:
    try:
        return find_network(None, root)
    except NetworkMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(256, (4, 3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def test_the_exact_extractor_gives_the_reference_features(network: Network, images: torch.Tensor) -> None:
    reference = load_extractor(network, "reference")(images)["2048"]
    exact = load_extractor(network, "exact")(images)["2048"]
    assert reference.shape == (4, 2048)
    assert reference.std() > 0.1
    assert (exact - reference).norm() < 1e-5 * reference.norm()


def test_the_fast_extractor_stays_near_and_gives_float32(network: Network, images: torch.Tensor) -> None:
    exact = load_extractor(network, "exact")(images)["2048"]
    fast = load_extractor(network, "fast")(images)["2048"]
    assert fast.dtype == torch.float32
    assert (fast - exact).norm() < 5e-2 * exact.norm()


def test_grey_is_tiled(network: Network, images: torch.Tensor) -> None:
    extract = load_extractor(network)
    grey = images[:2, :1]
    torch.testing.assert_close(extract(grey)["2048"], extract(grey.repeat(1, 3, 1, 1))["2048"])


def test_loading_leaves_the_global_random_state_alone(network: Network) -> None:
    before = torch.random.get_rng_state()
    load_extractor(network)
    assert torch.equal(before, torch.random.get_rng_state())


def test_torch_fidelity_itself_takes_the_file(network: Network, images: torch.Tensor) -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    theirs = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=str(network.path))
    ours = load_extractor(network, "reference")(images[:1])["2048"]
    assert torch.equal(theirs(images[:1])[0], ours)


def test_the_same_numbers_have_one_identity_whatever_file_they_are_in(
    network: Network, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = load_state(network.path)
    state["fc.weight"] = torch.ones_like(state["fc.weight"])
    other = tmp_path / "other.pth"
    torch.save(state, other)
    found = find_network(str(other), root)
    assert found.sha256 == network.sha256
    assert found.file_sha256 != network.file_sha256
    assert network.lacks == ("logits_unbiased",) and not found.lacks
    assert found.source == "file other.pth"
    monkeypatch.setenv("GANZOO_INCEPTION", str(other))
    assert find_network(None, root).file_sha256 == found.file_sha256
    extract = load_extractor(found, features=("2048", "logits_unbiased"))
    read = extract(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    torch.testing.assert_close(
        read["logits_unbiased"], read["2048"].sum(1, keepdim=True).expand(1, 1008), rtol=1e-4, atol=0
    )

    state["Mixed_7c.branch_pool.bn.bias"] = state["Mixed_7c.branch_pool.bn.bias"] + 1e-3
    assert identity(state) != network.sha256


def test_another_network_is_refused(root: Path, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "small.pth")
    with pytest.raises(GanzooError, match=r"small\.pth is not the FID Inception network"):
        find_network(str(tmp_path / "small.pth"), root)
    (tmp_path / "text.pth").write_text("no network")
    with pytest.raises(GanzooError, match=r"text\.pth is not the FID Inception network"):
        find_network(str(tmp_path / "text.pth"), root)
    with pytest.raises(GanzooError, match=r"metrics\.inception=.*there is no such file"):
        find_network(str(tmp_path / "none.pth"), root)


class Boom:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("boom"),))


def test_a_file_cannot_run_code(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"fc.weight": Boom()}, "evil.pth")
    with pytest.raises(GanzooError, match="is not the FID Inception network"):
        find_network("evil.pth", root)
    assert not Path("boom").exists()


def test_with_no_network_the_one_line_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no route to host")

    monkeypatch.delenv("GANZOO_INCEPTION", raising=False)
    monkeypatch.setattr(networks, "PACKAGE", "a_package_that_is_not_installed")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(NetworkMissing) as raised:
        find_network(None, tmp_path)
    assert "pip install 'ganzoo[offline]'" in str(raised.value)
    assert "metrics.inception=PATH" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_tampered_offline_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / networks.PACKAGE
    directory.mkdir()
    (directory / networks.PACKAGE_FILE).write_bytes(b"something else")
    monkeypatch.delenv("GANZOO_INCEPTION", raising=False)
    monkeypatch.setattr(networks, "_offline_file", lambda: directory / networks.PACKAGE_FILE)
    with pytest.raises(GanzooError, match="is not the expected file"):
        find_network(None, tmp_path)
