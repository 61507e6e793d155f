"""The display matrix: nine integers by which a file says how its pictures are to be turned and mirrored.

Layout as FFmpeg's AV_FRAME_DATA_DISPLAYMATRIX (ISO 14496-12, 6.2.2): (a, b, u, c, d, v, x, y, w), all 16.16 fixed
point but u, v, w in 2.30. A point (p, q) of the stored picture, q downwards, is shown at
(a p + c q + x, b p + d q + y).
"""

from __future__ import annotations

import math
import struct

UNIT, LAST = 1 << 16, 1 << 30


def unpack(data: bytes) -> tuple[int, ...]:
    """Nine integers from the 36 bytes of the side data (native byte order)."""
    return struct.unpack("9i", data[:36])


def quarter_turns(matrix: tuple[int, ...]) -> int:
    """Counter-clockwise quarter turns (0..3) after which the stored picture stands upright.

    Taken from where the matrix sends "down", so that heads are up in mirrored videos too: a picture flipped
    sideways needs no turn, one flipped top to bottom needs two (and is then seen in a mirror). Turns that are no
    multiple of 90 degrees are rounded to the nearest.
    """
    right, down = matrix[3], matrix[4]
    if right == 0 and down == 0:
        return 0
    return round(math.degrees(math.atan2(right, down)) / 90) % 4


def from_degrees(degrees: int) -> tuple[int, ...]:
    """The matrix of a counter-clockwise turn by `degrees`."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    a, b = round(cosine * UNIT), round(-sine * UNIT)
    return (a, b, 0, -b, a, 0, 0, 0, LAST)
