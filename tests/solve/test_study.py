"""Sweeps: the same answers wherever they are solved, nothing lost, nothing solved twice."""

import errno
import importlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mxne_rs.study import Cost, Study, run_study
from mxne_rs.study.store import UNFINISHED, Store

joblib = pytest.importorskip("joblib")

from backends import BACKENDS, run_on  # noqa: E402


def prepare(arrays, settings):
    """Count how often this process has prepared."""
    log = Path(settings["folder"])
    (log / f"prepared-{os.getpid()}-{os.urandom(4).hex()}").touch()
    return arrays["numbers"] * settings["factor"], log


def solve(prepared, key):
    """A part; what goes wrong is in its key."""
    numbers, log = prepared
    (log / f"solved-{key}-{os.urandom(4).hex()}").touch()
    if key.startswith("kill") and not (log / "killed").exists():
        (log / "killed").touch()
        # Windows has no SIGKILL; there SIGTERM ends a process as abruptly.
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    if key.startswith("fail"):
        raise ZeroDivisionError(f"part {key}")
    return {"sum": numbers.sum() + len(key), "name": np.array(key)}


def make_study(folder, keys, factor=2):
    return Study(
        "sums", keys, prepare, solve, {"numbers": np.arange(300_000.0)},
        {"factor": factor, "folder": str(folder)},
    )  # fmt: skip


def count(folder, beginning):
    return len(list(Path(folder).glob(f"{beginning}-*")))


@pytest.mark.parametrize("backend", BACKENDS)
def test_answers_in_the_order_of_the_keys(backend, request, tmp_path):
    keys = [f"part-{i}" for i in range(37)]
    parts = run_on(backend, request, make_study(tmp_path, keys))
    assert [str(part["name"]) for part in parts] == keys
    assert all(
        part["sum"] == 2 * np.arange(300_000.0).sum() + len(k)
        for part, k in zip(parts, keys, strict=True)
    )
    assert count(tmp_path, "solved") == 37
    # Once in each process that solved.
    pids = [path.name.split("-")[1] for path in tmp_path.glob("prepared-*")]
    assert len(pids) == len(set(pids)) <= (1 if backend in BACKENDS[:2] else 2)


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_a_worker_that_is_lost_loses_nothing(backend, request, tmp_path):
    keys = [*(f"part-{i}" for i in range(20)), "kill", *(f"other-{i}" for i in range(20))]
    parts = run_on(backend, request, make_study(tmp_path, keys), store=tmp_path / "store")
    assert (tmp_path / "killed").exists()
    assert [str(part["name"]) for part in parts] == keys


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_error_of_a_part_is_raised_as_it_is(backend, request, tmp_path):
    with pytest.raises(ZeroDivisionError, match="part fail"):
        run_on(backend, request, make_study(tmp_path, ["a", "b", "fail", "c"]))


@pytest.mark.parametrize("backend", ["here", "loky"])
def test_a_sweep_that_was_stopped_goes_on(backend, request, tmp_path):
    store = tmp_path / "store"
    keys = [f"part-{i}" for i in range(12)]
    with pytest.raises(ZeroDivisionError):
        run_on("one thread", request, make_study(tmp_path, [*keys[:7], "fail"]), store=store)
    whole = make_study(tmp_path, [*keys[:7], "fail"])
    # Keys are no part of what a study is: a longer one goes on with a shorter one's.
    before = count(tmp_path, "solved")
    parts = run_on(backend, request, make_study(tmp_path, keys), store=store)
    assert count(tmp_path, "solved") == before + 5
    fresh = run_study(make_study(tmp_path, keys))
    assert all(a["sum"] == b["sum"] for a, b in zip(parts, fresh, strict=True))
    assert whole.fingerprint == make_study(tmp_path, keys).fingerprint


def test_a_part_cut_short_is_solved_again(tmp_path):
    study, store = make_study(tmp_path, ["a", "b", "c"]), tmp_path / "store"
    run_study(study, store=store)
    (store / "b.npz").write_bytes((store / "b.npz").read_bytes()[:100])
    (store / "c.npz").write_bytes(b"")
    before = count(tmp_path, "solved")
    assert [str(part["name"]) for part in run_study(study, store=store)] == ["a", "b", "c"]
    assert count(tmp_path, "solved") == before + 2


def test_a_store_of_another_study_is_refused(tmp_path):
    store = tmp_path / "store"
    run_study(make_study(tmp_path, ["a"]), store=store)
    with pytest.raises(ValueError, match="holds another study"):
        run_study(make_study(tmp_path, ["a"], factor=3), store=store)
    (store / "study.json").write_text("{")
    with pytest.raises(ValueError, match="holds another study"):
        run_study(make_study(tmp_path, ["a"]), store=store)


