"""The commands in the documentation run as printed, in a clone."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from command import PICTELL, ROOT, environment

PAGES = ("README.md", "docs/command-line.md", "docs/models.md", "docs/trust.md")
COMMAND = re.compile(r"    (?:\$ )?((?:pictell |find |D=).*)")
# A word in capitals stands for something of the reader's own; a URL needs the internet.
PLACEHOLDER = re.compile(r"(?<![\w$-])[A-Z][A-Z_]+\b|https?://|models pull|inception5h")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_in_their_order(page: str, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for name in ("samples", "src"):
        shutil.copytree(ROOT / name, clone / name)
    lines = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    commands = [match[1] for match in map(COMMAND.fullmatch, lines) if match]
    commands = [command for command in commands if not PLACEHOLDER.search(command)]
    assert commands
    run = subprocess.run(
        ["bash", "-ec", "\n".join(["set -v", *commands])],
        cwd=clone,
        env=environment(
            PATH=f"{Path(PICTELL).parent}:/usr/bin:/bin", PICTELL_MODELS=str(tmp_path / "models")
        ),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, (commands, run.stderr[-2000:])
