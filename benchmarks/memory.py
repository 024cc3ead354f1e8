"""How much memory pictures take: each format alone and with several workers, bombs, downloads.

    python benchmarks/memory.py [--workers 4] [--budget BYTES] [KIND ...]

Makes pictures of 100 megapixels, and classifies each alone and as many copies as there are workers.
Then it does the same with a folder of a WebP and a PNG that are small files, in this process and
with ``isolate``, and with downloads of 100 MB from a server of this machine. Each run is a program
of its own. A figure is by how much its memory, with that of its other processes, grows at most,
after it has classified a small picture. Linux only. With PYTHONPATH, it measures another version.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

import pictell
from pictell.classifier import Classifier
from pictell.pipeline.executor import Threads
from pictell.places import Url
from pictell.types import Source

WIDTH, HEIGHT = 10_000, 9_999
DOWNLOADS, DOWNLOAD_SIDE = 16, 5774
SAMPLE_S = 0.01
Image.MAX_IMAGE_PIXELS = None


def grey() -> Image.Image:
    """A gradient in steps, which every format compresses well."""
    across, down = np.arange(WIDTH) // 40, np.arange(HEIGHT) // 40
    return Image.fromarray(np.add.outer(down, across).astype(np.uint8))


def deep() -> Image.Image:
    """The same with 16 bits."""
    return Image.fromarray(np.asarray(grey()).astype(np.uint16) * 257)


def rgb() -> Image.Image:
    """The same in RGB."""
    return grey().convert("RGB")


def rgba() -> Image.Image:
    """The same in RGBA, half transparent."""
    return Image.merge("RGBA", [grey()] * 4)


def palette() -> Image.Image:
    """The same with a palette."""
    return rgb().quantize(16)


KINDS: dict[str, tuple[Callable[[], Image.Image], str, dict[str, object]]] = {
    "JPEG": (rgb, "JPEG", {}),
    "JPEG, progressive": (rgb, "JPEG", {"progressive": True}),
    "JPEG, CMYK": (lambda: rgb().convert("CMYK"), "JPEG", {}),
    "PNG, 1 bit": (lambda: grey().convert("1"), "PNG", {}),
    "PNG, grey": (grey, "PNG", {}),
    "PNG, grey and alpha": (lambda: grey().convert("LA"), "PNG", {}),
    "PNG, palette": (palette, "PNG", {}),
    "PNG, palette and alpha": (palette, "PNG", {"transparency": 0}),
    "PNG, RGB": (rgb, "PNG", {}),
    "PNG, RGBA": (rgba, "PNG", {}),
    "PNG, 16 bits": (deep, "PNG", {}),
    "WebP": (rgb, "WEBP", {"method": 0}),
    "WebP, lossless, RGBA": (rgba, "WEBP", {"method": 0, "lossless": True}),
    "AVIF": (rgb, "AVIF", {"speed": 10}),
    "GIF": (palette, "GIF", {}),
    "TIFF, LZW": (rgb, "TIFF", {"compression": "tiff_lzw"}),
    "TIFF, deflate, RGBA": (rgba, "TIFF", {"compression": "tiff_deflate"}),
    "TIFF, LZW, 16 bits": (deep, "TIFF", {"compression": "tiff_lzw"}),
    "BMP": (rgb, "BMP", {}),
    "HEIC": (rgb, "HEIF", {"quality": 30}),
}


def bombs(folder: Path) -> list[Path]:
    """A WebP and a PNG that are small files and many pixels."""
    webp, png = folder / "bomb.webp", folder / "bomb.png"
    Image.new("RGB", (WIDTH, HEIGHT)).save(webp, lossless=True, method=0)
    Image.new("RGBA", (WIDTH, HEIGHT)).save(png)
    return [webp, png]


def measure(words: Sequence[str], budget: int | None) -> tuple[float, float]:
    """Megabytes and seconds that a program takes to classify pictures."""
    options = [] if budget is None else ["--budget", str(budget)]
    command = [sys.executable, __file__, *options, "--classify", *words]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    n_bytes, seconds = json.loads(run.stdout)
    return n_bytes / 1e6, seconds


def classify(workers: int, isolate: bool, budget: int | None, pictures: Sequence[str]) -> None:
    """Print by how many bytes this program grows, and how many seconds it takes."""
    known = {one.name for one in fields(pictell.Limits)}
    chosen = {"max_bytes": 1 << 30, "isolate": isolate, "memory_budget": budget}
    limits = pictell.Limits(**{name: one for name, one in chosen.items() if name in known})  # type: ignore[arg-type]
    with pictell.load(limits=limits) as opened:
        classifier = Classifier(opened.model, opened.scorer, executor=Threads(workers))
        small = io.BytesIO()
        Image.new("RGB", (300, 300)).save(small, "PNG")
        list(classifier.stream([small.getvalue()] * 8 * workers))
        before, most = tree_bytes(), 0
        done = threading.Event()

        def watch() -> None:
            nonlocal most
            while not done.wait(SAMPLE_S):
                most = max(most, tree_bytes())

        Path("/proc/self/clear_refs").write_text("5")
        own_before = own("VmRSS")
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        started = time.perf_counter()
        for result in classifier.stream([to_input(one) for one in pictures]):
            if result.error is not None:
                raise result.error
        seconds = time.perf_counter() - started
        done.set()
        watcher.join()
    print(json.dumps([max(most - before, own("VmHWM") - own_before), seconds]))


def to_input(picture: str) -> Source | Path:
    """A file or a URL of this machine."""
    if picture.startswith("http"):
        return Source(picture, Url(picture, allow_private=True))
    return Path(picture)


def own(name: str, process: str = "self") -> int:
    """Bytes of a line of /proc/PROCESS/status."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def tree_bytes() -> int:
    """The resident memory of this process and of those that it started."""
    total = own("VmRSS")
    for task in Path("/proc/self/task").iterdir():
        try:
            for child in (task / "children").read_text().split():
                total += own("VmRSS", child)
        except (OSError, StopIteration):
            continue
    return total


