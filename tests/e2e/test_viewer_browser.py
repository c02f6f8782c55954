"""The viewer in a real browser: 2,000 episodes full of hostile text, keys, phone, colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from mem1.report.viewer.app import make_app
from mem1.report.viewer.pages import Viewer
from mem1.serving.background import running
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.run_dir import RunDir
from mem1.types import (
    Answer,
    Composition,
    Episode,
    EpisodeError,
    FinishReason,
    Objective,
    Score,
    StopReason,
    Task,
    Turn,
    tool_call,
)
from tests.e2e.browser import chromium, needs_browser
from tests.unit.report.synthetic import HOSTILE, SyntheticConfig

pytestmark = needs_browser

EPISODES = 2000
NASTY = (
    HOSTILE
    + "\"'><svg onload=\"document.title='stolen'\"><a href=\"javascript:document.title='stolen'\">press</a>"
    + "</td></tr></table></dialog><iframe srcdoc='<script>parent.document.title=1</script>'></iframe>"
    + "\x1b[31mred\x1b[0m \x1b]0;stolen\x07 \u2066\u202e\u2069 \u200f\u061c "
    + "x" * 4000
    + "\n" * 30
    + "&lt;b&gt;&#60;script&#62;"
)
STRATEGIES = ("full", "window", "state")


def nasty_episode(number: int) -> Episode:
    """Hostile text everywhere that an outsider can put text."""
    strategy, task = STRATEGIES[number % 3], number // 3
    turns = tuple(
        Turn(
            index=index,
            prompt_token_ids=(1,) * (20 + 30 * index),
            prefix_length=20,
            completion_token_ids=(2,) * 12,
            logprobs=(-0.1,) * 12,
            sampled_mask=(True,) * 7 + (index != 1,) + (True,) * 4,
            state_length=8,
            finish=FinishReason.STOP,
            policy_version=0,
            state=f"<think>step {index} {NASTY}</think>",
            action=Answer(text=NASTY) if index == 2 else tool_call("search", query=NASTY),
            action_text=f"<search>{NASTY}</search>",
            observation=None if index == 2 else f"observation {index} {NASTY}",
            observation_length=0 if index == 2 else 18,
        )
        for index in range(3)
    )
    failed = number % 50 == 7
    return Episode(
        id=f"{NASTY[:300]}/{number}",
        group_id=str(task),
        task=Task(
            id=f"task {task} {NASTY[:80]}",
            composition=Composition.PARALLEL,
            reveal="upfront",
            split="test",
            objectives=(Objective(id="o", question=f"Question {task}? {NASTY}", answers=(NASTY, "ok"), source=NASTY),),
        ),
        strategy=strategy if number % 10 else f"{strategy}<b>{NASTY[:60]}",
        turns=turns,
        answers=(NASTY,),
        stop=StopReason.ERROR if failed else StopReason.ANSWERED,
        seconds=0.1,
        reward=None if failed else number / EPISODES,
        score=None if failed else Score(metrics={"em": (1.0,), "f1": (1.0,)}, answered=(True,), scorer="x"),
        error=EpisodeError(type="<i>Broken", message=NASTY, traceback=NASTY) if failed else None,
    )


@dataclass
class Watched:
    """A page that notes whatever a page must not do."""

    page: Any
    base: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.page.on("request", self._asked)

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append("dialog")
        dialog.dismiss()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.base):
            self.wrong.append(f"request: {request.url}")

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def sound(self) -> None:
        """Nothing ran, nothing was fetched, nothing of ours was replaced, nothing sticks out at the side."""
        assert self.wrong == []
        assert self.page.title().endswith("mem1 view")
        assert self.page.locator("iframe, main img, main script, main style, svg[onload]").count() == 0
        assert self.page.locator("main a[href^='javascript']").count() == 0
        width = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], width

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def focused(self) -> str:
        text: str = self.page.evaluate("document.activeElement.closest('tr, .turn, .row')?.innerText ?? ''")
        return text


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    run = RunDir.create(tmp_path_factory.mktemp("runs"), "hostile", SyntheticConfig())
    with EpisodeWriter(run.episodes("test", compressed=True)) as writer:
        for number in range(EPISODES):
            writer.write(nasty_episode(number))
    with running(lambda: make_app(Viewer(run))) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def watched(browser: Any, base: str) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Watched(context.new_page(), base)
    context.close()


@pytest.fixture
def phone(browser: Any, base: str) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    yield Watched(context.new_page(), base)
    context.close()


def address(number: int, **more: object) -> str:
    return "?" + urlencode({"file": "test", "id": nasty_episode(number).id, **more})


def test_hostile_text_does_nothing_on_any_page(watched: Watched) -> None:
    for path in (
        "/",
        "/?order=-reward&page=3",
        "/?" + urlencode({"q": "<script>alert(1)</script>"}),
        "/episode" + address(4),
        "/episode" + address(7),  # failed
        "/compare" + address(3),
        "/turn" + address(5, turn=3),
    ):
        watched.open(path)
        watched.sound()
    watched.open("/turn" + address(5, turn=3))
    body = watched.page.inner_text("main")
    assert "document.title='stolen'" in body  # it is there, as text
    assert "[U+202E]" in body
    assert "[U+001B]" in body
    assert "{{ 7 * 7 }}" in body


def test_hostile_text_does_not_break_a_phone(phone: Watched) -> None:
    for path in ("/", "/episode" + address(4), "/episode" + address(7), "/compare" + address(3)):
        phone.open(path)
        phone.sound()
    phone.open("/")
    assert not phone.page.locator(".fields .grid").is_visible()
    phone.page.click(".fields summary")
    assert phone.page.locator(".fields select[name=strategy]").is_visible()


@pytest.mark.slow
def test_what_was_dropped_is_loaded_on_demand(watched: Watched) -> None:
    watched.open("/episode" + address(5))
    watched.press("j", "j", "j", "o")
    watched.page.wait_for_selector("#turn-3 .inside")
    text = watched.page.inner_text("#turn-3 .inside")
    assert "Dropped before this turn" in text
    assert "observation 0" in text
    watched.sound()


@pytest.mark.slow
def test_filters_search_and_paging(watched: Watched) -> None:
    watched.open("/")
    assert "2\u202f000" in watched.page.inner_text(".found")
    watched.page.select_option("select[name=outcome]", "failed")
    watched.page.wait_for_url("**outcome=failed*")
    assert watched.page.url.endswith("/?outcome=failed")  # an address says only what was chosen
    assert watched.page.inner_text(".found").startswith("40")  # 7, 57, 107, ... 1957
    watched.open("/")
    watched.press("/")
    watched.page.keyboard.type('"question 66?"')
    watched.press("Enter")
    watched.page.wait_for_url("**q=*")
    assert watched.page.locator(".list tbody tr").count() == 3
    watched.open("/")
    watched.press("ArrowRight")
    watched.page.wait_for_url("**page=1")
    assert "101–200" in watched.page.inner_text(".pages")
    watched.sound()


def test_the_list_by_keyboard(watched: Watched) -> None:
    watched.open("/")
    watched.press("j", "j", "k", "ArrowDown", "ArrowDown")
    row = watched.page.locator(".list tbody tr").nth(2)
    assert row.locator("td.name a").evaluate("one => one === document.activeElement")
    watched.press("x", "j", "x")
    assert watched.page.locator(".list input:checked").count() == 2
    watched.press("c")
    watched.page.wait_for_url("**/compare?*")
    assert watched.page.locator(".pair.row").count() == 3
    watched.press("Escape")
    watched.page.wait_for_url(watched.base + "/")
    watched.press("j", "Enter")
    watched.page.wait_for_url("**/episode?*")
    watched.sound()


@pytest.mark.slow
def test_an_episode_by_keyboard(watched: Watched) -> None:
    watched.open("/?strategy=state")
    watched.press("j", "Enter")
    watched.page.wait_for_url("**/episode?*")
    first = watched.page.url
    watched.press("j", "j")
    assert watched.page.locator("#turn-2").evaluate("one => one === document.activeElement")
    watched.press("k", "k", "k")
    assert watched.page.locator("#turn-1").evaluate("one => one === document.activeElement")
    watched.press("?")
    assert watched.page.locator("#help").is_visible()
    watched.press("j", "Escape")
    assert not watched.page.locator("#help").is_visible()
    assert watched.page.url == first
    watched.press("ArrowRight")
    watched.page.wait_for_url(lambda url: url != first)
    watched.press("ArrowLeft")
    watched.page.wait_for_url(first)
    watched.press("c")
    watched.page.wait_for_url("**/compare?*")
    watched.page.go_back()
    watched.page.wait_for_url(first)
    watched.press("/")
    watched.page.wait_for_url(watched.base + "/#q")
    assert watched.page.evaluate("document.activeElement.id") == "q"
    watched.sound()


@pytest.mark.slow
def test_a_deep_link_opens_at_its_turn(watched: Watched) -> None:
    watched.open("/episode" + address(8) + "#turn-3")
    for _ in range(100):
        top = watched.page.locator("#turn-3").evaluate("one => one.getBoundingClientRect().top")
        if 0 <= top < 500:
            break
        watched.page.wait_for_timeout(50)
    assert 0 <= top < 500
    watched.sound()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_until_the_reader_chooses(browser: Any, base: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme)
    watched = Watched(context.new_page(), base)

    def ground() -> str:
        found: str = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return found

    light, dark = "rgb(255, 255, 255)", "rgb(20, 23, 27)"
    mine, other = (light, dark) if scheme == "light" else (dark, light)
    watched.open("/")
    assert ground() == mine
    watched.press("t")
    assert ground() == other
    watched.open("/episode" + address(2))
    assert ground() == other  # kept from page to page
    watched.press("t")
    watched.press("t")
    assert ground() == mine
    watched.sound()
    context.close()


CONTRAST = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const part = [r, g, b].map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const found = rgb(getComputedStyle(at).backgroundColor);
      if (found[3] > 230) return found;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.checkVisibility() || one.closest("svg, .away, .skip, option")) continue;
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(`${one.tagName}.${one.className} ${ratio.toFixed(2)} ${one.textContent.slice(0, 30)}`);
  }
  return [...new Set(weak)];
}
"""
NAMELESS = """
() => [...document.querySelectorAll("a[href], button, input, select, summary, [role=region]")]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.innerText || one.ariaLabel || one.labels?.length || one.textContent.trim()))
  .map((one) => one.outerHTML.slice(0, 120))
"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_controls_have_names(browser: Any, base: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    watched = Watched(context.new_page(), base)
    for path in ("/?outcome=failed", "/episode" + address(4), "/episode" + address(7), "/compare" + address(3)):
        watched.open(path)
        if "/episode" in path:
            watched.press("j", "j", "o")
            watched.page.wait_for_selector(".inside")
        assert watched.page.evaluate(CONTRAST) == []
        assert watched.page.evaluate(NAMELESS) == []
        assert watched.page.locator("h1").count() == 1
        ids = watched.page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(ids) == len(set(ids))
    context.close()


@pytest.mark.slow
def test_pages_can_be_read_without_scripts(browser: Any, base: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(base + "/episode" + address(5))
    assert page.locator(".turn").count() == 3
    page.locator("#turn-2 details.more summary").click()
    page.locator("#turn-2 .slot a").click()
    page.wait_for_url("**/turn?*")
    assert "Dropped before this turn" in page.inner_text("main")
    page.goto(base + "/")
    page.select_option("select[name=outcome]", "failed")
    page.click(".find button")
    page.wait_for_url("**outcome=failed*")
    assert page.inner_text(".found").startswith("40")
    context.close()
