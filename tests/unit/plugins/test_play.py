"""The files and the server of the play page. test_play_page.py tests the page itself."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import webbrowser
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from queue import Queue

import pytest
import torch
from PIL import Image
from support.bench_records import make_record, write_records
from support.play_runs import EVIL, Conditional, game, generator_of, player, write_run
from support.report_runs import write_run as write_played_run
from torch import nn

import ganzoo_export.onnx
from ganzoo import load_generator
from ganzoo.bench.record import Weights
from ganzoo.cli.main import main
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.runs.run_dir import RunDir
from ganzoo_play import write as module
from ganzoo_play.directions import principal_directions
from ganzoo_play.game import read_game
from ganzoo_play.player import load_player
from ganzoo_play.serve import make_server
from ganzoo_play.write import write_page

pytestmark = pytest.mark.seconds


@pytest.fixture(scope="module")
def stub():
    """Pages without ONNX, in which a generator's file contains the name of its class."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            module, "export_generator", lambda generator, form, file, names: file.write_text(type(generator).__name__)
        )
        patch.setattr(ganzoo_export.onnx, "NEEDED", ())
        yield


@pytest.fixture(scope="module")
def page(stub, tmp_path_factory):
    runs = [player(EVIL, generator_of("mlp", ImageSpec(1, 8)), played=game(8)), player("b+c", Conditional())]
    return write_page(runs, tmp_path_factory.mktemp("page") / "play").parent


@pytest.fixture(scope="module")
def ask(page):
    """A function that asks the page's server for a path and returns the answer's status, headers and content."""
    (page.parent / "secret.txt").write_text("secret")
    (page / "link.txt").symlink_to(page.parent / "secret.txt")
    with make_server(page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]

        def asked(path, host=None, method="GET"):
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            connection.putrequest(method, path, skip_host=True)
            if host != "":
                connection.putheader("Host", (host or "127.0.0.1:PORT").replace("PORT", str(port)))
            connection.endheaders()
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer.status, answer.headers, content

        yield asked
        server.shutdown()


