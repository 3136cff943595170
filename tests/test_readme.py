"""The README is short, and its Python runs as it stands."""

import re

import pytest

from places import DATA, MISSING, ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 90


@pytest.mark.parametrize("code", BLOCKS, ids=lambda code: code.split("\n", 1)[0])
def test_readme_runs(code, monkeypatch, capsys, tmp_path):
    if "import mne\n" in code:
        pytest.importorskip("mne")
        if not DATA.is_dir():
            pytest.skip(MISSING)
        monkeypatch.chdir(DATA)
    elif "simulate" in code:
        pytest.importorskip("mne")
        monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "converged, " in out or "converged: " in out
