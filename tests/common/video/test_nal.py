import pytest

from common.video.nal import PacketCheck

AVC = b"\x01\x64\x00\x0a\xff\xe1"  # fifth byte: lengths of four bytes
SLICE, SEI = b"\x41" + b"\x9a" * 20, b"\x06" + b"\x05" * 5


def packet(*units):
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def is_broken(data):
    return PacketCheck("h264", AVC).is_broken(data)


def test_whole_packets_pass():
    assert not is_broken(packet(SLICE))
    assert not is_broken(packet(SEI, SLICE, SLICE))
    assert not is_broken(packet(SLICE + bytes(9)))  # careless padding of a unit
    assert not is_broken(packet(SLICE) + bytes(6))  # and of a packet
    assert not is_broken(packet(b"\x06" + bytes(20) + b"\x80"))  # not a picture


def test_zeros_within_a_picture_are_damage():
    assert is_broken(packet(SLICE[:8] + bytes(9) + SLICE))
    assert is_broken(packet(SEI, SLICE[:8] + bytes(400) + SLICE))


@pytest.mark.parametrize("cut", [1, 3, 10])
def test_units_that_do_not_fill_their_packet_are_damage(cut):
    assert is_broken(packet(SLICE)[:-cut])
    assert is_broken(bytes(8) + packet(SLICE)[8:])  # the length itself is gone


def test_streams_without_lengths_are_not_looked_at():
    assert not PacketCheck("h264", None)
    assert not PacketCheck("h264", b"\x00\x00\x00\x01\x67")
    assert not PacketCheck("vp9", b"\x01\x02")
    assert PacketCheck("hevc", b"\x01" + bytes(20) + b"\x0f\x00")
