"""The Python of the README runs as it stands (the Rust of it is a doctest of the crate)."""

import re

import pytest

from places import DATA, MISSING, ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


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
    assert any(word in out for word in ("SourceEstimate", "converged", "left 1.0"))
