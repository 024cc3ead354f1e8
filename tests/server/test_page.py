"""The page in a real browser, with a real server behind it."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from PIL import Image

from command import ROOT
from generated_results import classified
from pictell.reports.escape import visible
from pictell.results import Result, percent
from pictell.server.openapi import document
from pictell.server.page import FILES, FOLDER
from serving import CAT, Server, serving

playwright = pytest.importorskip("playwright.sync_api", reason="there is no playwright here")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="there is no axe here")
expect = playwright.expect
CHROMIUM = shutil.which("chromium")
SWITCHES = (
    "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
    "disable-component-update disable-sync"
)
SAMPLES = ROOT / "samples"
CLOCK, ESPRESSO, NOISE = (
    SAMPLES / f"{name}" for name in ("wall-clock.png", "espresso.jpg", "noise.png")
)
TOKEN = "correct-horse-battery"
# Another name of this machine. Browsers trust a page from it less: it has no clipboard of its own.
PLAIN_HOST = "pictell.test"
WAIT_MS = 30_000

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
Open = Callable[..., "View"]


class View:
    """A page as its user sees it. What goes wrong in its scripts is in ``errors``."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.server = page, server
        self.errors: list[str] = []
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self._saw(message.text))
        page.on("dialog", lambda dialog: self.errors.append(dialog.message))

    def _saw(self, text: str) -> None:
        if "Content Security Policy" in text or "Trusted" in text:
            self.errors.append(text)

    def choose(self, *files: Any) -> None:
        self.page.set_input_files("#choose-files", list(files))

    @property
    def cards(self) -> Any:
        return self.page.locator(".card")

    def answers(self) -> list[str]:
        """The name, the words and the score of each picture, once there is nothing to do."""
        busy = self.page.locator("[aria-busy=true]")
        expect(busy).to_have_count(0, timeout=WAIT_MS)
        return [self._text(card) for card in self.cards.all()]

    def _text(self, card: Any) -> str:
        name, words, score = (
            card.locator(f".{part}").text_content() for part in ("name", "words", "score")
        )
        return f"{name}: {words} {score}".strip()

    def focused(self) -> str:
        """The accessible name of what has the focus."""
        label = "document.activeElement.getAttribute('aria-label')"
        return str(self.page.evaluate(f"{label} ?? document.activeElement.innerText"))

    def tab_to(self, name: str) -> None:
        """Press the tab key until a control has the focus, which must be visible."""
        for _ in range(40):
            self.page.keyboard.press("Tab")
            if self.focused() == name:
                style = "getComputedStyle(document.activeElement).outlineStyle"
                assert self.page.evaluate(style) == "solid"
                return
        pytest.fail(f"the tab key does not reach {name}")

    def clipboard(self) -> str:
        return str(self.page.evaluate("navigator.clipboard.readText()"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        arguments = [f"--{switch}" for switch in SWITCHES.split()]
        arguments.append(f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1")
        browser = running.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Opens the page of a server; no script of it may fail or be blocked."""
    views, contexts = list[View](), list[Any]()

    def open_page(server: Server, url: str = "", **options: Any) -> View:
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], **options)
        contexts.append(context)
        view = View(context.new_page(), server)
        views.append(view)
        # It takes a moment until the browser reports file choosers, so it is told in time.
        view.page.on("filechooser", lambda chooser: None)
        view.page.goto(url or server.url)
        return view

    yield open_page
    for context in contexts:
        context.close()
    assert [one.errors for one in views] == [[]] * len(views)


def words_of(server: Server, picture: Path) -> str:
    """The name, the words and the score that the command prints for a picture."""
    answer = server.post("/v1/classify", body=picture.read_bytes())
    words, score = Result.from_dict(answer.json()).in_words(best_class=False)
    return f"{picture.name}: {words} {'' if score is None else percent(score)}".strip()


def test_every_file_of_the_page_is_served_under_its_policy(server: Server) -> None:
    assert set(FILES.values()) == {one.name for one in FOLDER.iterdir()}
    for path, name in FILES.items():
        answer = server.get(path)
        assert answer.data == (FOLDER / name).read_bytes()
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["cache-control"] == "no-cache"
        again = server.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status, again.data) == (304, b"")


@needs_chromium
@pytest.mark.slow
def test_a_chosen_picture_gets_the_answer_of_the_command(server: Server, open_page: Open) -> None:
    view = open_page(server)
    view.choose(CAT)
    assert view.answers() == [words_of(server, CAT)]
    card = view.cards.first
    expect(card.locator(".status")).to_have_text("sure")
    expect(card.locator(".bars li").first).to_contain_text("tiger cat")
    expect(card.locator(".facts")).to_contain_text("451 × 300")
    expect(view.page.locator("#spoken")).to_have_text(words_of(server, CAT))
    assert card.locator("img").evaluate("image => image.naturalWidth") > 0


@needs_chromium
@pytest.mark.slow
def test_pictures_dropped_on_the_page(server: Server, open_page: Open) -> None:
    view = open_page(server)
    session = view.page.context.new_cdp_session(view.page)
    data = {"items": [], "files": [str(CAT), str(CLOCK)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data})
    expect(view.page.locator("body")).to_have_class("dropping")
    session.send("Input.dispatchDragEvent", {"type": "drop", "x": 200, "y": 200, "data": data})
    assert view.answers() == [words_of(server, CAT), words_of(server, CLOCK)]
    expect(view.page.locator("body")).to_have_class("has-pictures")


@needs_chromium
@pytest.mark.slow
def test_a_picture_pasted_by_the_keyboard(server: Server, open_page: Open) -> None:
    view = open_page(server)
    view.page.evaluate(
        """async text => {
            const bytes = Uint8Array.from(atob(text), one => one.charCodeAt(0));
            const picture = new Blob([bytes], {type: "image/png"});
            await navigator.clipboard.write([new ClipboardItem({"image/png": picture})]);
        }""",
        base64.b64encode(CLOCK.read_bytes()).decode(),
    )
    view.page.keyboard.press("Control+v")
    expect(view.cards).to_have_count(1)
    assert "clock 99 %" in view.answers()[0]


@needs_chromium
@pytest.mark.slow
def test_many_pictures_keep_their_order_and_one_that_fails_costs_itself(
    server: Server, open_page: Open, tmp_path: Path
) -> None:
    broken, large, text = (tmp_path / name for name in ("broken.jpg", "large.png", "notes.txt"))
    broken.write_bytes(CAT.read_bytes()[:5000])
    text.write_text("no picture")
    with large.open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    good = [CAT, CLOCK, ESPRESSO, NOISE]
    view = open_page(server)
    view.choose(CAT, broken, CLOCK, large, ESPRESSO, text, NOISE)
    answers = view.answers()
    assert [one for one in answers if "No answer" not in one] == [
        words_of(server, one) for one in good
    ]
    failures = view.page.locator("[data-state=failed] .details").all_text_contents()
    assert len(failures) == 3
    for failure, part in zip(failures, ("truncated", "32 MiB", "Not a picture"), strict=True):
        assert part in failure
    expect(view.page.locator("#count")).to_have_text("7 pictures")
    view.page.click("#copy-all")
    expect(view.page.locator("#copy-all")).to_have_text("Copied")
    assert len(json.loads(view.clipboard())) == 6


@needs_chromium
@pytest.mark.slow
def test_what_the_browser_cannot_show_gets_its_answer(server: Server, open_page: Open) -> None:
    tiff = BytesIO()
    Image.open(ESPRESSO).save(tiff, "TIFF")
    view = open_page(server)
    view.choose({"name": "a.tiff", "mimeType": "image/tiff", "buffer": tiff.getvalue()})
    assert "espresso" in view.answers()[0]
    expect(view.cards.locator("img")).to_be_hidden()
    expect(view.cards.locator(".suffix")).to_have_text("TIFF")


@needs_chromium
@pytest.mark.slow
def test_everything_by_keyboard(server: Server, open_page: Open) -> None:
    view = open_page(server)
    view.tab_to("Choose pictures")
    with view.page.expect_file_chooser() as chooser:
        view.page.keyboard.press("Enter")
    chooser.value.set_files([CAT, CLOCK])
    view.answers()
    view.tab_to("Copy as JSON: cat.jpg")
    view.page.keyboard.press("Enter")
    expect(view.cards.first.locator(".json")).to_have_text("Copied")
    record = json.loads(view.clipboard())
    assert (record["source"], record["answer"]["name"]) == ("cat.jpg", "cat")
    view.tab_to("Copy as curl: cat.jpg")
    view.page.keyboard.press("Space")
    expect(view.cards.first.locator(".curl")).to_have_text("Copied")
    assert view.clipboard() == f"curl -F 'image=@cat.jpg' '{server.url}/v1/classify'"
    view.tab_to("Remove cat.jpg")
    view.page.keyboard.press("Enter")
    assert view.focused() == "Remove wall-clock.png"
    view.page.keyboard.press("Enter")
    expect(view.cards).to_have_count(0)
    assert view.focused() == "Choose pictures"


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("name", ['it\'s; a, "cat".jpg', "-cat.jpg", "a b$(id)`.jpg"])
def test_curl_gets_the_same_result(
    name: str, server: Server, open_page: Open, tmp_path: Path
) -> None:
    view = open_page(server)
    picture = tmp_path / name
    picture.write_bytes(CAT.read_bytes())
    view.choose(picture)
    view.answers()
    view.cards.locator(".curl").click()
    expect(view.cards.locator(".curl")).to_have_text("Copied")
    run = subprocess.run(
        ["sh", "-c", view.clipboard()], cwd=tmp_path, capture_output=True, timeout=60
    )
    record = json.loads(run.stdout)
    assert (record["source"], record["answer"]["name"]) == (name, "cat")


@needs_chromium
@pytest.mark.slow
def test_hostile_names_are_text(server: Server, open_page: Open) -> None:
    view = open_page(server, viewport={"width": 360, "height": 740})
    script = "<img src=x onerror=alert(1)>"
    names = [f"{script}.jpg", "gnp.\u202ecat\x1b[2J\n.jpg", f"{'x' * 296}.jpg"]
    images = view.page.locator("img").count()
    view.choose(
        *({"name": name, "mimeType": "image/jpeg", "buffer": CAT.read_bytes()} for name in names)
    )
    shown = [answer.removesuffix(": cat 97 %") for answer in view.answers()]
    assert shown[0] == f"{script}.jpg"
    assert "\u202e" not in "".join(shown)
    assert "\x1b" not in "".join(shown)
    assert len(shown[2]) <= 80
    assert shown[2].endswith("…xxxxxxxxxxxx.jpg")
    assert view.page.locator("img").count() == images + len(names)
    assert view.page.evaluate("document.documentElement.scrollWidth") == 360
    view.cards.nth(1).locator(".curl").click()
    expect(view.cards.nth(1).locator(".curl")).to_have_text("Copied")
    assert "\x1b" not in view.clipboard()


@needs_chromium
@pytest.mark.slow
def test_a_page_asks_for_the_token_and_keeps_it_for_the_tab(open_page: Open) -> None:
    with serving(PICTELL_SERVE_TOKENS=TOKEN) as server:
        view = open_page(server)
        view.choose(CAT)
        field = view.page.get_by_label("This server needs a token.")
        expect(field).to_be_focused()
        for token, remark in (("two words", "no spaces"), ("wrong-token-of-mine", "not accept")):
            field.fill(token)
            field.press("Enter")
            expect(view.page.locator("#token-error")).to_contain_text(remark)
        field.fill(TOKEN)
        field.press("Enter")
        expect(field).to_be_hidden()
        assert view.answers() == ["cat.jpg: cat 97 %"]
        view.cards.locator(".curl").click()
        expect(view.cards.locator(".curl")).to_have_text("Copied")
        assert "$TOKEN" in view.clipboard()
        assert TOKEN not in view.clipboard()
        view.page.reload()
        view.choose(CAT)
        assert view.answers() == ["cat.jpg: cat 97 %"]
        assert TOKEN not in server.log


@needs_chromium
@pytest.mark.slow
def test_pictures_wait_while_the_server_is_busy(open_page: Open) -> None:
    with serving("--rate-limit", "3/second") as server:
        view = open_page(server)
        view.choose(*[CAT] * 6)
        expect(view.page.locator("#notice")).to_contain_text("busy")
        assert view.answers() == ["cat.jpg: cat 97 %"] * 6
        expect(view.page.locator("#notice")).to_be_hidden()
        assert 429 in {line["status"] for line in server.access_log()}


@needs_chromium
@pytest.mark.slow
def test_pictures_wait_for_a_server_that_is_gone(open_page: Open) -> None:
    with serving() as server:
        view = open_page(server)
        expect(view.page.locator("#about-model")).to_contain_text("1,000 classes")
        assert server.stop() == 0
        view.choose(CAT)
        expect(view.page.locator("#notice")).to_contain_text("does not answer")
        found = axe.Axe().run(view.page)
        assert found.violations_count == 0, found.generate_report()
    with serving("--port", str(server.port)):
        assert view.answers() == ["cat.jpg: cat 97 %"]
        expect(view.page.locator("#notice")).to_be_hidden()


@needs_chromium
@pytest.mark.slow
def test_a_picture_that_takes_too_long_can_be_sent_again(open_page: Open) -> None:
    with serving("--request-timeout", "0") as server:
        view = open_page(server)
        view.choose(CAT)
        assert view.answers() == ["cat.jpg: No answer"]
        view.page.get_by_role("button", name="Try again: cat.jpg").press("Enter")
        assert view.focused() == "Remove cat.jpg"
        assert view.answers() == ["cat.jpg: No answer"]
        sent = [line for line in server.access_log() if line["path"] == "/v1/classify"]
        assert [line["status"] for line in sent] == [503, 503]


@needs_chromium
@pytest.mark.slow
def test_thumbnails_give_their_memory_back(server: Server, open_page: Open) -> None:
    view = open_page(server)
    view.page.evaluate(
        """() => {
            const {createObjectURL, revokeObjectURL} = URL;
            window.kept = new Set();
            URL.createObjectURL = (file) => {
                const url = createObjectURL(file);
                window.kept.add(url);
                return url;
            };
            URL.revokeObjectURL = (url) => (window.kept.delete(url), revokeObjectURL(url));
        }"""
    )
    text = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"}
    view.choose(text)
    view.choose(*[CLOCK] * 40)
    view.answers()
    # Those far below are not shown yet.
    assert view.page.evaluate("window.kept.size") > 0
    view.page.click("#clear")
    expect(view.cards).to_have_count(0)
    assert view.page.evaluate("window.kept.size") == 0
    assert view.focused() == "Choose pictures"


@needs_chromium
@pytest.mark.slow
def test_models_to_choose_from_and_addresses(open_page: Open) -> None:
    with serving("--fetch", "--model", "one=default", "--model", "<b>\u202etwo=default") as server:
        view = open_page(server)
        view.page.get_by_label("Or the address of a picture").fill("ftp://example.org")
        view.page.keyboard.press("Enter")
        expect(view.page.locator("#remark")).to_contain_text("http://")
        view.page.get_by_label("Or the address of a picture").fill("http://127.0.0.1/cat.jpg")
        view.page.keyboard.press("Enter")
        assert view.answers() == ["http://127.0.0.1/cat.jpg: No answer"]
        with view.page.expect_request("**/v1/classify?model=**two") as request:
            view.page.get_by_label("Model").select_option(index=1)
        assert request.value.post_data_json == {"url": "http://127.0.0.1/cat.jpg"}
        options = view.page.locator("#model option").all_text_contents()
        assert options == ["one", r"<b>\u202etwo"]


@needs_chromium
@pytest.mark.slow
def test_a_server_that_fetches_nothing_asks_for_no_address(server: Server, open_page: Open) -> None:
    view = open_page(server)
    expect(view.page.locator("#about-model")).to_contain_text("1,000 classes")
    expect(view.page.locator("#url")).to_be_hidden()
    expect(view.page.get_by_label("Model")).to_be_hidden()


@needs_chromium
@pytest.mark.slow
def test_copying_on_a_page_without_a_clipboard(server: Server, open_page: Open) -> None:
    with serving("--allowed-host", PLAIN_HOST, "--allowed-host", "127.0.0.1") as other:
        view = open_page(other, f"http://{PLAIN_HOST}:{other.port}")
        assert view.page.evaluate("navigator.clipboard === undefined")
        view.choose(CAT)
        view.answers()
        view.cards.locator(".json").click()
        expect(view.cards.locator(".json")).to_have_text("Copied")
        reader = view.page.context.new_page()
        reader.goto(other.url)
        record = json.loads(reader.evaluate("navigator.clipboard.readText()"))
        assert record["answer"]["name"] == "cat"


@needs_chromium
@pytest.mark.slow
def test_a_phone_takes_a_photo(server: Server, open_page: Open) -> None:
    view = open_page(server, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    with view.page.expect_file_chooser() as chooser:
        view.page.get_by_role("button", name="Take a photo").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(CAT)
    assert view.answers() == [words_of(server, CAT)]
    expect(open_page(server).page.locator("#take")).to_be_hidden()


@needs_chromium
@pytest.mark.slow
def test_a_card_says_that_its_picture_is_damaged(server: Server, open_page: Open) -> None:
    def answer(route: Any) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"warnings": ["truncated"]})

    view = open_page(server)
    view.page.context.route("**/v1/classify*", answer)
    view.choose(CAT)
    assert view.answers() == [words_of(server, CAT)]
    expect(view.cards.locator(".warning")).to_be_visible()
    expect(view.cards.locator(".warning")).to_contain_text("truncated")
    expect(view.page.locator("#spoken")).to_contain_text("truncated")
    found = axe.Axe().run(view.page)
    assert found.violations_count == 0, found.generate_report()
    sound = open_page(server)
    sound.choose(CAT)
    sound.answers()
    expect(sound.cards.locator(".warning")).to_be_hidden()


@needs_chromium
@pytest.mark.slow
def test_the_page_below_a_prefix(server: Server, open_page: Open) -> None:
    view = open_page(server)
    # What a proxy does, which cuts the prefix off.
    view.page.context.route(
        "**/some/prefix/**",
        lambda route: route.continue_(url=route.request.url.replace("/some/prefix", "")),
    )
    view.page.goto(f"{server.url}/some/prefix/")
    view.choose(CAT)
    assert view.answers() == [words_of(server, CAT)]
    view.cards.locator(".curl").click()
    expect(view.cards.locator(".curl")).to_have_text("Copied")
    assert view.clipboard().endswith(f"'{server.url}/some/prefix/v1/classify'")


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_no_violations_of_accessibility_rules(
    width: int, scheme: str, server: Server, open_page: Open
) -> None:
    view = open_page(server, viewport={"width": width, "height": 800}, color_scheme=scheme)
    check = axe.Axe()
    expect(view.page.locator("#about-model")).to_contain_text("1,000 classes")
    empty = check.run(view.page)
    assert empty.violations_count == 0, empty.generate_report()
    text = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"}
    view.choose(CAT, NOISE, ESPRESSO)
    view.choose(text)
    view.answers()
    view.page.click("summary")
    full = check.run(view.page)
    assert full.violations_count == 0, full.generate_report()
    assert view.page.evaluate("document.documentElement.scrollWidth") == width


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_of_the_routes(width: int, server: Server, open_page: Open) -> None:
    view = open_page(server, viewport={"width": width, "height": 800})
    view.page.goto(f"{server.url}/docs")
    headings = view.page.get_by_role("heading", level=2)
    expect(headings.first).to_have_text("POST /v1/classify")
    paths = {text.split()[1] for text in headings.all_text_contents()}
    assert paths == document()["paths"].keys()
    assert view.page.evaluate("document.documentElement.scrollWidth") == width
    found = axe.Axe().run(view.page)
    assert found.violations_count == 0, found.generate_report()


@needs_chromium
@pytest.mark.slow
def test_the_token_field_has_no_violations_of_accessibility_rules(open_page: Open) -> None:
    with serving(PICTELL_SERVE_TOKENS=TOKEN) as server:
        view = open_page(server)
        view.page.locator("#token-text").fill("a b")
        view.page.keyboard.press("Enter")
        found = axe.Axe().run(view.page)
        assert found.violations_count == 0, found.generate_report()


@needs_chromium
@pytest.mark.slow
def test_any_result_in_the_words_of_the_command(server: Server, open_page: Open) -> None:
    page = open_page(server).page

    @settings(max_examples=200)
    @given(classified())
    def check(result: Result) -> None:
        record = json.dumps(result.to_dict())
        words, score = Result.from_dict(json.loads(record)).in_words(best_class=False)
        expected = [visible(words), None if score is None else percent(score)]
        expected.append(bool(result.warnings))
        expected += result.warnings
        shown = page.evaluate(
            """async text => {
                const {inWords, percent, visible, warning} = await import("/words.js");
                const result = JSON.parse(text);
                const {words, score} = inWords(result);
                const said = warning(result);
                const warnings = result.warnings.filter((one) => said.includes(one));
                const shown = [visible(words), score === null ? null : percent(score)];
                return [...shown, Boolean(said), ...warnings];
            }""",
            record,
        )
        assert shown == expected

    check()