def measure_kinds(names: Sequence[str], workers: int, budget: int | None) -> None:
    """Print a row of the table for each kind of picture."""
    print(f"| picture | alone, MB | s | {workers} workers, MB | s |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            make, format_, options = KINDS[name]
            path = Path(folder, "picture")
            make().save(path, format_, **options)
            cells = list[float]()
            for count in (1, workers):
                pictures = [str(path)] * count
                cells += measure([str(workers), "0", *pictures], budget)
            print(f"| {name} | {cells[0]:.0f} | {cells[1]:.1f} | {cells[2]:.0f} | {cells[3]:.1f} |")


def measure_bombs(workers: int, budget: int | None) -> None:
    """Print what a folder of two bombs costs, here and in other processes."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = list(map(str, bombs(Path(folder))))
        for isolate in (0, 1):
            used, seconds = measure([str(workers), str(isolate), *pictures], budget)
            print(f"bombs, isolate={bool(isolate)}: {used:.0f} MB, {seconds:.1f} s")


def measure_downloads(workers: int, budget: int | None) -> None:
    """Print what downloads of 100 MB cost."""
    with tempfile.TemporaryDirectory() as folder:
        Image.new("RGB", (DOWNLOAD_SIDE, DOWNLOAD_SIDE)).save(Path(folder, "large.bmp"))
        handler = partial(QuietHandler, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/large.bmp"
            used, seconds = measure([str(workers), "0", *[url] * DOWNLOADS], budget)
            server.shutdown()
    print(f"{DOWNLOADS} downloads of 100 MB: {used:.0f} MB, {seconds:.1f} s")


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder and logs nothing."""

    def log_message(self, *_: object) -> None:
        """Do nothing."""


def main() -> None:
    """Measure, or be one of the programs that are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--budget", type=int)
    parser.add_argument("--classify", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    options = parser.parse_args()
    if options.classify:
        workers, isolate, *pictures = options.classify
        classify(int(workers), isolate == "1", options.budget, pictures)
        return
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        del KINDS["HEIC"]
    else:
        register_heif_opener()
    measure_kinds(options.kinds or list(KINDS), options.workers, options.budget)
    measure_bombs(options.workers, options.budget)
    measure_downloads(options.workers, options.budget)


if __name__ == "__main__":
    main()
