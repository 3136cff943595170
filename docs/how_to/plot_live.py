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
# it is never kept waiting.
#
# A window that needs more than its 40 ms says ``time_limit`` in the place of ``converged``, with
# the sources certified so far and their gap; ``n_deadlines`` counts these windows. Here they are
# pushed faster than a recording brings them, so 100 may wait; where windows come faster than they
# are solved for long, the oldest are dropped and counted.

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
# Of several streams of one name the one whose channels are in the forward solution is read, else
# one line says what was found; ``--type`` and ``--source-id`` choose. Samples are converted from
# the units that the stream declares for its channels (``--unit`` overrides them); data whose power
# is ten orders away from that of the noise covariance warn, with the factor. After a restart the
# stream goes on by the names of its channels; with another rate, without a channel that is
# needed, or without a unit that it declared before, it ends with a message.
#
# Samples count as missing where the time stamps say so once jitter, bursts, stalls and drift are
# taken out of them: a jump is waited for, a quarter of a second at least, unless the stamps are
# those of a sample counter. ``Update.time`` is right to a sample: it follows the stamps, not the
# nominal rate. (Stamps that jitter by several samples tell a loss to a sample only a few seconds
# after it, and hide one that is smaller than they jitter.)
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
# ``--outlet NAME`` publishes the sources of every window as another stream. It says in its own
# description, and ``mxne-rs stream --help`` says, what a sample of its 66 channels is:

from mxne_rs.live.outlet import LAYOUT

print(LAYOUT)
