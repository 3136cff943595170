"""The Python of the README runs as it stands (the Rust of it is a doctest of the crate)."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("MXNE_RS_DATA", ROOT.parent / "shared" / "data"))
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=lambda code: code.split("\n", 1)[0])
def test_readme_runs(code, monkeypatch, capsys, tmp_path):
    if "import mne\n" in code:
        pytest.importorskip("mne")
        if not DATA.is_dir():
            pytest.skip(f"no real data in {DATA} (MXNE_RS_DATA)")
        monkeypatch.chdir(DATA)
    elif "simulate" in code:
        pytest.importorskip("mne")
        monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert any(word in out for word in ("SourceEstimate", "converged", "left 1.0"))
