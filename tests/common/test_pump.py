import threading

import pytest

from common.pump import prefetched


def test_items_come_in_order():
    with prefetched(range(100), depth=3) as items:
        assert list(items) == list(range(100))


def test_an_error_is_raised_where_its_item_would_have_come():
    def source():
        yield 1
        yield 2
        raise ValueError("third")

    seen = []
    with pytest.raises(ValueError, match="third"), prefetched(source()) as items:
        seen.extend(iter(items.__next__, None))
    assert seen == [1, 2]


def test_it_runs_ahead_no_further_than_its_depth():
    taken = []
    reached = threading.Event()

    def source():
        for number in range(50):
            taken.append(number)
            if number == 4:
                reached.set()
            yield number

    with prefetched(source(), depth=4) as items:
        assert reached.wait(10)  # four in the line, the fifth in hand
        assert next(items) == 0
        assert len(taken) <= 6
    assert threading.active_count() == 1 or all(thread.name != "prefetch" for thread in threading.enumerate())
