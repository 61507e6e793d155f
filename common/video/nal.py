"""Zeros where an H.264 or HEVC stream cannot have any: what a lost sector leaves in a file that still decodes.

The coded data of a picture never holds three zero bytes in a row (ITU-T H.264, 7.4.1: an escape byte is put between
them), and the units of a packet fill it exactly. A decoder does not check either.
"""

from __future__ import annotations

_ZEROS = bytes(8)  # far more than an encoder that pads carelessly would leave
_PICTURES = {"h264": (0x1F, 0, range(1, 6)), "hevc": (0x3F, 1, range(32))}  # mask and shift of the type; coded pictures


class PacketCheck:
    """Looks at packets whose units are preceded by their length, as in mp4, mov and mkv.

    Args:
        codec: FFmpeg's name of the codec.
        extradata: the decoder's configuration as the container holds it.
    """

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self._layout = _PICTURES.get(codec) if extradata and extradata[0] == 1 else None
        place = 4 if codec == "h264" else 21  # of lengthSizeMinusOne, ISO/IEC 14496-15
        if self._layout is None or extradata is None or len(extradata) <= place:
            self._layout, self._length_size = None, 4
        else:
            self._length_size = (extradata[place] & 3) + 1

    def __bool__(self) -> bool:
        """Whether there is anything to look at in this stream."""
        return self._layout is not None

    def is_broken(self, packet: bytes) -> bool:
        """Whether a packet's units do not fill it, or hold zeros that no encoder writes."""
        if self._layout is None:
            return False
        mask, shift, pictures = self._layout
        place = 0
        while place < len(packet):
            begin = place + self._length_size
            place = begin + int.from_bytes(packet[place:begin], "big")
            if place == begin and not packet[begin:].strip(b"\0"):
                return False  # nothing but padding behind the last unit
            if place == begin or place > len(packet):
                return True
            is_picture = (packet[begin] >> shift & mask) in pictures
            if is_picture and _ZEROS in packet[begin:place].rstrip(b"\0"):
                return True
        return False
