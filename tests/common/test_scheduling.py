"""Nobody raises this process above all others."""

import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import pytest

from common.scheduling import kept_scheduling

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="Linux' scheduler")


def classes():
    found = set()
    for path in Path("/proc/self/task").iterdir():
        try:
            found.add(os.sched_getscheduler(int(path.name)))
        except ProcessLookupError:
            continue
    return found


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become real-time")
def test_an_encoder_that_root_opens_stays_an_equal_among_others():
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    context = av.CodecContext.create("libsvtav1", "w")
    context.width = context.height = 64
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 25)
    context.options = {"svtav1-params": "lp=1"}
    try:
        with kept_scheduling():
            context.open()
            assert os.SCHED_FIFO in classes()  # else SVT-AV1 has changed and this is no longer needed
        assert os.SCHED_FIFO not in classes() and os.sched_getscheduler(0) == before[0]
    finally:
        os.sched_setscheduler(0, *before)
        context.encode(None)


def test_threads_that_nobody_raised_are_left_alone():
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    with kept_scheduling():
        thread.start()
        during = classes()
    assert classes() == during
    end.set()
    thread.join()
