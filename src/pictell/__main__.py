"""``python -m pictell`` is the command ``pictell``."""

from pictell.cli.start import main

main()
