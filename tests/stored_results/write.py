"""Write what the commit COMMIT answers: python tests/stored_results/write.py.

To add a case: check out that commit's package (git checkout COMMIT -- python rust Cargo.toml
Cargo.lock), build it (make test, or maturin develop --release), run this, and go back.
"""

from __future__ import annotations

import os
import subprocess
import sys

# As in tests/conftest.py, before numpy is there.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cases  # noqa: F401
import cases_command  # noqa: F401
import cases_mne  # noqa: F401
import cases_other  # noqa: F401
from answers import CASES, HERE, answer_of
from stored import write

#: The last one before files were moved and options were put into one table.
COMMIT = "07f690b"


def main() -> None:
    """Run all cases and write their answers; refuse where the package is another one."""
    package = ["python", "rust", "Cargo.toml", "Cargo.lock", "build.rs"]
    command = ["git", "diff", "--quiet", COMMIT, "--", *package]
    if subprocess.run(command, cwd=HERE.parents[1]).returncode:
        sys.exit(f"the package is not that of {COMMIT}, whose answers these are")
    write(COMMIT, {name: answer_of(name) for name in CASES})


if __name__ == "__main__":
    main()
