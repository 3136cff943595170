"""
From the shell, with a report
=============================

``mxne-rs localize`` reads MNE's files and writes a source estimate, dipoles, a table, a picture,
the residual, and with ``--report`` an HTML file to read and to pass on. ``mxne-rs path`` helps to
choose alpha.
"""

# %%
# Data to try it on
# -----------------
#
# .. code-block:: sh
#
#     mxne-rs simulate --out demo --spacing 15
#
# The commands are run here through the function behind them, which takes the same arguments.

import contextlib
import os
import shlex
import tempfile
from pathlib import Path

from mxne_rs.command import main

folder = Path(tempfile.mkdtemp())


def mxne_rs(command):
    """Run a command line in the folder."""
    os.chdir(folder)
    assert main(shlex.split(command)) == 0


mxne_rs("simulate --out demo --spacing 15")

# %%
# Choose alpha
# ------------
#
# ``mxne-rs path`` draws what is found at falling values of alpha. A range over which the same
# sources stay is a good place for it.

files = (
    "--evoked demo/simulated-ave.fif --forward demo/simulated-fwd.fif "
    "--noise-cov demo/simulated-cov.fif --tmin 0.06 --tmax 0.15"
)
mxne_rs(f"path {files} --alphas 90 10 10 --out demo/path")
path_picture = folder / "demo/path/path.png"

# %%
# Localize, and report
# --------------------
#
# irMxNE is the default (``--reweights 1`` is MxNE). ``--alpha sure`` would choose alpha by
# itself. What an earlier ``localize`` wrote into the folder is removed, so that no report of
# another alpha stays beside new files; what it did not write is not touched.

mxne_rs(f"localize {files} --alpha 40 --report --out demo/results")
report = folder / "demo/results/report.html"

# %%
# Every option has its line in ``mxne-rs localize --help``:

with contextlib.suppress(SystemExit):
    main(["localize", "--help"])
