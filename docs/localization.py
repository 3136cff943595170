"""Draw localization.png, the picture of README and first page: a recorded median nerve response.

In a clone with the recordings: ``PYTHONPATH=evidence .venv/bin/python docs/localization.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

from mxne_rs import localize
from truth.median_nerve import FILE, read_median_nerve

HERE = Path(__file__).resolve().parent
#: Times in s, and the distance of the locations in mm.
WINDOW, SPACING = (0.03, 0.06), 8.0


def main() -> None:
    """Localize by the recommended setting, and write the picture."""
    data = Path(os.environ.get("MXNE_RS_DATA", HERE.parents[1] / "shared" / "data"))
    response = read_median_nerve(data / "benchmarks" / FILE, SPACING)
    evoked = response.evoked.copy().crop(*WINDOW)
    localize(evoked, response.forward, response.noise_cov).plot(path=HERE / "localization.png")


if __name__ == "__main__":
    main()
