"""Pictures that look alike: 64 bits that stay nearly the same when a picture is resized or compressed anew."""

from __future__ import annotations

import imagehash
from PIL import Image

SIDE = 8  # a hash of 8 x 8 bits
DISTANCE = 6  # of 64 bits; recompressed and resized copies differ in 0 to 4, neighbouring frames in 0 to 8


def perceptual_hash(upright: Image.Image) -> int:
    """Return the 64-bit hash of a picture as shown (pHash: signs of the low frequencies of its luma)."""
    return int(str(imagehash.phash(upright.convert("L"), SIDE)), 16)
