"""The recipe for conda says what pyproject.toml and Cargo.toml say."""

import re
from pathlib import Path

import pytest

import mxne_rs

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[1]
RECIPE = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())
PROJECT = (ROOT / "pyproject.toml").read_text()


def bound(name):
    """The version from which pyproject.toml takes a package."""
    (version,) = set(re.findall(rf'"{name}>=([\d.]+)"', PROJECT))
    return version


def test_versions_are_those_of_the_project():
    context = RECIPE["context"]
    assert context["version"] == mxne_rs.__version__
    assert f'requires-python = ">={context["python_min"]}"' in PROJECT
    maturin = re.search(r'requires = \["maturin(.*?)"\]', PROJECT).group(1)
    assert f"maturin {maturin}" in RECIPE["requirements"]["host"]


def test_what_it_needs_is_what_the_project_needs():
    """NumPy always, the extras for people from the versions that the package is written for."""
    requirements = RECIPE["requirements"]
    assert requirements["run"] == ["python >=${{ python_min }}", f"numpy >={bound('numpy')}"]
    assert requirements["run_constraints"] == [
        f"mne-base >={bound('mne')}",
        f"mne-lsl >={bound('mne-lsl')}",
        "scikit-learn >=1.6",
    ]


def test_the_command_is_that_of_the_project():
    (command,) = RECIPE["build"]["python"]["entry_points"]
    name, target = command.split(" = ")
    assert f'{name} = "{target}"' in PROJECT
