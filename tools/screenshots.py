"""The screenshots of docs/photos.md: pages of ``pictell find --html`` in a real browser.

    python tools/screenshots.py

It needs the extra ``test`` and Chromium. It writes ``docs/images/photos-*.png``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
BROWSER = "/usr/bin/chromium"
# The page is a file, so the browser needs no network.
OFFLINE = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


class Screenshot(NamedTuple):
    """The words of ``pictell find``, and the window in pixels."""

    name: str
    words: tuple[str, ...]
    width: int
    height: int
    dark: bool = False


SCREENSHOTS = (
    Screenshot("photos-words.png", ("man-made thing, cat",), 1280, 460),
    Screenshot(
        "photos-like.png",
        ("--like", "samples/golf-ball.png", "--min-likeness", "0.1"),
        360,
        690,
        dark=True,
    ),
)


def main() -> None:
    """Make the pages and take the screenshots."""
    with TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        shutil.copytree(ROOT / "samples", folder / "samples")
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OFFLINE.split())
        for one in SCREENSHOTS:
            page_file = folder / "found.html"
            find(one.words, page_file)
            page = browser.new_page(
                viewport={"width": one.width, "height": one.height},
                color_scheme="dark" if one.dark else "light",
            )
            page.goto(page_file.as_uri())
            page.screenshot(path=IMAGES / one.name)
            page.close()
        browser.close()


def find(words: tuple[str, ...], page_file: Path) -> None:
    """Write the page of a search in the samples."""
    command = [sys.executable, "-m", "pictell", "find", *words, "samples", "--html", page_file.name]
    data = {"XDG_DATA_HOME": str(page_file.parent / "data")}
    subprocess.run(
        [*command, "--quiet"],
        cwd=page_file.parent,
        env=os.environ | data,
        stdout=subprocess.DEVNULL,
        check=True,
    )


if __name__ == "__main__":
    main()
