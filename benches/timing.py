"""Seconds of a call, and how free the second core is."""

from __future__ import annotations

import contextlib
import io
import threading
import time
import warnings
from typing import NamedTuple


def timed(function, *arguments, **keywords):
    """Answer and seconds of one call, its warnings and what it prints unseen."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        answer = function(*arguments, **keywords)
        return answer, time.perf_counter() - start


class Cores(NamedTuple):
    """How free two cores are."""

    #: Throughput of two threads with products of their own over that of one: 2 is a free core.
    ratio: float
    #: Part of the time that the one thread had a core: where others took it, the ratio says little.
    alone: float


def second_core(prepared, data, count=20):
    """Products on one thread, then on two side by side."""

    def work():
        for _ in range(count):
            prepared._prepared.product_seconds(data, 1)

    start, spent = time.perf_counter(), time.process_time()
    work()
    alone = time.perf_counter() - start
    share = (time.process_time() - spent) / alone
    both = [threading.Thread(target=work) for _ in range(2)]
    start = time.perf_counter()
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    return Cores(2.0 * alone / (time.perf_counter() - start), share)
