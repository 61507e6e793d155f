"""RGB colours as the sample values of a picture: matrix, range, depth and transfer curve.

Letters: (..., 3) float RGB in 0..255 (sRGB), sample values are raw unsigned integers as the planes hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import UserError

NAMED = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "silver": (192, 192, 192),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "lime": (0, 255, 0),
    "blue": (0, 0, 255),
    "navy": (0, 0, 128),
    "yellow": (255, 255, 0),
    "orange": (255, 165, 0),
    "cyan": (0, 255, 255),
    "teal": (0, 128, 128),
    "magenta": (255, 0, 255),
    "purple": (128, 0, 128),
    "pink": (255, 192, 203),
    "brown": (139, 69, 19),
}

# AVColorSpace → (Kr, Kb), ITU-T H.273 table 4.
_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
_YCGCO = np.array([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0.0, -0.5]])
_BT2020_PRIMARIES, _PQ, _HLG = 9, 16, 18
_BT709_TO_BT2020 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)  # ITU-R BT.2087
_FULL_RANGE = 2
_REFERENCE_WHITE = 203.0  # nits of graphics white in PQ, ITU-R BT.2408


def parse_colour(text: str | Sequence[int]) -> tuple[int, int, int]:
    """Read a colour: a name, `#rgb`, `#rrggbb`, or three numbers.

    Args:
        text: what the user gave.

    Returns:
        (red, green, blue) in 0..255.

    Raises:
        UserError: for anything else.
    """
    if not isinstance(text, str):
        values = [int(value) for value in text]
        if len(values) == 3 and all(0 <= value <= 255 for value in values):
            return values[0], values[1], values[2]
        raise UserError(f"a colour is three numbers from 0 to 255, not {tuple(text)}")
    name = text.strip().lower()
    if name in NAMED:
        return NAMED[name]
    digits = name.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) == 6 and all(digit in "0123456789abcdef" for digit in digits):
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    raise UserError(f"'{text}' is no colour; give #rrggbb or one of: {', '.join(sorted(NAMED))}")


@dataclass(frozen=True)
class ColourCoding:
    """How a picture turns colours into sample values.

    Attributes:
        family: "yuv", "rgb" or "gray".
        depth: bits a sample.
        shift: how far samples are shifted up in their word (p010: 6).
        full: full range (0..255 at 8 bits) rather than limited (16..235).
        matrix: AVColorSpace number, resolved (never "unspecified").
        transfer: AVColorTransferCharacteristic number.
        primaries: AVColorPrimaries number.
    """

    family: str
    depth: int = 8
    shift: int = 0
    full: bool = True
    matrix: int = 6
    transfer: int = 2
    primaries: int = 2

    @property
    def top(self) -> int:
        """Largest raw sample value."""
        return ((1 << self.depth) - 1) << self.shift

    def encode(self, rgb: np.ndarray | Sequence[float]) -> list[np.ndarray]:
        """Turn RGB into raw sample values.

        Args:
            rgb: (..., 3) in 0..255.

        Returns:
            One integer array of the leading shape for each colour channel: Y, U, V; or R, G, B; or Y.
        """
        colour = self._transferred(np.asarray(rgb, np.float32) / np.float32(255))
        if self.family == "rgb":
            return [self._quantised(colour[..., i] * self._span()) for i in range(3)]
        coded = colour @ self._matrix().T.astype(np.float32)
        unit = 1 << (self.depth - 8)
        if self.full:
            luma, spread = coded[..., 0] * self._span(), self._span()
        else:
            luma, spread = (16 + 219 * coded[..., 0]) * unit, 224.0 * unit
        if self.family == "gray":
            return [self._quantised(luma)]
        chroma = [self._quantised(coded[..., i] * spread + 128 * unit) for i in (1, 2)]
        return [self._quantised(luma), *chroma]

    def _span(self) -> float:
        return float((1 << self.depth) - 1)

    def _quantised(self, values: np.ndarray) -> np.ndarray:
        whole = np.clip(np.floor(values + 0.5), 0, self._span()).astype(np.uint16)
        return (whole << np.uint16(self.shift)).astype(np.uint16)

    def _matrix(self) -> np.ndarray:
        if self.matrix == 8:
            return _YCGCO
        red, blue = _WEIGHTS.get(self.matrix, _WEIGHTS[6])
        luma = np.array([red, 1 - red - blue, blue])
        return np.stack(
            [
                luma,
                (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - blue)),
                (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - red)),
            ]
        )

    def _transferred(self, colour: np.ndarray) -> np.ndarray:
        """Carry SDR colours into a high-dynamic-range signal, so that white does not glare at 10,000 nits."""
        if self.transfer not in (_PQ, _HLG):
            return colour
        light = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        if self.primaries == _BT2020_PRIMARIES:
            light = np.clip(light @ _BT709_TO_BT2020.T, 0, 1)
        if self.transfer == _PQ:
            power = (light * _REFERENCE_WHITE / 10000) ** 0.1593017578125
            return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
        scene = light * 0.265  # HLG signal 0.75 is graphics white
        high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-6)) + 0.55991073
        return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def resolved_matrix(matrix: int, height: int, width: int) -> int:
    """Name the YUV matrix of a picture; where none is written down, guess from the size as players do."""
    if matrix in _WEIGHTS or matrix == 8:
        return matrix
    return 1 if width >= 1280 or height > 576 else 6


def is_full_range(color_range: int, family: str, jpeg: bool) -> bool:
    """Say whether samples use the full range; unspecified YUV is limited, RGB and gray are full."""
    if family == "rgb" or jpeg or color_range == _FULL_RANGE:
        return True
    return family == "gray" and color_range != 1
