"""
Watch a live recording
======================

A `Stream` finds the sources of every window of a recording, starting from those of the last one; a
`Monitor` cuts samples into windows as they arrive and solves them in a thread of its own.
"""

# %%
# From a program
# --------------
#
# The recording is simulated: two sources take turns, in the noise of single trials.

import matplotlib.pyplot as plt
import mne
import numpy as np

from mxne_rs import Stream
from mxne_rs.live import Monitor
from mxne_rs.simulate import simulate_auditory, true_locations

mne.set_log_level("ERROR")
evoked, forward, noise_cov = simulate_auditory(spacing=15.0, nave=1)
left, right = true_locations(forward)
rng = np.random.default_rng(0)
times = np.arange(4000) / 1000.0
courses = 40e-9 * np.cos(2 * np.pi * 12 * times)
columns = forward["sol"]["data"]
recording = np.linalg.cholesky(noise_cov.data) @ rng.standard_normal((306, 4000))
recording += np.outer(columns[:, 3 * left + 2], courses * (times % 2 < 0.9) * (times > 0.3))
recording += np.outer(columns[:, 3 * right + 2], courses * (times % 2 > 1.1))

# %%
# A window of 100 ms every 50 ms, at most 40 ms for each; ``alpha_floor="noise"`` keeps windows
# empty that hold no more than noise. An acquisition system would call ``push`` from its own thread;
# it never has to wait.
#
# A window that needs more than its 40 ms has the status ``time_limit`` instead of ``converged``,
# with the sources certified so far and their gap; ``n_deadlines`` counts these windows. If windows
# come faster than they are solved, ``max_waiting`` of them wait, and the oldest are dropped and
# counted. Here 100 may wait, because samples are pushed faster than a recording brings them.

stream = Stream.from_mne(
    evoked.info, forward, noise_cov, n_times=100, hop=50, alpha=40, alpha_floor="noise",
    n_reweights=5, deadline=0.04,
)  # fmt: skip
updates = []
with Monitor(stream, updates.append, sfreq=1000.0, max_waiting=100) as monitor:
    for first in range(0, 4000, 20):
        monitor.push(recording[:, first : first + 20])

statistics = monitor.statistics()
print(updates[40].estimate)
print(
    f"{statistics.n_solved} windows, {statistics.n_dropped} dropped, "
    f"{statistics.n_deadlines} at the deadline"
)

# %%
# What was found, and where
# -------------------------

positions = stream.model.forward["source_rr"][stream.model.kept]
fig, ax = plt.subplots(layout="constrained")
for update in updates:
    peaks = 1e9 * update.estimate.amplitudes().max(axis=1, initial=0.0)
    x = 1e3 * positions[update.estimate.locations, 0]
    ax.scatter(np.full(len(x), update.time), x, s=2 * peaks, c="tab:blue", alpha=0.7)
for location, name in ((left, "left source"), (right, "right source")):
    ax.axhline(1e3 * forward["source_rr"][location, 0], color="0.6", lw=1, label=name)
ax.set(xlabel="time of the newest sample (s)", ylabel="x (mm): left < 0 < right", ylim=(-90, 90))
_ = ax.set_title("sources of every window, as large as they are strong")
_ = ax.legend(loc="upper right")

# %%
# From a stream of the lab
# ------------------------
#
# ``pip install 'mxne-rs[stream]'`` adds the lab streaming layer. ``mxne-rs stream --stream NAME
# --forward FILE --noise-cov FILE`` reads a stream and shows a table of its sources (``--view
# browser``: a page with the head and the time courses, left and right as in the head);
# ``mxne-rs replay FILE`` plays a recording as such a stream. A board that BrainFlow reads gives
# channels x samples in microvolts: ``Monitor(..., unit="uV")`` takes them as they are.
#
# If several streams have the name, the one whose channels are in the forward solution is read;
# ``--type`` and ``--source-id`` choose another. If none fits, one line lists what was found.
# Samples are converted from the units that the stream declares for its channels; ``--unit``
# overrides these. A warning names the factor if the power of the data is ten orders away from that
# of the noise covariance. After a restart the stream continues by the names of its channels. It
# ends with a message if it returns with another rate, without a channel that is needed, or without
# a unit that it declared before.
#
# Jitter, bursts, stalls and drift are removed from the time stamps. Where a jump remains, for a
# quarter of a second at least, samples count as lost; stamps of a sample counter need no such
# waiting. ``Update.time`` follows the stamps, not the nominal rate, and is right to a sample. (If
# stamps jitter by several samples, the size of a loss is known to a sample a few seconds later, and
# a loss smaller than the jitter is not seen.)
#
# Epochs that mne-lsl cuts around events are solved one by one:
#
# .. code-block:: python
#
#     from mxne_rs.live import solve_epochs
#
#     stream = Stream.from_mne(epochs.info, forward, noise_cov, n_times=len(epochs.times))
#     for update in solve_epochs(epochs, stream):  # epochs: a connected EpochsStream
#         print(update.event, update.estimate)
#
# ``--outlet NAME`` publishes the sources of every window as another stream. Its description and
# ``mxne-rs stream --help`` explain its 66 channels:

from mxne_rs.live.outlet import LAYOUT

print(LAYOUT)
