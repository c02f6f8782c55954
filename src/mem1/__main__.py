"""``python -m mem1``: the command, where only the package is on the path."""

import sys

from mem1.cli.main import main

sys.exit(main())
