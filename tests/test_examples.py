"""The examples in Python: run on what they are for."""

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

mne = pytest.importorskip("mne")
pytest.importorskip("matplotlib")

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "bids_pipeline.py"


@pytest.fixture(scope="module")
def derivatives(simulated, tmp_path_factory):
    """What MNE-BIDS-Pipeline leaves of two subjects, one with sessions and two conditions."""
    evoked, forward, noise_cov = simulated
    root = tmp_path_factory.mktemp("bids") / "derivatives" / "mne-bids-pipeline"
    first = root / "sub-01" / "meg"
    first.mkdir(parents=True)
    evoked = evoked.copy()
    evoked.comment = "ear/left"
    other = evoked.copy()
    other.data, other.comment = other.data * 0.8, "left-right"
    mne.write_evokeds(first / "sub-01_task-tone_ave.fif", [evoked, other], verbose="ERROR")
    mne.write_forward_solution(first / "sub-01_fwd.fif", forward, verbose="ERROR")
    noise_cov.save(first / "sub-01_proc-clean_cov.fif", verbose="ERROR")
    second = root / "sub-02" / "ses-a" / "meg"
    second.mkdir(parents=True)
    for file in first.iterdir():
        shutil.copy(file, second / file.name.replace("sub-01", "sub-02_ses-a"))
    average = root / "sub-average" / "meg"  # written by the pipeline, without a forward solution
    average.mkdir(parents=True)
    shutil.copy(first / "sub-01_task-tone_ave.fif", average / "sub-average_task-tone_ave.fif")
    return root


def test_every_subject_and_condition_of_the_pipeline_is_localized(
    derivatives, simulated, monkeypatch, capsys
):
    """The two planted sources are found in each; pictures are another test's."""
    from mxne_rs import Localization

    for name, made in (("write_report", "report"), ("draw", "picture")):
        monkeypatch.setattr(
            f"mxne_rs.results.files.{name}",
            lambda _, path, *__, made=made, **___: Path(path).write_text(made),
        )
    main = runpy.run_path(str(EXAMPLE))["main"]
    assert main([str(derivatives), "--tmin", "0.08", "--tmax", "0.12"]) == 0
    folders = sorted(path.parent for path in derivatives.rglob("sources.tsv"))
    names = [folder.relative_to(derivatives).as_posix() for folder in folders]
    assert names == [
        "sub-01/meg/sub-01_task-tone_earleft+mxne",
        "sub-01/meg/sub-01_task-tone_leftright+mxne",
        "sub-02/ses-a/meg/sub-02_ses-a_task-tone_earleft+mxne",
        "sub-02/ses-a/meg/sub-02_ses-a_task-tone_leftright+mxne",
    ]
    assert capsys.readouterr().out.count("sources explain") == 4
    for folder in folders:
        result = Localization.read(folder)
        assert int(result.active.sum()) >= 2 and (folder / "report.html").is_file()
        assert result.evokeds[0].times[0] == pytest.approx(0.08, abs=0.006)


def test_the_report_of_the_pipeline_gets_picture_and_table(derivatives, simulated, monkeypatch):
    pytest.importorskip("h5io")
    folder = derivatives / "sub-01" / "meg"
    report = mne.Report(title="sub-01", verbose="ERROR")
    report.add_html("<p>of the pipeline</p>", "Earlier")
    report.save(folder / "sub-01_report.h5", verbose="ERROR")
    module = runpy.run_path(str(EXAMPLE))
    file = folder / "sub-01_task-tone_ave.fif"
    name, result = next(module["localize_file"](file, 0.08, 0.12))
    for _ in range(2):  # a second run replaces what the first one added
        module["add_to_report"](file, "sub-01_task-tone", name, result)
    html = (folder / "sub-01_report.html").read_text(encoding="utf-8")
    assert "of the pipeline" in html and "Sparse sources: sub-01_task-tone" in html
    titles = [one.name for one in mne.open_report(folder / "sub-01_report.h5")._content]
    assert sorted(titles) == [
        "Earlier",
        "Sparse sources: sub-01_task-tone",
        "Table of sparse sources: sub-01_task-tone",
    ]


def test_what_is_missing_is_named(derivatives, tmp_path, capsys):
    module = runpy.run_path(str(EXAMPLE))
    assert module["main"]([str(tmp_path)]) == 1
    assert "run the pipeline's step sensor" in capsys.readouterr().out
    lonely = tmp_path / "sub-03" / "eeg"
    lonely.mkdir(parents=True)
    shutil.copy(
        derivatives / "sub-01" / "meg" / "sub-01_task-tone_ave.fif",
        lonely / "sub-03_task-tone_ave.fif",
    )
    with pytest.raises(FileNotFoundError, match=r"eeg must hold one \*_fwd.fif, and holds: none"):
        module["main"]([str(tmp_path)])


def test_names_of_conditions_are_those_of_mne_bids_pipeline():
    pipeline = pytest.importorskip("mne_bids_pipeline._config_utils", exc_type=ImportError)
    evoked = mne.EvokedArray(np.zeros((1, 2)), mne.create_info(1, 100.0), comment="a/b_c-d e")
    name = runpy.run_path(str(EXAMPLE))["condition_name"](evoked)
    assert name == pipeline.sanitize_cond_name(evoked.comment)
