"""The command as its user has it: a process with arguments, streams and an exit status."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# What pip puts beside the interpreter that runs the tests.
PICTELL = str(Path(sys.executable).with_name("pictell"))


def pictell(*words: str | bytes | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command to its end. ``options`` go to ``subprocess.run``."""
    defaults: dict[str, Any] = {"capture_output": True, "timeout": 60, "encoding": "utf-8"}
    return subprocess.run([PICTELL, *words], **(defaults | options))


def environment(**changes: str) -> dict[str, str]:
    """This process's environment with some variables set anew."""
    return os.environ | changes
