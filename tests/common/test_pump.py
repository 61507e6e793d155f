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
        assert reached.wait(120)  # four in the line, the fifth in hand
        assert next(items) == 0
        assert len(taken) <= 6
    assert threading.active_count() == 1 or all(thread.name != "prefetch" for thread in threading.enumerate())


@pytest.mark.parametrize("taken", [0, 3, 9])
def test_a_generator_is_closed_in_its_own_thread_before_the_block_is_left(taken):
    closed_by = []

    def source():
        try:
            yield from range(9)
        finally:
            closed_by.append(threading.current_thread().name)

    held = source()  # so that no reference count closes it
    with prefetched(held, depth=2) as items:
        for _, number in zip(range(taken), items, strict=False):
            assert number < 9
    assert closed_by == ["prefetch"]
    assert held.gi_frame is None


def test_a_list_can_be_gone_through_again():
    numbers = [1, 2, 3]
    for _ in range(2):
        with prefetched(numbers) as items:
            assert list(items) == numbers
