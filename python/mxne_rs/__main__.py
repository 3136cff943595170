"""``python -m mxne_rs`` is ``mxne-rs``."""

import sys

from .command import main

sys.exit(main())
