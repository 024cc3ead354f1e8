"""What a search finds, as text, records and a page, also with hostile names; in a real browser."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import ROOT
from pictell.collection.search import Match
from pictell.collection.survey import Photo
from pictell.images.thumbnail import thumbnail
from pictell.reports.matches import MATCH_FORMATS, html
from pictell.reports.matches.text import in_words
from pictell.reports.style import Style
from pictell.reports.text import display_width

CAT = ROOT / "samples/cat.jpg"
CHROMIUM = shutil.which("chromium")
SCRIPT = "<script>document.title='owned'<∕script>"
HOSTILE = (
    f"{SCRIPT}.jpg",
    "a\"b'c onerror=alert(1).jpg",
    "javascript:alert(1).jpg",
    "new\nline\t{{7*7}}.jpg",
    "\u202egnp.exe\u2066.jpg",
    os.fsdecode(b"caf\xe9.jpg"),
    "a?b#c%20&amp;.jpg",
    "-rf.jpg",
    "x" * 200 + ".jpg",
)


def match(path: Path | str, best: str | None = "tiger cat", **more: Any) -> Match:
    score = None if best is None else 0.4
    return Match(Photo(Path(path), "", datetime(2024, 6, 1)), 0.97, None, best, score, **more)


class Links(HTMLParser):
    """The links, the images and the text of a page, as a browser reads it."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.links = list[str]()
        self.tags = list[str]()
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attributes if name == "href"]


def page_of(folder: Path, names: tuple[str, ...]) -> bytes:
    """A page of photos in a folder, all the same picture, whose labels are hostile, too."""
    jpeg = thumbnail(CAT.read_bytes(), html.SIDE, 10**8)
    for name in names:
        shutil.copy(CAT, folder / name)
    matches = [match(folder / name, SCRIPT) for name in names]
    return html.render(
        matches, len(matches), {folder / names[0]: jpeg}, f"“{SCRIPT}\x1b”", folder / "page.html"
    )


def test_links_open_the_photos_whatever_their_names(tmp_path: Path) -> None:
    page = page_of(tmp_path, HOSTILE)
    found = Links(page)
    assert page.startswith(html.HEAD)
    assert "script" not in found.tags
    assert len(found.links) == len(HOSTILE)
    for link, name in zip(found.links, HOSTILE, strict=True):
        assert link.isascii()
        assert link.startswith("./")
        parts = urlsplit(f"file:///{link}")
        assert (parts.query, parts.fragment) == ("", "")
        assert unquote_to_bytes(link) == os.fsencode(f"./{name}")


@given(st.text(st.characters(exclude_characters="/\0", max_codepoint=0x2FFF), min_size=1))
def test_a_link_is_always_plain_text(name: str) -> None:
    if name in {".", ".."}:
        return
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return
    link = html.link(Path("/photos") / name, Path(os.path.realpath("/photos")))
    assert link.isascii()
    assert not set(link) & set("\"'<>&?#: \n")


def test_links_to_photos_elsewhere_are_absolute_and_follow_links_of_folders(
    tmp_path: Path,
) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "photos/deep").mkdir(parents=True)
    (tmp_path / "short").symlink_to("photos/deep")
    folder = Path(os.path.realpath(tmp_path / "pages"))
    assert html.link(tmp_path / "photos/a b.jpg", folder).endswith("/photos/a%20b.jpg")
    assert html.link(tmp_path / "photos/a b.jpg", folder).startswith("file:///")
    # A browser would take this for tmp_path/a.jpg.
    assert html.link(tmp_path / "short/../a.jpg", folder).endswith("/photos/a.jpg")
    # The photo itself may be a link: its own name is kept.
    (tmp_path / "photos/link.jpg").symlink_to("deep/other.jpg")
    assert html.link(tmp_path / "photos/link.jpg", folder).endswith("/photos/link.jpg")


def test_a_page_shows_so_many_photos_and_counts_the_others(tmp_path: Path) -> None:
    matches = [match(tmp_path / f"{n}.jpg") for n in range(html.MAX_PICTURES + 3)]
    page = html.render(matches, 392, {}, "“cat”", tmp_path / "page.html")
    assert len(Links(page).links) == html.MAX_PICTURES
    assert f"{html.MAX_PICTURES} of 392 photos." in page.decode()
    assert b">1 photo." in html.render(matches[:1], 1, {}, "“cat”", tmp_path / "page.html")
    assert b"0 photos" in html.render([], 0, {}, "“cat”", tmp_path / "page.html")


def test_text_has_columns_that_fit_a_terminal() -> None:
    matches = [match("a.jpg"), match("b" * 200 + ".jpg"), match("c\x1b[2J\n猫.jpg", None)]
    for columns in (None, 40, 80):
        lines = b"".join(MATCH_FORMATS["text"](matches, Style(columns=columns))).decode()
        assert "\x1b" not in lines
        assert lines.count("\n") == 3
        if columns:
            assert all(display_width(line) <= columns for line in lines.splitlines())
            starts = {line.index("97 %") for line in lines.splitlines() if line.isascii()}
            assert len(starts) == 1


def test_the_words_of_a_match() -> None:
    photo = Photo(Path("a.jpg"), "", None)
    assert in_words(Match(photo)) == ""
    assert in_words(Match(photo, best_class="cup", best_score=1.0)) == "cup 100 %"
    assert in_words(Match(photo, likeness=0.934)) == " 0.93"
    assert in_words(Match(photo, 0.5, -0.1, "cup", 0.25)) == "-0.10   50 %  (cup 25 %)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="there is no playwright here")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    with playwright.sync_playwright() as running:
        switches = ["--no-sandbox", "--disable-gpu"]
        browser = running.chromium.launch(executable_path=CHROMIUM, args=switches)
        yield browser
        browser.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_the_page_and_runs_nothing_of_it(
    browser: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="there is no axe")
    (tmp_path / "page.html").write_bytes(page_of(tmp_path, HOSTILE))
    # The policy of the page would stop axe.
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    said = list[str]()
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    assert said == []
    assert page.title() != "owned"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("li a").count() == len(HOSTILE)
    assert page.locator("img").evaluate("image => image.naturalWidth") == html.SIDE
    assert page.locator("script").count() == 0
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    context.close()


@pytest.mark.slow
def test_a_browser_opens_each_photo(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(page_of(tmp_path, HOSTILE))
    context = browser.new_context()
    for number in range(len(HOSTILE)):
        page = context.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        page.locator("li a").nth(number).click()
        page.wait_for_url(lambda url: not url.endswith("page.html"))
        assert page.locator("img").evaluate("image => image.naturalWidth") == 451
        page.close()
    context.close()