def test_fingerprints(tmp_path):
    study = make_study(tmp_path, ["a"])
    others = [
        Study("other", ["a"], prepare, solve, study.arrays, study.settings),
        Study("sums", ["a"], solve, solve, study.arrays, study.settings),
        Study("sums", ["a"], prepare, prepare, study.arrays, study.settings),
        Study("sums", ["a"], prepare, solve, {"numbers": np.arange(2.0)}, study.settings),
        Study("sums", ["a"], prepare, solve, {"them": study.arrays["numbers"]}, study.settings),
        Study("sums", ["a"], prepare, solve, study.arrays, {**study.settings, "factor": 2.5}),
    ]
    assert len({one.fingerprint for one in [study, *others]}) == 7


def test_the_cost_is_told(tmp_path, capsys):
    study = make_study(tmp_path, [f"part-{i}" for i in range(10)])
    big = Study(study.name, study.keys, prepare, solve, study.arrays, study.settings, n_solves=100)
    told = []
    run_study(study, announce=told.append)
    assert not told
    run_study(big, announce=told.append, n_jobs=1)
    (cost,) = told
    assert isinstance(cost, Cost) and (cost.n_parts, cost.n_solves) == (9, 900)
    assert cost.n_bytes == 2 * 300_000 * 8 and cost.seconds > 0
    assert "900 solves" in str(cost) and "MB" in str(cost)
    assert count(tmp_path, "solved") == 20
    pytest.importorskip("tqdm")
    capsys.readouterr()
    run_study(big, n_jobs=1, verbose=True)
    assert "9 parts, 900 solves" in capsys.readouterr().err
    run_study(big, n_jobs=1, verbose=False)
    assert "solves" not in capsys.readouterr().err


def test_parts_that_are_not_the_ones_are_solved_again(tmp_path):
    study, store = make_study(tmp_path, ["a", "b", "c"]), tmp_path / "store"
    expected = [float(part["sum"]) for part in run_study(study, store=store)]
    shutil.copy(store / "a.npz", store / "b.npz")
    np.savez(store / "c.npz", x=1)
    before = count(tmp_path, "solved")
    assert [float(part["sum"]) for part in run_study(study, store=store)] == expected
    assert count(tmp_path, "solved") == before + 2


def start_together(barrier, folder, count, failures):
    """Open new stores at the same time as the other processes, and use them."""
    for number in range(count):
        barrier.wait(60)
        try:
            store = Store(folder / str(number), "race", "1f")
            store.save("a", {"x": np.arange(3.0)})
            assert store.load("a")["x"].tolist() == [0.0, 1.0, 2.0]
        except Exception as error:
            failures.put(repr(error))


def test_processes_that_start_one_study_at_once(tmp_path):
    """All of them find it theirs, whoever made the folder."""
    context = multiprocessing.get_context("spawn")
    barrier, failures = context.Barrier(4), context.SimpleQueue()
    arguments = (barrier, tmp_path, 150, failures)
    processes = [context.Process(target=start_together, args=arguments) for _ in range(4)]
    for one in processes:
        one.start()
    for one in processes:
        one.join()
    assert [one.exitcode for one in processes] == [0] * 4
    assert failures.empty(), failures.get()
    assert {one.name for one in (tmp_path / "0").iterdir()} == {"study.json", "a.npz"}


@pytest.mark.parametrize("links", [True, False])
def test_another_process_is_first(tmp_path, monkeypatch, links):
    """Between the look at the folder and the name of the file; without links, too."""

    def without_links(*_):
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", without_links)
    write = Store._write

    def late(store, *arguments):
        monkeypatch.setattr(Store, "_write", write)
        Store(store.folder, "one", "1f").save("a", {"x": np.array(1.0)})
        write(store, *arguments)

    monkeypatch.setattr(Store, "_write", late)
    assert Store(tmp_path / "store", "one", "1f").load("a")["x"] == 1
    if links:
        monkeypatch.setattr(Store, "_write", late)
        with pytest.raises(ValueError, match="holds another study"):
            Store(tmp_path / "other", "two", "2f")


def test_a_process_that_was_killed_locks_no_folder(tmp_path):
    """What it had begun to write is left, wherever it was killed, and in nobody's way."""
    code = (
        "import os, sys, mxne_rs.study.store as s, numpy as np\n"
        "real = os.fsync\n"
        "def fsync(file):\n"
        "    if len(os.listdir(sys.argv[1])) > int(sys.argv[2]): os._exit(9)\n"
        "os.fsync = fsync\n"
        "s.Store(sys.argv[1], 'one', '1f').save('a', {'x': np.array(1.0)})\n"
    )
    for number, left in enumerate(({UNFINISHED}, {UNFINISHED, "study.json"})):
        folder = tmp_path / str(number)
        ended = subprocess.run([sys.executable, "-c", code, str(folder), str(number)])
        assert ended.returncode == 9
        names = {one.name for one in folder.iterdir()}
        assert {UNFINISHED if one.startswith(UNFINISHED) else one for one in names} == left
        store = Store(folder, "one", "1f")
        assert store.load("a") is None
        store.save("a", {"x": np.array(2.0)})
        assert Store(folder, "one", "1f").load("a")["x"] == 2
        with pytest.raises(ValueError, match="holds another study"):
            Store(folder, "two", "2f")


