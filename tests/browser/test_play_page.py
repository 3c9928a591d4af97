"""The play page in a real browser. Needs `pip install playwright` and a Chromium on the PATH."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from support.browsing import CONTRASTS
from support.play_runs import EVIL, Conditional, game, generator_of, player

from ganzoo.entries import ImageSpec
from ganzoo.models.sampling import sample
from ganzoo_play.serve import make_server
from ganzoo_play.write import write_page

pytestmark = pytest.mark.browser

MAKE = """async ([place, latents, options]) => {
  const { Generator } = await import("./generator.js");
  const run = JSON.parse(document.getElementById("runs").textContent)[place];
  const generator = await Generator.load(run);
  const made = await generator.make(latents.map((one) => Float32Array.from(one)), options);
  return made.map((image) => [...image]);
}"""
PIXELS = """place => {
  const canvas = document.querySelectorAll("#images canvas")[place];
  const context = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
}"""
RESTING = "main[aria-busy=false]"


@pytest.fixture(scope="module")
def players():
    """Three players: without truncation and with a malicious name, with truncation, and with classes."""
    for package in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    return [
        player(EVIL, generator_of("mlp", ImageSpec(1, 8)), played=game(8)),
        player("stylegan-lite+minimax", generator_of("stylegan-lite", ImageSpec(3, 16))),
        player("colours+wgan", Conditional().eval(), played=game(8, probability=False, border=False)),
    ]


class Site(NamedTuple):
    root: Path
    address: str


@pytest.fixture(scope="module")
def site(players, tmp_path_factory):
    """A server with two pages in a subdirectory: one of all three players, one of the first player."""
    root = tmp_path_factory.mktemp("site")
    (root / "some/where").mkdir(parents=True)
    write_page(players, root / "some/where/all")
    write_page(players[:1], root / "some/where/one")
    with make_server(root) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Site(root, f"http://127.0.0.1:{server.server_address[1]}/some/where/")
        server.shutdown()


@pytest.fixture
def open_page(browser, site):
    """A function that opens a page. At the end, the console must be empty and all requests local."""
    contexts = []
    said: list[str] = []
    asked: set[str] = set()

    def opened(name, anchor="", *, wait=True, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.add(request.url))
        page.goto(f"{site.address}{name}/{anchor}")
        if wait:
            page.wait_for_selector(RESTING)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert all(url.startswith((site.address, "data:", "blob:http://127.0.0.1:")) for url in asked)


def rest(page):
    """Wait until every image is redrawn. A changed control marks the page as busy at once."""
    page.wait_for_selector(RESTING)


def change(page, selector, value):
    page.locator(selector).fill(str(value))
    rest(page)


def seen(page, place=0):
    return page.evaluate(PIXELS, place)


def test_the_browser_makes_the_images_that_pytorch_makes(open_page, players):
    page = open_page("all")
    rng = torch.Generator().manual_seed(5)
    for place, (label, truncation) in enumerate([(0, 1.0), (0, 0.4), (2, 1.0)]):
        generator = players[place].generator
        latents = generator.sample_latents(3, rng)
        given = [place, latents.tolist(), {"label": label, "truncation": truncation}]
        found = torch.tensor(page.evaluate(MAKE, given))
        with torch.no_grad():
            expected = generator(latents, torch.full((3,), label), truncation=truncation)
        assert (found - expected.flatten(1)).abs().max() < 1e-3
        assert expected.std() > 0.01


def test_a_seed_is_the_first_image_that_ganzoo_sample_makes(open_page, players):
    page = open_page("all")
    for seed, count in ((0, 64), (7, 3), (2**32 - 1, 512)):
        script = f"import('./latents.js').then(({{ fromSeed }}) => [...fromSeed({seed}, {count})])"
        found = torch.tensor(page.evaluate(script))
        expected = torch.randn(100, count, generator=torch.Generator().manual_seed(seed))[0]
        assert torch.allclose(found, expected, atol=1e-5)
    change(page, "#seed", 7)
    for place in (0, 2):
        label = 0 if players[place].generator.conditional else None
        expected = next(sample(players[place].generator, 1, 7, label=label))[0].expand(3, -1, -1).permute(1, 2, 0)
        found = torch.tensor(seen(page, place)).view(8, 8, 4)[..., :3]
        assert (found - expected.int()).abs().max() <= 1


def test_a_slider_changes_the_image_and_back_brings_it_back(open_page):
    page = open_page("one")
    assert page.evaluate("window.evil") is None and page.locator("h1").inner_text() == EVIL
    before, ends = (
        seen(page),
        page.locator("#directions canvas").evaluate_all("all => all.map((one) => one.toDataURL())"),
    )
    assert len(ends) == len(set(ends)) == 16
    change(page, "#directions input >> nth=0", 4)
    assert seen(page) != before
    assert page.locator("#directions canvas").nth(1).evaluate("one => one.toDataURL()") == ends[1]
    page.get_by_role("button", name="Back to the seed").click()
    rest(page)
    assert seen(page) == before


def test_from_seed_to_seed(open_page):
    page = open_page("one")
    start = seen(page)
    change(page, "#way", 1)
    end = seen(page)
    change(page, "#way", 0.5)
    middle = seen(page)
    assert len({tuple(image) for image in (start, middle, end)}) == 3
    change(page, "#seed", 1)
    change(page, "#way", 0)
    assert seen(page) == end
    page.get_by_role("button", name="Walk").click()
    page.wait_for_function("() => document.getElementById('way').value > 0.1")
    page.get_by_role("button", name="Stop").click()
    rest(page)
    page.locator("#seed").fill("")
    change(page, "#way", 0.5)
    assert "NaN" not in page.url
    page.locator("#seed").fill("")
    page.locator("#seed").blur()
    assert page.locator("#seed").input_value() == "0"


def test_controls_may_be_used_while_the_generators_load(open_page):
    page = open_page("all", wait=False)
    assert page.evaluate("document.querySelectorAll('#images canvas').length") < 3
    for name in ("Surprise me", "Save PNG", "Save GIF"):
        page.get_by_role("button", name=name).click()
    page.locator("#way").fill("0.5")
    page.wait_for_selector(RESTING)
    assert "way=0.5" in page.url and page.get_by_role("button", name="Save GIF").is_enabled()


def test_surprises_differ_and_a_reload_stays_where_it_was(open_page):
    page = open_page("all")
    seeds = set()
    for _ in range(3):
        page.get_by_role("button", name="Surprise me").click()
        rest(page)
        seeds.add(page.locator("#seed").input_value())
    assert len(seeds) > 1
    change(page, "#way", 0.25)
    change(page, "#truncation", 0.5)
    page.locator("#class").select_option("kind 2")
    change(page, "#directions input >> nth=2", -1.5)
    before = [seen(page, place) for place in range(3)]
    page.reload()
    page.wait_for_selector(RESTING)
    assert [seen(page, place) for place in range(3)] == before
    hostile = open_page("all", "#seed=-1&to=x&way=9&truncation=NaN&class=99&steps=99,nothing,,1e9")
    assert [hostile.locator(f"#{name}").input_value() for name in ("seed", "to", "way")] == ["0", "1", "1"]


def test_truncation_and_classes_are_there_for_those_that_have_them(open_page):
    alone = open_page("one")
    assert alone.locator("#truncation").is_hidden() and alone.locator("#class").is_hidden()
    assert alone.get_by_label("Small images by").is_hidden()
    page = open_page("all")
    assert "only stylegan-lite+minimax" in page.locator("#truncation-panel").inner_text()
    before = [seen(page, place) for place in range(3)]
    change(page, "#truncation", 0)
    assert [seen(page, place) == before[place] for place in range(3)] == [True, False, True]
    change(page, "#truncation", 1)
    page.locator("#class").select_option("kind 1")
    rest(page)
    assert [seen(page, place) == before[place] for place in range(3)] == [True, True, False]
    small = page.locator("#directions canvas").first
    drawn = small.evaluate("one => one.toDataURL()")
    page.get_by_label("Small images by").select_option(index=1)
    rest(page)
    assert small.evaluate("one => one.toDataURL()") != drawn and small.get_attribute("width") == "16"


def test_the_pad_takes_the_pointer_and_the_keys(open_page):
    page = open_page("one")
    before, pad = seen(page), page.locator("#pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    rest(page)
    assert seen(page) != before
    values = [float(value) for value in re.findall(r": (-?[\d.]+)", pad.get_attribute("aria-valuetext"))]
    assert values == pytest.approx([2, 2], abs=0.2)
    assert float(page.locator("#directions input").first.input_value()) == pytest.approx(2, abs=0.2)
    page.keyboard.press("Home")
    rest(page)
    assert seen(page) == before
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    rest(page)  # the text changes with the next frame
    assert pad.get_attribute("aria-valuetext") == "direction 1: -4.0, direction 2: 1.0"
    page.get_by_label("Left to right").select_option("direction 3")
    rest(page)
    assert pad.get_attribute("aria-valuetext") == "direction 3: 0.0, direction 2: 1.0"
    page.get_by_label("Down to up").select_option("direction 3")
    rest(page)
    assert pad.get_attribute("aria-valuetext") == "direction 2: 1.0, direction 3: 0.0"


def test_everything_is_reached_by_the_keyboard(open_page):
    page = open_page("all")
    reached = []
    page.keyboard.press("Tab")
    while (name := page.evaluate("document.activeElement.id || document.activeElement.ariaLabel || ''")) or len(
        reached
    ) < 3:
        reached.append(name)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.press("Tab")
    wanted = [
        *("surprise", "back", "png", "seed", "to", "walk", "gif", "way", "truncation", "class", "pad", "across", "up"),
        *("whose", "Direction 1", "Direction 8"),
        *("game-whose", "Image 1: real", "Image 8: real", "check", "reset"),
    ]
    assert [name for name in reached if name in wanted] == wanted
    before = seen(page)
    page.locator("#directions input").first.focus()
    page.keyboard.press("End")
    rest(page)
    assert seen(page) != before
    page.locator("#cards button").first.focus()
    page.keyboard.press("Space")
    assert page.locator("#cards button").first.get_attribute("aria-pressed") == "true"
    page.locator("#check").focus()
    page.keyboard.press("Enter")
    assert page.locator("#rounds").inner_text() == "1"


def test_the_game_counts(open_page):
    page = open_page("one")
    cards = page.locator("#cards button")
    right = {"you": 0, "discriminator": 0}
    for round_ in (1, 2):
        assert cards.count() == 8
        cards.nth(2).click()
        page.get_by_role("button", name="See the truth").click()
        real = page.locator("#cards li").evaluate_all("all => all.map((one) => one.className === 'real')")
        you = sum(is_real == (place == 2) for place, is_real in enumerate(real))
        words = page.locator("#cards .words").all_inner_texts()
        assert sum("✓ you" in said for said in words) == you
        assert all(re.search(r"[✓✗] D \d+\.\d%", said) for said in words)
        rival = sum("✓ D" in said for said in words)
        assert page.locator("#result").inner_text().endswith(f"you got {you} of 8 right, the discriminator {rival}.")
        right["you"] += you
        right["discriminator"] += rival
        for who, so_far in right.items():
            assert page.locator(f"#{who}").inner_text().startswith(f"{so_far} of {8 * round_} (")
        cards.nth(0).click()  # too late to count
        assert page.locator(f"#rounds:text-is('{round_}')").count() == 1
        page.get_by_role("button", name="Next eight").click()
    page.reload()
    page.wait_for_selector(RESTING)
    assert page.locator("#you").inner_text().startswith(f"{right['you']} of 16")
    page.get_by_role("button", name="Start over").click()
    assert page.locator("#rounds").inner_text() == "0" and page.locator("#you").inner_text() == "–"


def test_a_deck_shows_each_image_once_and_the_truth(open_page):
    page = open_page("one")
    places, real = [], 0
    for _ in range(16):
        where = "all => all.map((one) => one.style.backgroundPosition)"
        places += page.locator(".image").evaluate_all(where)
        page.locator("#check").click()
        real += page.locator("#cards .real").count()
        page.locator("#check").click()
    assert len(places) == len(set(places)) == 128 and real == 64
    assert page.locator("#discriminator").inner_text() == "96 of 128 (75%)"


def test_a_critic_ranks_and_each_run_has_its_own_score(open_page):
    page = open_page("all")
    page.locator("#game-whose").select_option(index=1)
    page.locator("#check").click()
    assert all(re.search(r"D #\d+", words) for words in page.locator("#cards .words").all_inner_texts())
    assert "no probability" in page.locator("#rule").inner_text() and "upper half" in page.locator("#rule").inner_text()
    page.locator("#game-whose").select_option(index=0)
    assert page.locator("#rounds").inner_text() == "0"


def test_images_are_saved_as_png_and_gif(open_page):
    page = open_page("all")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save PNG").click()
    with Image.open(io.BytesIO(waiting.value.path().read_bytes())) as image:
        assert waiting.value.suggested_filename == "seed-0.png" and image.size == (3 * 256 + 16, 256)
        small = image.convert("RGB").crop((0, 0, 256, 256)).resize((8, 8), Image.Resampling.NEAREST)
    shown = torch.tensor(seen(page)).view(-1, 4)[:, :3]
    assert torch.equal(torch.from_numpy(np.array(small)).view(-1, 3), shown.byte())
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save GIF").click()
    with Image.open(io.BytesIO(waiting.value.path().read_bytes())) as image:
        assert waiting.value.suggested_filename == "seed-0-to-1.gif"
        assert (image.n_frames, image.info["loop"], image.info["duration"]) == (46, 0, 80)


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_readable_narrow_and_wide_light_and_dark(open_page, width, scheme):
    page = open_page("all", viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRASTS) == []
    page.locator("#cards button").first.click()
    page.locator("#check").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRASTS) == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")
    sizes = page.locator("#images canvas, .image").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().width)"
    )
    assert min(sizes) > 60
    clipped = page.locator(".words span").evaluate_all("all => all.some((one) => one.scrollWidth > one.clientWidth)")
    assert not clipped


def test_opened_as_a_file_it_says_how_to_open_it(browser, site):
    page = browser.new_page()
    page.goto((site.root / "some/where/one/index.html").as_uri())
    page.get_by_text("http.server").wait_for()
    page.close()
