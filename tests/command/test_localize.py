"""`mxne-rs localize`: files in, files out, and what is said of the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import Capture, evoked_of, refused, run, told, without

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")


def test_localize(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """Two sources are found, and MNE reads everything back."""
    out = tmp_path / "new" / "results"
    assert run({**files, "--out": str(out)}) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    for word in ("Simulated auditory", "60 to 150 ms", "left", "right", "converged", "gap"):
        assert word in captured.out
    assert "306 channels\n" in captured.out
    assert "had not settled" not in captured.out

    lines = [line.split("\t") for line in (out / "sources.tsv").read_text().splitlines()]
    table = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert sorted(row["hemisphere"] for row in table) == ["left", "right"]
    truth = Path(files["--evoked"]).with_name("true-sources.tsv").read_text().splitlines()
    for row in table:
        true = next(line.split("\t") for line in truth if line.startswith(row["hemisphere"]))
        place = np.array([float(row[f"{axis}_head_mm"]) for axis in "xyz"])
        assert np.linalg.norm(place - np.array(true[1:4], float)) < 20
        assert abs(float(row["peak_time_ms"]) - float(true[5])) <= 3

    stc = mne.read_source_estimate(out / "sources-vl.stc")
    assert stc.data.shape == (2, 91)
    np.testing.assert_allclose(stc.times[[0, -1]], [0.06, 0.15], atol=1e-6)
    for row in table:
        name = out / "dipoles" / f"source-{int(row['source']):02d}.dip"
        dipole = mne.read_dipole(name)
        assert len(dipole.times) == 91
        amplitude = 1e9 * np.abs(dipole.amplitude).max()
        assert amplitude == pytest.approx(float(row["peak_amplitude_nam"]), abs=0.11)
        position = 1e3 * dipole.pos[0]
        expected = [float(row[f"{axis}_head_mm"]) for axis in "xyz"]
        np.testing.assert_allclose(position, expected, atol=0.11)
        peak = 1e9 * stc.data[list(stc.vertices[0]).index(int(row["vertex"]))].max()
        assert peak == pytest.approx(amplitude, abs=0.11)
    residual = mne.read_evokeds(out / "residual-ave.fif")[0]
    evoked = evoked_of(files).crop(0.06, 0.15)
    assert residual.data.shape == evoked.data.shape
    assert np.sum(residual.data**2) < np.sum(evoked.data**2)
    picture = (out / "localization.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) > 50_000


@pytest.mark.usefixtures("no_pictures")
def test_options_reach_the_solver(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """MxNE with fixed orientation, undebiased."""
    options = {**files, "--out": str(tmp_path), "--reweights": "1", "--loose": "0"}
    options |= {"--condition": "0", "--solver": "fista", "--depth": "0.9", "--baseline": "none|0"}
    assert run(options, "--no-debias") == 0
    captured = capsys.readouterr()
    assert ": MxNE, alpha 20 %" in captured.out
    n_sources = len((tmp_path / "sources.tsv").read_text().splitlines()) - 1
    assert n_sources > 2
    assert len(list((tmp_path / "dipoles").iterdir())) == n_sources


def test_arguments_of_localize(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option arrives under the name that it has there, --tol as the gap that is shown."""
    given: dict[str, Any] = {}

    def instead(*_: Any, **how: Any) -> None:
        given.update(how)
        raise ValueError("enough")

    monkeypatch.setattr("mxne_rs.command.localize.localize", instead)
    options = {"--loose": "0.3", "--depth": "0.5", "--reweights": "7", "--maxit": "11"}
    options["--amplitude-unit"] = "2.5"
    options |= {"--tol": "1e-3", "--time-limit": "9", "--solver": "fista", "--alpha": "sure"}
    options |= {"--alphas": "20|80|3", "--sure-sigma": "0.5", "--rng": "4"}
    assert run({**files, **options}, "--no-debias") == 2
    np.testing.assert_allclose(given.pop("sure_alpha_grid"), [80, 40, 20])
    assert given == {
        "loose": 0.3, "depth": 0.5, "n_mxne_iter": 7, "amplitude_unit": 2.5, "maxit": 11,
        "tol": 1e-3, "time_limit": 9,
        "debias": False, "solver": "fista", "verbose": None, "sure_sigma": 0.5, "rng": 4,
        "allow_small_alpha": False, "rank": None, "weights": None, "weights_min": 0.0,
    }  # fmt: skip


