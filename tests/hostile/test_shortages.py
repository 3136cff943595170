"""What a process may lack: a stack, threads, memory."""

from __future__ import annotations

from pathlib import Path

import pytest

import children
from marks import fork, limits, proc, slow_but

pytestmark = pytest.mark.filterwarnings("ignore:SURE ")

SMALL_STACK = """
threading.stack_size({size} * 1024)
gain, data, alpha = children.problem()
out = []
def work(n_threads):
    out.append(children.answers(gain, data, alpha, n_threads))
def control(_):
    np.linalg.svd(np.random.default_rng(0).standard_normal((30, 30)))
def on_small_stack(target, *arguments):
    thread = threading.Thread(target=target, args=arguments)
    thread.start()
    thread.join()
on_small_stack(control, 0)
print("control", flush=True)
for n_threads in (1, 2):
    on_small_stack(work, n_threads)
print(len(out), len(set(out)) == 1, children.answers(gain, data, alpha) == out[0])
"""


@pytest.mark.parametrize("size", slow_but([64, 128, 256], 64))
def test_a_small_stack(size: int) -> None:
    """Of the calling thread: what is large is not on it."""
    result = children.run(SMALL_STACK.format(size=size))
    if result.out == "":
        pytest.skip(f"NumPy itself does not run on a stack of {size} KiB")
    assert result.ended().out.split() == ["control", "2", "True", "True"], result


NO_THREADS = """
import resource
children.problem()  # NumPy loads modules late
{first}
if os.getuid() == 0:
    import pwd
    nobody = pwd.getpwnam("nobody").pw_uid
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    os.setuid(nobody)
else:
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
try:
    threading.Thread(target=int).start()
    print("not limited")
except RuntimeError:
    gain, data, alpha = children.problem()
    print(children.answer(), children.answers(gain, data, alpha, 8))
"""


@limits
@pytest.mark.parametrize("first", ["", "children.answer()"], ids=["at first", "after a solve"])
def test_where_no_thread_can_be_had(first: str, expected: str) -> None:
    """The work is done on the calling thread."""
    result = children.run(NO_THREADS.format(first=first)).ended()
    if result.out.strip() == "not limited":
        pytest.skip("RLIMIT_NPROC does not bind here")
    assert result.out.split() == [expected, children.answers(*children.problem(), 1)], result


def test_nonsense_in_rayon_num_threads(expected: str) -> None:
    """Is as good as nothing; as is asking for more threads than a system has."""
    values = ["0", "-3", "abc", "1e9", "100000", "99999999999999999999", "", " 2 ", "\u0662"]
    code = "print(children.answer(0), len(os.listdir('/proc/self/task')) < 200)"
    if not Path("/proc/self/task").exists():
        code = "print(children.answer(0), True)"
    started = [children.start(code, env={"RAYON_NUM_THREADS": value}) for value in values]
    results = [children.finish(process).ended() for process in started]
    assert [result.out.split() for result in results] == [[expected, "True"]] * len(values)


OUT_OF_MEMORY = """
import resource
gain, data, alpha = children.problem(100_000)
gain, data = gain[:20].copy(), data[:20].copy()
prepared = mxne_rs.Gain(gain)
alpha = mxne_rs.alpha_max(prepared, data)
x = np.ones((100_000, 20))
options = dict(n_threads=1, verbose=False, max_iter=10)
everywhere = dict(options, active_set_size=None)
verbs = dict(
    prepare=lambda: mxne_rs.Gain(gain).lipschitz,
    solve=lambda: mxne_rs.solve_mxne(prepared, data, 0.5 * alpha, **options).sources,
    all=lambda: mxne_rs.solve_mxne(prepared, data, 0.7 * alpha, **everywhere).sources,
    fista=lambda: mxne_rs.solve_mxne(
        prepared, data, 0.7 * alpha, solver="fista", **everywhere).sources,
    irmxne=lambda: mxne_rs.solve_irmxne(prepared, data, 0.5 * alpha, **options).sources,
    path=lambda: mxne_rs.solve_path(
        prepared, data, [alpha, 0.5 * alpha], **options).solutions[1].sources,
    batch=lambda: mxne_rs.solve_batch(prepared, [data] * 2, 0.5 * alpha, **options)[1].sources,
    alpha_max=lambda: mxne_rs.alpha_max(prepared, data),
    gap=lambda: mxne_rs.duality_gap(prepared, data, x, alpha),
)
def used():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
def attempt(work, room):
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_AS, (used() + room,) * 2)
        try:
            os._exit(0 if children.digest(work()) == expected else 2)
        except MemoryError:
            os._exit(1)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
work = verbs[{verb!r}]
expected = children.digest(work())
# From what the packing of a product may take, whatever its size, to more than is needed.
print(*[attempt(work, round(3e6 * 1.3**k)) for k in range(18)])
"""
VERBS = ["prepare", "solve", "all", "fista", "irmxne", "path", "batch", "alpha_max", "gap"]


@fork
@limits
@proc
@pytest.mark.parametrize("verb", slow_but(VERBS, "prepare", "solve"))
def test_too_little_memory_is_an_error(verb: str) -> None:
    """MemoryError, and never an abort or another answer, wherever in the call memory ends."""
    result = children.run(OUT_OF_MEMORY.format(verb=verb))
    codes = [int(code) for code in result.out.split()]
    assert result.code == 0 and set(codes) <= {0, 1} and codes[-1] == 0, result
    assert not any(word in result.err for word in children.DISASTERS), result