def runs_of(page):
    html = (page / "index.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'id="runs">(.*?)</script>', html, re.DOTALL)[1])


def test_the_directory_is_whole_and_names_nothing_outside(page):
    names = {str(path.relative_to(page)) for path in page.rglob("*") if path.is_file()}
    assert {"index.html", "page.css", "play.js", "runs/0.onnx", "runs/0.png", "runs/1.onnx", "vendor/ort.wasm"} <= names
    assert {"vendor/ort-LICENSE.txt", "vendor/ort-ThirdPartyNotices.txt", "vendor/gifenc-LICENSE.txt"} <= names
    assert not any(name.endswith(".xz") for name in names) and "runs/1.png" not in names
    assert (page / "vendor/ort.wasm").read_bytes()[:4] == b"\0asm"
    for file in (page / "index.html", page / "page.css", *page.glob("*.js")):
        content = file.read_text(encoding="utf-8").replace(json.dumps(EVIL)[1:-1], "")
        assert not re.search(r"""(?:src|href)="/|url\(["']?/|from "(?!\./)""", content), file
    script = (page / "vendor/ort.js").read_text(encoding="utf-8")
    version = re.search(r"ONNX Runtime Web v([\d.]+)", script)[1]
    assert f"onnxruntime-web {version}" in (page / "vendor/README.md").read_text()
    assert "sourceMappingURL" not in script + (page / "vendor/gifenc.js").read_text(encoding="utf-8")


def test_what_a_run_says_is_data_never_markup(page):
    html = (page / "index.html").read_text(encoding="utf-8")
    assert "<img" not in html
    first, second = runs_of(page)
    assert first["name"] == EVIL and first["classes"] == [] and second["classes"] == ["kind 0", "kind 1", "kind 2"]
    assert (first["latents"], first["size"], first["channels"], first["truncation"]) == (64, 8, 1, False)
    assert first["game"]["images"][0] == [0, 1, pytest.approx(0.8808)] and first["game"]["images"][64][:2] == [1, 0]
    assert second["game"] is None and len(first["game"]["images"]) == 128
    with Image.open(page / "runs/0.png") as sheet:
        assert sheet.size == (16 * 8, 8 * 8) and sheet.mode == "L"
        assert sheet.getpixel((0, 0)) < 128 <= sheet.getpixel((0, 63))


def test_a_page_is_written_anew_but_nothing_else_is_written_over(stub, tmp_path):
    page = tmp_path / "play"
    (page / "runs").mkdir(parents=True)
    (page / "runs/1.onnx").touch()
    (page / "index.html").write_text(f"<head>{module.MARK}</head>")
    write_page([player("b+c", Conditional())], page)
    assert [run["name"] for run in runs_of(page)] == ["b+c"] and not (page / "runs/1.onnx").exists()
    for name, content in (("photo.png", "x"), ("index.html", "<html>")):
        foreign = tmp_path / f"foreign-{name}"
        foreign.mkdir()
        (foreign / name).write_text(content)
        with pytest.raises(GanzooError, match="already holds other files"):
            write_page([player("b+c", Conditional())], foreign)
        assert [path.name for path in foreign.iterdir()] == [name]


FOREIGN = ["CNAME", ".git/HEAD", "runs/notes.txt", "README.md", "custom.css", "vendor/notes.txt"]


@pytest.mark.parametrize("name", FOREIGN)
def test_files_that_were_put_beside_a_page_are_kept(stub, tmp_path, name):
    page = tmp_path / "play"
    write_page([player("b+c", Conditional())], page)
    write_page([player("b+c", Conditional())], page)
    (page / name).parent.mkdir(exist_ok=True)
    (page / name).write_text("mine")
    with pytest.raises(GanzooError, match=f"holds {name}, which is not the page's; move it or choose another --out"):
        write_page([player("b+c", Conditional())], page)
    assert (page / name).read_text() == "mine"


def test_what_fails_leaves_the_page_as_it_was(tmp_path, monkeypatch):
    page = tmp_path / "play"
    page.mkdir()
    (page / "index.html").write_text(module.MARK)

    def refuse(generator, form, file, names):
        raise GanzooError("cannot be exported")

    monkeypatch.setattr(module, "export_generator", refuse)
    with pytest.raises(GanzooError, match="cannot be exported"):
        write_page([player("b+c", Conditional())], page)
    assert (page / "index.html").read_text() == module.MARK and [path.name for path in tmp_path.iterdir()] == ["play"]


def test_only_this_machine_is_let_in(ask):
    for host in ("127.0.0.1:PORT", "localhost:PORT"):
        status, headers, content = ask("/", host)
        assert status == 200 and b"ganzoo play" in content and headers["X-Content-Type-Options"] == "nosniff"
    for host in ("example.com", "example.com:PORT", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:PORT.example.com", ""):
        status, _, content = ask("/", host)
        assert status == 403 and b"vendor" not in content
    assert ask("/", "example.com", "HEAD")[0] == 403


OUTSIDE = ("/../secret.txt", "/%2e%2e/secret.txt", "/runs/..%2f..%2fsecret.txt", "//../secret.txt", "/..%5csecret.txt")


@pytest.mark.parametrize("path", [*OUTSIDE, "/link.txt", "/runs/", "/vendor"])
def test_nothing_but_the_directory_is_served(ask, path):
    status, _, content = ask(path)
    assert status in (301, 404) and b"secret\n" not in content and b".onnx" not in content


def test_files_have_the_kinds_that_browsers_ask_for(ask):
    kinds = {
        "/": "text/html",
        "/play.js": "text/javascript",
        "/page.css": "text/css",
        "/vendor/ort.wasm": "application/wasm",
    }
    for path, kind in kinds.items():
        assert ask(path)[1]["Content-Type"].startswith(kind)
    assert ask("/play.js", method="POST")[0] == 501


def test_a_taken_port_is_one_line(page):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(GanzooError, match=f"--port {port} is taken; leave --port out"):
            make_server(page, port)


class Linear(Generator):
    """A generator whose pixels are linear in the latents, with known singular vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.latent_dim = ImageSpec(1, 4), 6
        rng = torch.Generator().manual_seed(3)
        left = torch.linalg.qr(torch.randn(16, 6, generator=rng))[0]
        self.right = torch.linalg.qr(torch.randn(6, 6, generator=rng))[0]
        self.weight = nn.Parameter(left * torch.tensor([9.0, 6, 4, 2, 1, 0.5]) @ self.right.T)

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        return (latents @ self.weight.T).reshape(-1, 1, 4, 4)


def test_directions_are_those_along_which_images_change_most():
    generator = Linear().eval()
    found = principal_directions(generator, count=3, samples=4096)
    assert torch.allclose(found @ found.T, torch.eye(3), atol=1e-5)
    assert (found @ generator.right[:, :3]).diag().abs().min() > 0.98
    assert (generator(found) - generator(-found)).sum((1, 2, 3)).min() > 0
    assert principal_directions(generator, count=99).shape == (6, 6)


def test_the_game_is_what_the_run_kept(tmp_path):
    directory = RunDir(write_played_run(tmp_path / "run", channels=3))
    names = sorted(path.stem for path in directory.samples.glob("*.png"))
    first, last = read_game(directory, names[0]), read_game(directory, names[-1])
    assert first.images.shape == (128, 28, 28, 3)
    assert first.verdicts.fooled < last.verdicts.fooled
    (directory.verdicts / f"{names[0]}.json").unlink()
    assert read_game(directory, names[0]) is None and read_game(directory, "kimg9") is None


def call(*arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(list(map(str, arguments)))
    said = capsys.readouterr()
    return stopped.value.code, said.out, said.err


def test_the_command_writes_into_the_first_run(registry, stub, tmp_path, capsys):
    one, two = write_run(tmp_path / "one", registry), write_run(tmp_path / "two", registry)
    code, out, err = call("play", one.path, two.path, "--no-serve", capsys=capsys)
    assert (code, err) == (0, "") and out.splitlines()[-1] == f"page: {one.path / 'play/index.html'}"
    assert [run["about"] for run in runs_of(one.path / "play")] == [
        "fashion-10k · 4 kimg · one",
        "fashion-10k · 4 kimg · two",
    ]
    assert not (two.path / "play").exists()
    code, _, err = call("play", one.path, "--out", tmp_path / "one", capsys=capsys)
    assert code == 2 and "already holds other files" in err and one.latest()


def test_what_cannot_be_played_is_one_line(registry, stub, tmp_path, capsys, monkeypatch):
    fresh = write_run(tmp_path / "fresh", registry, checkpoint=False)
    for arguments, words in (
        ([fresh.path], "holds no checkpoint yet"),
        ([tmp_path / "nowhere"], "is not a run directory"),
        ([fresh.path, "--port", 70000], "--port is 70000"),
    ):
        code, _, err = call("play", *arguments, "--no-serve", capsys=capsys)
        assert code == 2 and words in err and len(err.splitlines()) == 1
    assert not (fresh.path / "play").exists()
    monkeypatch.setattr(ganzoo_export.onnx, "NEEDED", ("onnx_is_not_here",))
    code, _, err = call("play", fresh.path, capsys=capsys)
    assert code == 2 and "pip install 'ganzoo[export]'" in err and "--format" not in err


def test_the_command_serves_opens_the_browser_and_ends_with_ctrl_c(registry, stub, tmp_path, capsys, monkeypatch):
    run, asked, opened = write_run(tmp_path / "run", registry), [], Queue()

    def interrupted(server):
        connection = HTTPConnection(*server.server_address, timeout=10)
        threading.Thread(target=server.handle_request, daemon=True).start()
        connection.request("GET", "/")
        asked.append(connection.getresponse().read())
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", interrupted)
    monkeypatch.setattr(webbrowser, "open", opened.put)
    code, out, err = call("play", run.path, capsys=capsys)
    address = re.search(r"^open: (http://127\.0\.0\.1:\d+/) ", out, re.MULTILINE)[1]
    assert (code, err) == (0, "") and b"ganzoo play" in asked[0]
    assert opened.get(timeout=60) == address
    assert call("play", run.path, "--no-open", capsys=capsys)[0] == 0 and len(asked) == 2 and opened.empty()


def test_a_record_of_a_benchmark_is_played_where_its_weights_were_kept(registry, tmp_path):
    weights = write_run(tmp_path / "run", registry).latest().path / "ema.safetensors"
    kept = Weights(hashlib.sha256(weights.read_bytes()).hexdigest(), 1, "../run/checkpoints/ema.safetensors")
    weights.rename(tmp_path / "run/checkpoints/ema.safetensors")
    config = {"recipe": "mlp+minimax", "generator": {"width": 16, "layers": 1}, "data": {"name": "fashion-10k"}}
    (tmp_path / "garments").mkdir()
    Image.new("L", (28, 28)).save(tmp_path / "garments/0.png")
    away = {**config, "data": {"name": f"folder:{tmp_path}/garments"}}
    records = [make_record(), *(make_record("mlp+minimax", config=one, weights=kept) for one in (config, away))]
    gone, there, private = write_records(tmp_path, records)
    with pytest.raises(GanzooError, match="its weights were not kept"):
        load_player(registry, str(gone), "latest")
    with pytest.raises(GanzooError, match="has the weights of one checkpoint; leave the checkpoint 'best' out"):
        load_player(registry, str(there), "best")
    with pytest.raises(GanzooError, match="has the weights of one checkpoint"):
        load_generator(there, checkpoint="best")
    found = load_player(registry, str(there), "latest")
    assert found.about == "fashion-10k · 100 kimg · FID 30.00 · 001" and found.game is None
    assert load_player(registry, str(private), "latest").about.startswith("folder:garments · ")
    assert found.generator.image == ImageSpec(1, 28, 10)
