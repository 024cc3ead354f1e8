"""``python -m pictell`` is the command ``pictell``."""

import sys

from pictell.cli.start import main

sys.exit(main())