@pytest.mark.usefixtures("no_pictures")
def test_baseline(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """It is subtracted before cropping; an end that is off by less than half a sample is there."""
    evoked = evoked_of(files)
    evoked.data[:] += np.sign(evoked.data[:, [0]]) * 1e-12
    shifted = str(tmp_path / "shifted-ave.fif")
    evoked.save(shifted)
    options = {**files, "--evoked": shifted, "--baseline": "-0.1003|0", "--out": str(tmp_path)}
    assert run(options) == 0
    capsys.readouterr()
    residual = mne.read_evokeds(tmp_path / "residual-ave.fif")[0]
    other = {**files, "--baseline": "none|0", "--out": str(tmp_path / "other")}
    assert run(other) == 0
    expected = mne.read_evokeds(tmp_path / "other" / "residual-ave.fif")[0]
    np.testing.assert_allclose(residual.data, expected.data, atol=1e-16)


def test_sources_on_a_cortex(tmp_path: Path) -> None:
    """On a cortex the estimate is one file per hemisphere, also where one has no source."""
    from mxne_rs.results.files import write_estimate

    stc = mne.SourceEstimate(np.ones((2, 3)), [np.array([4, 7]), np.array([], int)], 0.0, 0.001)
    assert write_estimate(stc, tmp_path) == ["sources-lh.stc", "sources-rh.stc"]
    back = mne.read_source_estimate(tmp_path / "sources")
    np.testing.assert_array_equal(back.data, stc.data)
    np.testing.assert_array_equal(back.lh_vertno, [4, 7])


@pytest.mark.usefixtures("no_pictures")
def test_epochs(files: dict[str, str], epochs_file: str, tmp_path: Path, capsys: Capture) -> None:
    """Epochs are selected by event and averaged."""
    options = {**without(files, "--evoked"), "--epochs": epochs_file, "--out": str(tmp_path)}
    assert run({**options, "--condition": "tone"}) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("tone, average of 2, 60 to 150 ms: irMxNE")
    residual = mne.read_evokeds(tmp_path / "residual-ave.fif")[0]
    assert residual.nave == 2
    assert run({**files, "--out": str(tmp_path / "evoked")}) == 0
    expected = mne.read_evokeds(tmp_path / "evoked" / "residual-ave.fif")[0]
    # The covariance of the average differs by its factor alone, alpha is relative to it.
    np.testing.assert_allclose(residual.data, expected.data, atol=2e-16)
    capsys.readouterr()
    assert run(options) == 0
    assert capsys.readouterr().out.startswith("all epochs, average of 4, ")
    refused(capsys, {**options, "--condition": "tune"}, "'tune'", "'tone/left', 'tone/right'")


def test_no_epochs(
    files: dict[str, str], epochs_file: str, tmp_path: Path, capsys: Capture
) -> None:
    """A file without epochs says so."""
    epochs = mne.read_epochs(epochs_file)
    epochs.drop(range(4))
    name = str(tmp_path / "none-epo.fif")
    epochs.save(name)
    refused(capsys, {**without(files, "--evoked"), "--epochs": name}, "--epochs", "no epochs")


@pytest.mark.usefixtures("no_pictures")
def test_raw(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """A range of a recording is localized, in its own time; options that do not fit are named."""
    evoked = evoked_of(files)
    name = str(tmp_path / "tones_raw.fif")
    mne.io.RawArray(evoked.data, evoked.info).save(name)
    options = {**without(files, "--evoked"), "--raw": name, "--out": str(tmp_path)}
    assert run({**options, "--tmin": "0.16", "--tmax": "0.25"}) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("tones_raw.fif, 160 to 250 ms: irMxNE")
    stc = mne.read_source_estimate(tmp_path / "sources-vl.stc")
    assert stc.data.shape == (2, 91)
    assert stc.times[0] == pytest.approx(0.16)
    assert stc.times[stc.data[0].argmax()] in (pytest.approx(0.2, abs=3e-3), pytest.approx(0.21))
    refused(capsys, {**options, "--tmin": "0.5"}, "--tmin 0.5", "from 0 to 0.4 s")
    refused(capsys, {**options, "--condition": "0"}, "--condition", "--raw")
    refused(capsys, {**options, "--baseline": "none|0"}, "--baseline", "--raw")


@pytest.mark.usefixtures("no_pictures")
def test_long_raw(
    files: dict[str, str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That all of a recording is localized is said where that is much."""
    evoked = evoked_of(files)
    name = str(tmp_path / "tones_raw.fif")
    mne.io.RawArray(evoked.data, evoked.info).save(name)
    monkeypatch.setattr("mxne_rs.command.reading.MANY_SAMPLES", 400)
    options = without(files, "--evoked", "--tmin", "--tmax") | {"--raw": name}
    assert run({**options, "--alpha": "60", "--out": str(tmp_path)}) == 0
    told(capsys, "warning", "0 to 0.4 s", "--tmin and --tmax")


@pytest.mark.usefixtures("no_pictures")
def test_sure(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """The alpha that SURE chooses is shown, and that it is an end of its grid."""
    options = {**files, "--alpha": "sure", "--reweights": "1", "--out": str(tmp_path)}
    # Too much is shrunk at one end, noise is explained at the other.
    assert run({**options, "--alphas": "90|2.5|3"}) == 0
    captured = capsys.readouterr()
    assert "alpha 15 % (chosen by SURE)" in captured.out
    assert captured.err == ""
    assert run({**options, "--alphas": "90|60|2"}) == 0
    assert "alpha 60 % (chosen by SURE)" in told(capsys, "warning", "60 %", "--alphas")
    assert run({**options, "--alphas": "60|20|2", "--sure-sigma": "3"}) == 0
    told(capsys, "warning", "60 %", "--sure-sigma may be too high")


@pytest.mark.usefixtures("no_pictures")
def test_alpha_below_one(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """A part where a percentage is meant is refused, unless it is asked for."""
    options = {**files, "--alpha": "0.5", "--tol": "1e-2", "--reweights": "1"}
    refused(capsys, options, "--alpha 0.5", "percentage", "give 50", "--allow-small-alpha")
    assert run({**options, "--out": str(tmp_path)}, "--allow-small-alpha") == 0
    assert "alpha 0.5 %" in capsys.readouterr().out
    grid = {**files, "--alpha": "sure", "--alphas": "1|0.1|3"}
    refused(capsys, grid, "--alphas 1 ", "percentage", "give 100")


@pytest.mark.usefixtures("no_pictures")
def test_left_out_channels_are_counted(
    files: dict[str, str], capsys: Capture, tmp_path: Path
) -> None:
    """Channels that are bad, or in some files only, are counted by reason."""
    evoked = evoked_of(files)
    evoked.info["bads"] = evoked.ch_names[:2]
    evoked.drop_channels(evoked.ch_names[-3:])
    name = str(tmp_path / "fewer-ave.fif")
    evoked.save(name)
    assert run({**files, "--evoked": name, "--out": str(tmp_path)}) == 0
    line = "301 channels, left out: 2 bad; 3 not in the data\n"
    assert line in capsys.readouterr().out


def test_no_source(files: dict[str, str], capsys: Capture, tmp_path: Path) -> None:
    """No source at this alpha is neither success nor wrong input."""
    out = tmp_path / "results"
    assert run({**files, "--alpha": "99.9", "--tol": "1", "--out": str(out)}) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "mxne-rs: no source at alpha 99.9: lower --alpha\n"
    assert not any(out.iterdir())


def test_reweighting_removes_every_source(
    files: dict[str, str], capsys: Capture, tmp_path: Path
) -> None:
    """Where MxNE has sources and irMxNE has none, both are said."""
    options = {"--alpha": "98", "--amplitude-unit": "mne", "--out": str(tmp_path)}
    assert run({**files, **options}) == 1
    out = told(capsys, "MxNE finds a source at alpha 98", "removed it", "--reweights 1")
    assert out == ""


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--maxit": "1", "--reweights": "1"}, ["--maxit 1", "raise --maxit"]),
        ({"--tol": "1e-300"}, ["rounding", "raise --tol"]),
        (
            {"--alpha": "sure", "--alphas": "40|30|2", "--maxit": "1", "--reweights": "1"},
            ["--maxit 1", "raise --maxit"],
        ),
    ],
    ids=["epochs", "rounding", "sure"],
)
def test_not_converged(
    files: dict[str, str], tmp_path: Path, capsys: Capture, changes: Any, words: list[str]
) -> None:
    """A solve that stops short writes what it has, says so in one line, and has an exit code."""
    options = {**files, "--alpha": "5", "--tol": "1e-12", **changes}
    assert run({**options, "--out": str(tmp_path)}) == 3
    lines = capsys.readouterr().err.splitlines()
    short = [line for line in lines if line.startswith("mxne-rs: warning: not converged")]
    assert len(short) == 1
    assert len(lines) - len(short) <= 1  # SURE may also choose an end of two
    for word in (*words, "relative gap", "--tol asks for"):
        assert word in short[0]
    assert (tmp_path / "sources.tsv").is_file()


@pytest.mark.parametrize("command", ["localize", "path"])
def test_stopped_before_the_first_source(
    files: dict[str, str], tmp_path: Path, capsys: Capture, command: str
) -> None:
    """No source yet is another thing than no source at this alpha."""
    given = files if command == "localize" else {**without(files, "--alpha"), "--alphas": "5|9|2"}
    options = {**given, "--time-limit": "1e-9", "--out": str(tmp_path)}
    assert run(options, command=command) == 3
    out = told(capsys, "not converged", "--time-limit 1e-09 s", "no source so far")
    assert out == ""
    assert not any(tmp_path.iterdir())


def test_curve_that_did_not_converge() -> None:
    """That the chosen answer converged does not hide that its rivals did not."""
    from types import SimpleNamespace

    from mxne_rs.command.wording import shortfall_line

    curve = SimpleNamespace(gaps=np.array([0.0, 1e-7, 0.5]))
    solution = SimpleNamespace(converged=True, tol=1e-6, sure=curve)
    found: Any = SimpleNamespace(solution=solution)
    line = shortfall_line([found], maxit=1, time_limit=None)
    assert line is not None
    assert "1 of the 3 alphas" in line
    assert "5.0e-01" in line


@pytest.mark.usefixtures("no_pictures")
def test_not_settled(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """A cut-off reweighting is said in the output, and is not the fault of a solve cut off."""
    options = {**files, "--out": str(tmp_path)}
    assert run({**options, "--reweights": "2"}) == 0
    assert "reweighting had not settled: more --reweights" in capsys.readouterr().out
    cut = {"--maxit": "1", "--reweights": "2", "--alpha": "5", "--tol": "1e-12"}
    assert run({**options, **cut}) == 3
    assert "reweighting had" not in capsys.readouterr().out


def test_picture_says_not_settled(files: dict[str, str]) -> None:
    """So does the picture, within its width."""
    from mxne_rs import localize
    from mxne_rs.results.draw_localization import draw

    inputs = (
        evoked_of(files).crop(0.06, 0.15),
        mne.read_forward_solution(files["--forward"]),
        mne.read_cov(files["--noise-cov"]),
    )
    for rounds, settled in ((2, False), (20, True)):
        figure = draw(localize(*inputs, alpha=100 / 6, n_mxne_iter=rounds))
        (line,) = [text for text in figure.texts if "irMxNE" in text.get_text()]
        assert ("(not settled)" in line.get_text()) is not settled
        assert "alpha 16.67 %" in line.get_text()
        figure.draw_without_rendering()
        assert line.get_window_extent().x1 < figure.bbox.x1


@pytest.mark.parametrize(
    ("flags", "head"),
    [
        (
            {"--method": "tf-mxne", "--wsize": "16", "--alpha": "30", "--reweights": "1"},
            "TF-MxNE, alpha 30 %",
        ),
        (
            {"--method": "tf-mxne", "--wsize": "16", "--alpha": "30", "--reweights": "3"},
            "irTF-MxNE, 3 rounds, alpha 30 %",
        ),
        ({"--method": "gamma-map"}, " rounds, noise variance 0.5"),
    ],
    ids=["tf-mxne", "irtf-mxne", "gamma-map"],
)
def test_other_methods(
    files: dict[str, str], tmp_path: Path, capsys: Capture, flags: dict[str, str], head: str
) -> None:
    """Both sources are found; picture and report show the coefficients of those that have any."""
    report = tmp_path / "all.html"
    given = {**files, "--out": str(tmp_path / "out"), "--report": str(report), **flags}
    assert run(given) == 0
    assert head in capsys.readouterr().out.splitlines()[0]
    stc = mne.read_source_estimate(tmp_path / "out" / "sources-vl.stc")
    assert len(stc.data) == 2
    assert ("Time and frequency" in report.read_text()) == (flags["--method"] == "tf-mxne")
    pixels = (tmp_path / "out" / "localization.png").read_bytes()
    assert len(pixels) > 50_000


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"--l1-ratio": "0.1"}, "--l1-ratio goes with --method tf-mxne, but --method is mxne"),
        ({"--noise-variance": "1"}, "--noise-variance goes with --method gamma-map"),
        (
            {"--method": "gamma-map", "--alpha": "sure"},
            "--alpha sure goes with --method mxne, but --method is gamma-map",
        ),
        ({"--method": "tf-mxne", "--wsize": "10"}, "wsize is 10"),
        ({"--method": "tf-mxne", "--l1-ratio": "2"}, "l1_ratio is 2"),
    ],
)
def test_options_of_other_methods_are_refused(
    files: dict[str, str], capsys: Capture, flags: dict[str, str], message: str
) -> None:
    """With the option that they belong to, or the range."""
    assert run({**files, **flags}) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("no_pictures")
def test_subjects_dir(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """A folder without the subject or the parcellation is refused before anything is computed."""
    refused(capsys, {**files, "--labels": "aparc"}, "--labels aparc", "--subjects-dir")
    forward = mne.read_forward_solution(files["--forward"])
    for space in forward["src"]:
        space["subject_his_id"] = "someone"
    named = str(tmp_path / "named-fwd.fif")
    mne.write_forward_solution(named, forward)
    given = {**files, "--forward": named, "--subjects-dir": str(tmp_path)}
    refused(capsys, given, str(tmp_path), "no folder 'someone'")
    (tmp_path / "someone").mkdir()
    refused(capsys, {**given, "--labels": "aparc"}, "'aparc'", "lh.aparc.annot")
    assert run({**given, "--out": str(tmp_path / "out")}) == 0
    assert "MNI" not in capsys.readouterr().out
    header = (tmp_path / "out" / "sources.tsv").read_text().splitlines()[0].split("\t")
    assert header[-4:] == ["region", "x_mni_mm", "y_mni_mm", "z_mni_mm"]
