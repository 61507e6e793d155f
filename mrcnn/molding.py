"""From pictures of any size to what the network takes, by a checkpoint's settings. Without Keras.

Legend: H, W pixels of a picture, h, w of a molded one, C classes with background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.errors import UserError
from mrcnn import picture_meta, preprocess
from mrcnn.config import Config


@dataclass(frozen=True)
class Molding:
    """How a picture is brought to the network's size.

    Attributes:
        min_dim, max_dim, min_scale, mode, limited, border: see `preprocess.resize_image`.
        channels: of the network's pictures.
        mean_pixel: (channels,) grey levels.
        classes: C, for the row of meta.
    """

    min_dim: int | None
    max_dim: int | None
    min_scale: float | None
    mode: str
    limited: bool
    border: str
    channels: int
    mean_pixel: tuple[float, ...]
    classes: int

    @classmethod
    def of(cls, config: Config, input_size: int | None = None, resize: str = "auto") -> Molding:
        """Read a configuration.

        Args:
            config: of the checkpoint.
            input_size: longer side at which pictures are analysed; None: as the configuration says.
            resize: "square" pads to a square as in training, "pad64" to multiples of 64 only, at the same scale: a
                16:9 picture is 0.56 of the square then. "auto" is "pad64".
        """
        min_dim: int | None = config.IMAGE_MIN_DIM
        max_dim: int | None = config.IMAGE_MAX_DIM
        min_scale: float | None = config.IMAGE_MIN_SCALE
        limited = config.IMAGE_RESIZE_MODE == "square" or bool(config.LIMIT_PAD64)
        if config.IMAGE_RESIZE_MODE == "none":
            min_dim = max_dim = min_scale = None
        if input_size is not None:
            min_dim, max_dim, min_scale, limited = input_size, input_size, 0, True
        if resize == "square" and not (limited and max_dim and max_dim % preprocess.MULTIPLE == 0):
            raise UserError(
                f"resize=square needs the side of the square: give --input-size, a multiple of {preprocess.MULTIPLE}"
            )
        return cls(
            min_dim=min_dim,
            max_dim=max_dim,
            min_scale=min_scale,
            mode="square" if resize == "square" else "pad64",
            limited=limited,
            border=config.RESIZE_BORDER,
            channels=config.IMAGE_CHANNEL_COUNT,
            mean_pixel=tuple(float(value) for value in config.MEAN_PIXEL),
            classes=config.NUM_CLASSES,
        )

    def __call__(self, picture: np.ndarray) -> Molded:
        """Mold one (H, W, 3) uint8 picture."""
        matched = preprocess.match_channels(picture, self.channels)
        resized, placement = preprocess.resize_image(
            matched, self.min_dim, self.max_dim, self.min_scale, self.mode, self.border, limited=self.limited
        )
        active = np.zeros(self.classes, np.int32)
        meta = picture_meta.compose(0, matched.shape, resized.shape, placement.window, placement.scale, active)
        pixels = preprocess.subtract_mean(resized, self.mean_pixel)
        return Molded(pixels, meta.astype(np.float32), placement.window, (picture.shape[0], picture.shape[1]))


@dataclass(frozen=True)
class Molded:
    """A picture ready for the network.

    Attributes:
        pixels: (h, w, channels) float32, mean subtracted.
        meta: (12 + C,) float32.
        window: (y1, x1, y2, x2) molded pixels that are not padding.
        size: (H, W) of the picture.
    """

    pixels: np.ndarray
    meta: np.ndarray
    window: tuple[int, int, int, int]
    size: tuple[int, int]
