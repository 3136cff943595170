"""Where things are: the project, and the real recordings that many tests need."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MXNE_RS_DATA", ROOT.parent / "shared" / "data")).resolve()
MISSING = f"no real data in {DATA} (MXNE_RS_DATA)"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=MISSING)
