"""``python -m pictell`` is the command ``pictell``."""

import sys

from pictell.cli.main import main

sys.exit(main())
