"""Every page of help starts with examples, which run as printed in a clone."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from command import PICTELL, ROOT, environment, pictell

PAGES = (
    "", "labels", "models", "models pull", "models import", "models path", "models rm",
    "inspect", "verify", "evaluate", "calibrate", "sort", "tag", "find", "dedupe", "undo", "config",
    "completion", "batch",
)  # fmt: skip
# A word in capitals stands for something of the reader's own; the others need the internet.
NOT_IN_A_CLONE = re.compile(r"\b[A-Z][A-Z-]+\b|https?://|models pull|inception5h|my-model")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_starts_with_an_example(page: str) -> None:
    run = pictell(*page.split(), "--help")
    assert (run.returncode, run.stderr) == (0, "")
    examples, usage = run.stdout.split("usage: ")
    assert f"\n\n  pictell {page}" in examples
    assert usage.startswith(f"pictell {page}".strip())
    assert pictell("help", *page.split()).stdout == run.stdout


def test_the_examples_run_in_a_clone(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    text = "".join(pictell(*page.split(), "--help").stdout for page in PAGES)
    commands = re.findall(r"^  (pictell(?: \S+)*)$", text, re.MULTILINE)
    commands = [command for command in commands if not NOT_IN_A_CLONE.search(command)]
    assert len(commands) >= 10
    run = subprocess.run(
        ["bash", "-ec", "\n".join(["set -v", *commands])],
        cwd=tmp_path,
        env=environment(
            PATH=f"{Path(PICTELL).parent}:/usr/bin:/bin", XDG_DATA_HOME=str(tmp_path / "data")
        ),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("page", [*PAGES, "train", "correct", "serve"])
def test_a_page_fits_a_terminal(page: str) -> None:
    lines = pictell(*page.split(), "--help", env=environment(COLUMNS="80")).stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("page", ["sort", "tag", "find", "dedupe"])
def test_a_page_about_photos_leaves_options_of_model_files_to_another(page: str) -> None:
    shown = pictell(page, "--help").stdout
    assert "--crop-fraction" not in shown
    assert "pictell --help" in shown
    assert "--crop-fraction" in pictell("--help").stdout
    # It still works.
    assert "--crop-fraction: must be" in pictell(page, "--crop-fraction", "x").stderr
