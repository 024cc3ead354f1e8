"""``pictell completion SHELL``: the script that lets a shell complete pictell's commands."""

from __future__ import annotations

from pictell.cli.output import write
from pictell.cli.parser import Parser

SHELLS = ("bash", "zsh", "fish")
EXAMPLE = """\
Print a script that lets the shell complete commands, options, models and files with the Tab key:

  pictell completion bash
  pictell completion zsh
  pictell completion fish

Add a line to the file that the shell reads when it starts:

  ~/.bashrc                   source <(pictell completion bash)
  ~/.zshrc, after compinit    source <(pictell completion zsh)
  ~/.config/fish/config.fish  pictell completion fish | source
"""


def run(words: list[str]) -> int:
    """Write the script."""
    options = make_parser().parse(words)
    # Few runs need it.
    from argcomplete.shell_integration import shellcode

    write([shellcode(["pictell"], shell=options.shell).encode()])
    return 0


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell completion", "SHELL", EXAMPLE)
    shells = f"the shell: {', '.join(SHELLS)}"
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=shells)
    return parser
