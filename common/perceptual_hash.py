"""Pictures that look alike: 64 bits that stay nearly the same when a picture is resized or compressed anew."""

from __future__ import annotations

import imagehash
import numpy as np
from PIL import Image

SIDE = 8  # a hash of 8 x 8 bits
DISTANCE = 6  # of 64 bits; recompressed and resized copies differ in 0 to 4, neighbouring frames in 0 to 8


def perceptual_hash(upright: Image.Image) -> int:
    """Return the 64-bit hash of a picture as shown (pHash: signs of the low frequencies of its luma)."""
    if upright.mode.startswith(("I", "F")):  # 16 bits a pixel: Pillow would make all above 255 white
        values = np.asarray(upright, np.float64)
        upright = Image.fromarray((values * (255 / max(float(values.max()), 1.0))).clip(0).astype(np.uint8))
    return int(str(imagehash.phash(upright.convert("L"), SIDE)), 16)