def test_a_part_with_any_bit_flipped_is_solved_again(tmp_path, caplog):
    """No damage is taken for an answer: one bit in each byte, and the file cut at each byte."""
    store = Store(tmp_path, "one", "1f")
    store.save("a", {"x": np.arange(6).reshape(2, 3), "y": np.array("ä")})
    path = tmp_path / "a.npz"
    whole = path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        for content in (bytes(changed), whole[:position]):
            path.write_bytes(content)
            caplog.clear()
            assert store.load("a") is None, position
            assert "a.npz is damaged" in caplog.text
    path.write_bytes(whole)
    assert store.load("a")["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    with np.load(path) as part:
        assert part["_y"] == "ä"


def test_folders_that_are_no_store_are_refused(tmp_path):
    study, store = make_study(tmp_path, ["a"]), tmp_path / "store"
    run_study(study, store=store)
    (store / "study.json").unlink()
    with pytest.raises(ValueError, match="holds another study"):
        run_study(study, store=store)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"store .*file.* cannot be a folder"):
        run_study(study, store=tmp_path / "file")
    with pytest.raises(TypeError, match="store is 3"):
        run_study(study, store=3)


def test_another_text_of_a_function_is_another_study(tmp_path, monkeypatch):
    texts = [
        "def solve(prepared, key):\n    return {'v': 1}\n",
        "def solve(prepared, key):\n    return {'v': 2}\n",
    ]
    monkeypatch.syspath_prepend(tmp_path)
    prints = []
    for number, text in enumerate(texts):
        (tmp_path / f"edited{number}.py").write_text(text)
        module = importlib.import_module(f"edited{number}")
        module.solve.__module__ = "edited"
        prints.append(Study("s", ["a"], prepare, module.solve).fingerprint)
    assert prints[0] != prints[1]


@pytest.mark.parametrize(
    "keys", [["a", "a"], ["../a"], ["a/b"], [""], [".hidden"], ["x" * 101], [1], ["a\n"]]
)
def test_keys_that_are_no_names_are_refused(keys):
    with pytest.raises(ValueError, match="keys holds"):
        Study("s", keys, prepare, solve)


def test_what_a_study_is_made_of_is_checked():
    for keys in ("ab", iter(["a"])):
        with pytest.raises(TypeError, match="keys is"):
            Study("s", keys, prepare, solve)
    for array in ([1, 2], np.array([None])):
        with pytest.raises(TypeError, match="arrays\\['x'\\] is"):
            Study("s", ["a"], prepare, solve, {"x": array})
    settings = {"grid": np.arange(3), "number": np.float64(2)}
    assert Study("s", ["a"], prepare, solve, {}, settings).fingerprint


def no_preparation(arrays, settings):
    return arrays


def write_to_it(arrays, key):
    arrays["x"][:] = 1
    return {}


def return_it(arrays, key):
    return {"none": None, "list": [1], "objects": {"a": np.array([None])}, "names": {1: 2}}[key]


class Unpicklable(Exception):
    def __init__(self, message, other):
        super().__init__(message)
        self.other = other


def raise_it(arrays, key):
    raise Unpicklable("what went wrong", 1)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_shared_arrays_cannot_be_written_to(n_jobs):
    x = np.zeros(3)
    with pytest.raises(ValueError, match="read-only"):
        run_study(Study("s", ["a"], no_preparation, write_to_it, {"x": x}), n_jobs=n_jobs)
    assert not x.any() and x.flags.writeable


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("key", ["none", "list", "objects", "names"])
def test_what_is_no_part_is_refused(key, n_jobs):
    with pytest.raises(TypeError, match=f"part '{key}'"):
        run_study(Study("s", [key], no_preparation, return_it), n_jobs=n_jobs)


# A thread of loky's that still hands out work finds it taken back: its own race, shown by Python
# and of no effect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_that_cannot_travel_is_told():
    with pytest.raises(RuntimeError, match="what went wrong"):
        run_study(Study("s", ["a", "b"], no_preparation, raise_it), n_jobs=2)


def test_parts_may_be_called_like_arguments_of_numpy(tmp_path):
    def solve(prepared, key):
        return {"file": np.arange(2), "study": 3.0, "args": "text"}

    for _ in range(2):
        (part,) = run_study(Study("s", ["a"], no_preparation, solve), store=tmp_path / "store")
        assert part["file"].tolist() == [0, 1] and part["study"] == 3.0 and part["args"] == "text"
        assert all(isinstance(value, np.ndarray) for value in part.values())


def test_a_backend_that_cannot_is_refused(tmp_path):
    with (
        joblib.parallel_config(backend="multiprocessing"),
        pytest.raises(ValueError, match="use loky"),
    ):
        run_study(make_study(tmp_path, ["a"]), n_jobs=2)


@pytest.mark.parametrize("n_jobs", [0, 1.5, "two", True, -2])
def test_n_jobs_is_checked(n_jobs, tmp_path):
    with pytest.raises(ValueError, match="n_jobs is"):
        run_study(make_study(tmp_path, ["a"]), n_jobs=n_jobs)
