"""Which pictures are doubted after damage, on sequences short enough to follow."""

from common.video.ledger import Ledger, Sent


def sent(index, pts, silent=False, errors=0):
    return Sent(index, pts, 1, silent, errors)


def test_a_lost_packet_spoils_what_follows_until_a_key_frame():
    ledger = Ledger()
    for index in range(6):
        ledger.send(sent(index, index))
    assert ledger.receive(0, 0, clean_key=True) == []
    assert ledger.receive(1, 1, clean_key=False) == []
    assert [one.index for one in ledger.receive(3, 3, clean_key=False)] == [2]
    ledger.receive(4, 4, clean_key=True)
    ledger.receive(5, 5, clean_key=False)
    doubted = [index for index in range(6) if ledger.distrust(index, index)]
    assert doubted == [1, 2, 3]  # 1: the packet before may be spoilt at its end


def test_a_b_frame_shown_before_the_damaged_frame_it_builds_on_waits_and_is_doubted():
    """Decoding order I0 P3 B1 B2, shown I0 B1 B2 P3."""
    ledger = Ledger()
    for index, pts in enumerate((0, 3, 1, 2, 4)):
        ledger.send(sent(index, pts))
    ledger.receive(0, 0, clean_key=True)
    ledger.receive(2, 1, clean_key=False)
    assert not ledger.settled(2)  # P3 is not back yet
    ledger.receive(3, 2, clean_key=False)
    ledger.fail(1, "decoded with errors")
    ledger.receive(1, 3, clean_key=False)
    assert ledger.settled(2)
    assert ledger.distrust(2, 1) == "decoded with errors"


def test_leading_pictures_of_a_key_frame_may_build_on_the_damage_before_it():
    ledger = Ledger()
    for index, pts in enumerate((0, 1, 4, 3)):  # 2 is the key frame (pts 4), 3 is shown before it
        ledger.send(sent(index, pts))
    ledger.receive(0, 0, clean_key=True)
    ledger.fail(1, "lost")
    ledger.receive(1, 1, clean_key=False)
    ledger.receive(3, 3, clean_key=False)
    ledger.receive(2, 4, clean_key=True)
    assert ledger.distrust(3, 3) == "lost"
    assert ledger.distrust(2, 4) is None


def test_silent_packets_are_no_loss_unless_there_was_an_error():
    ledger = Ledger()
    ledger.send(sent(0, 0, silent=True))
    ledger.send(sent(1, 1))
    assert ledger.receive(1, 1, clean_key=True) == []
    ledger.send(sent(2, 2, silent=True))
    ledger.error(2, 2, "does not decode")
    ledger.send(sent(3, 3, errors=1))
    assert [one.index for one in ledger.receive(3, 3, clean_key=False)] == [2]


def test_a_late_error_is_pinned_on_the_packet_that_is_lost():
    ledger = Ledger()
    for index in range(6):
        ledger.send(sent(index, index))
    ledger.receive(0, 0, clean_key=True)
    ledger.error(1, 3, "does not decode")
    assert not ledger.settled(1)
    for index in (1, 3, 4, 5):
        ledger.receive(index, index, clean_key=True)
    assert ledger.settled(3)
    assert [index for index in range(6) if ledger.distrust(index, index)] == [1, 2]


def test_an_error_without_a_loss_spoils_the_whole_span():
    ledger = Ledger()
    for index in range(6):
        ledger.send(sent(index, index))
        ledger.receive(index, index, clean_key=True)
    ledger.error(2, 3, "does not decode")
    assert ledger.settled(4)
    assert [index for index in range(6) if ledger.distrust(index, index)] == [2, 3]


def test_what_never_comes_back_is_lost_at_the_end():
    ledger = Ledger()
    ledger.send(sent(0, 0))
    ledger.receive(0, 0, clean_key=True)
    ledger.send(sent(1, 2))
    ledger.send(sent(2, 1))
    assert [one.pts for one in ledger.close()] == [1, 2]
    assert ledger.settled(2)
