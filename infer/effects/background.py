"""Everything but the objects replaced: by a picture, a gradient or a blur."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from common.colours import parse_colour
from common.detections import FrameObjects
from common.errors import UserError
from common.image import read_image
from common.video.frame import stored
from infer.effects.blur import Backdrop
from infer.effects.canvas import Canvas
from infer.effects.effect import BACKGROUND, Effect, checked_strength
from infer.effects.kept import everything_else
from infer.effects.patch import Patch, whole_patch
from infer.effects.pictures import choose_picture

BORDER = 0.07  # of the shorter side


class Background(Effect):
    """Keeps the objects and replaces what is around them."""

    name = "background"
    hides = BACKGROUND

    def __init__(
        self,
        by: str = "gradient",
        pictures: str | Path | None = None,
        colours: Sequence[str] | str = ("#5b86e5", "#36d1dc"),
        strength: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Set up.

        Args:
            by: "gradient", "blur", the path of a picture of any size, or, with `pictures`, a keyword.
            pictures: folder of tagged pictures (see `pictures.tagged_pictures`).
            colours: first and last colour of the gradient; as a text, separated by a comma.
            strength: of the blur, 1 leaves 24 samples across the picture.
            seed: which one of several pictures with the keyword.

        Raises:
            UserError: for an unknown keyword, picture, colour or strength.
        """
        super().__init__()
        self.by = by
        self.strength = checked_strength(strength)
        self.notes.append("background keeps the objects and hides everything else")
        self._picture: np.ndarray | None = None
        self._content: tuple[tuple[object, ...], list[np.ndarray]] | None = None
        chosen = colours.split(",") if isinstance(colours, str) else list(colours)
        if len(chosen) != 2:
            raise UserError(f"a gradient has two colours, not {len(chosen)}; give them as '#rrggbb,#rrggbb'")
        self._colours = parse_colour(chosen[0]), parse_colour(chosen[1])
        if pictures is not None:
            self._picture = read_image(choose_picture(Path(pictures), by, seed)).pixels[..., :3]
        elif by == "blur":
            self._blur = Backdrop(self.strength)
            self.notes += self._blur.notes
        elif by != "gradient":
            if not Path(by).is_file():
                raise UserError(
                    f"no background '{by}'; give gradient, blur, the path of a picture, or a keyword and a folder "
                    "of pictures"
                )
            self._picture = read_image(Path(by)).pixels[..., :3]

    def apply(self, canvas: Canvas, patches: Sequence[Patch], objects: FrameObjects) -> None:
        """Replace everything outside of the patches."""
        self._replace(canvas, everything_else(patches, canvas.size))

    def apply_whole(self, canvas: Canvas, reason: str) -> None:
        """Replace the whole picture."""
        if self.by == "blur" and self._picture is None:
            canvas.wash()
        else:
            self._replace(canvas, whole_patch(canvas.size))

    def _replace(self, canvas: Canvas, rest: Patch) -> None:
        if self.by == "blur" and self._picture is None:
            self._blur.paint(canvas, rest)
            return
        content = self._coded(canvas)
        for spot in canvas.spots(rest):
            canvas.blend(spot, content[spot.channel])

    def _coded(self, canvas: Canvas) -> list[np.ndarray]:
        """The new background in the samples of this video; made once, as long as size and coding stay."""
        planes = canvas.planes
        key = (planes.layout, planes.coding, planes.size, canvas.rotation)
        if self._content is None or self._content[0] != key:
            size = canvas.display_size
            if self._picture is None:
                picture = gradient(size, *self._colours)
            else:
                picture = cover_fit(self._picture, size)
            self._content = key, planes.encode_pixels(stored(picture, canvas.rotation))
        return self._content[1]


def gradient(size: tuple[int, int], first: Sequence[int], last: Sequence[int]) -> np.ndarray:
    """Diagonal gradient inside a white border.

    Args:
        size: (height, width).
        first: RGB at the top left.
        last: RGB at the bottom right.

    Returns:
        (H, W, 3) uint8 with a border of 7 % of the shorter side, at least a pixel.
    """
    height, width = size
    down, across = np.linspace(0, 0.5, height)[:, None], np.linspace(0, 0.5, width)[None, :]
    share = (down + across)[..., None]
    picture = np.round(np.asarray(first) * (1 - share) + np.asarray(last) * share).astype(np.uint8)
    border = max(1, round(BORDER * min(size)))
    picture[:border] = picture[-border:] = 255
    picture[:, :border] = picture[:, -border:] = 255
    return picture


def cover_fit(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale a picture until it covers `size` (height, width), keep its proportions, cut off what is too much."""
    height, width = size
    factor = max(height / picture.shape[0], width / picture.shape[1])
    wide = max(width, round(picture.shape[1] * factor))
    high = max(height, round(picture.shape[0] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    large = cv2.resize(np.ascontiguousarray(picture), (wide, high), interpolation=how)
    top, left = (high - height) // 2, (wide - width) // 2
    return large[top : top + height, left : left + width]
