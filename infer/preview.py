"""A sheet of pictures before and after, to see at a glance whether the right things are hidden.

The pictures before show what is hidden: the sheet is as sensitive as the source. It is written only on request, and
should go where the source is, not where the output goes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.staging import staged
from infer.moments import timestamp

SHEET_WIDTH = 1600  # pixels at most
CELL = 392  # longer side of a picture on the sheet, pixels: four landscape pictures side by side
GAP = 6
CAPTION = 22  # height of a caption, pixels
TEXT = 14
BACKGROUND, WORDS, DOUBTFUL = (24, 24, 24), (235, 235, 235), (255, 176, 74)
THUMBNAIL = 320  # width of a report's thumbnail, pixels
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Pair:
    """One frame before and after, small.

    Attributes:
        time: seconds.
        after: (h, w, 3) uint8 RGB.
        before: likewise, None where only the output is wanted.
        reason: why it is shown; "" for the evenly chosen.
    """

    time: float
    after: np.ndarray
    before: np.ndarray | None
    reason: str = ""


class PreviewCollector:
    """Collects pairs of pictures while a clip is rendered; memory does not grow with the clip.

    Ask `wants(index)` before a picture is converted, then `add` the pair. Frames are chosen evenly over the clip, also
    when its length is not known: every n-th is kept, and n doubles when there are too many.

    Args:
        count: how many are chosen evenly.
        total_hint: about how many frames will come, None when unknown. It may be wrong.
        wanted: further frames by number, with the reason that is written below them: the weakest moments.
        pixel_aspect: width over height of a pixel of the display picture.
    """

    def __init__(
        self,
        count: int = 8,
        total_hint: int | None = None,
        wanted: Mapping[int, str] | None = None,
        pixel_aspect: float = 1.0,
    ) -> None:
        self.count = count
        self.pixel_aspect = pixel_aspect
        self._wanted = dict(wanted or {})
        # Begun more densely than the hint asks for: it costs little, and the clip may be shorter than it says.
        self._every = max(1, (total_hint or 0) // (16 * count)) if count else 0
        self._even: dict[int, Pair] = {}
        self._chosen: dict[int, Pair] = {}

    def wants(self, index: int) -> bool:
        """Whether the pair of this frame is of use."""
        return index in self._wanted or self._is_even(index)

    def add(self, index: int, time: float, before: np.ndarray | None, after: np.ndarray) -> None:
        """Take a pair in; it is kept small, the arrays given are not.

        Args:
            index: number of the frame, growing from call to call.
            time: seconds.
            before: (H, W, 3) uint8 RGB, upright, as decoded; None where only the output is wanted.
            after: (H, W, 3) uint8 RGB, upright, as rendered.
        """
        if not self.wants(index):
            return
        small = None if before is None else self._small(before)
        pair = Pair(time, self._small(after), small, self._wanted.get(index, ""))
        if index in self._wanted:
            self._chosen[index] = pair
        if self._is_even(index):
            self._even[index] = pair
            while len(self._even) > 2 * self.count:
                self._every *= 2
                self._even = {number: kept for number, kept in self._even.items() if number % self._every == 0}

    def pairs(self) -> dict[int, Pair]:
        """What the sheet shows, in the order of the clip."""
        numbers = sorted(self._even)
        places = np.linspace(0, len(numbers) - 1, min(self.count, len(numbers))).round().astype(int)
        chosen = {numbers[place]: self._even[numbers[place]] for place in places} | self._chosen
        return dict(sorted(chosen.items()))

    def thumbnails(self) -> dict[int, bytes]:
        """JPEG of the masked picture for each wanted frame: `infer.report_files.write_report` takes them."""
        return {number: _jpeg(pair.after) for number, pair in self._chosen.items()}

    def write(self, path: Path, *, overwrite: bool = False) -> int:
        """Write the sheet as PNG: before above, after below, with the time of each.

        Args:
            path: where it goes. What is hidden can be seen on it.
            overwrite: replace an existing file.

        Returns:
            The number of pairs on it.

        Raises:
            UserError: the file exists, or cannot be written.
        """
        pairs = [pair for pair in self.pairs().values() if pair.before is not None]
        with staged(path, overwrite=overwrite) as unfinished:
            _sheet(pairs).save(unfinished, format="PNG")
        return len(pairs)

    def _is_even(self, index: int) -> bool:
        return self._every > 0 and index % self._every == 0

    def _small(self, picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        wide = width * self.pixel_aspect
        scale = min(1.0, CELL / max(height, wide))
        size = max(1, round(wide * scale)), max(1, round(height * scale))
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _jpeg(picture: np.ndarray) -> bytes:
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    if width > THUMBNAIL:
        image = image.resize((THUMBNAIL, max(1, round(height * THUMBNAIL / width))), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _sheet(pairs: list[Pair]) -> Image.Image:
    """Lay pairs out in a grid."""
    cell_height = max((pair.after.shape[0] for pair in pairs), default=CAPTION)
    cell_width = max((pair.after.shape[1] for pair in pairs), default=CELL)
    columns = max(1, min(len(pairs), (SHEET_WIDTH - GAP) // (cell_width + GAP)))
    rows = -(-len(pairs) // columns)
    row_height = CAPTION + 2 * (cell_height + 2) + GAP
    width = max(columns * (cell_width + GAP) + GAP, CELL)
    sheet = Image.new("RGB", (width, CAPTION + rows * row_height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(TEXT)
    _write(draw, font, (GAP, 3), "before above, after below; this sheet shows what is hidden", WORDS, width)
    for place, pair in enumerate(pairs):
        left = GAP + place % columns * (cell_width + GAP)
        top = CAPTION + place // columns * row_height
        words, colour = f"{timestamp(pair.time)}  {pair.reason}", DOUBTFUL if pair.reason else WORDS
        _write(draw, font, (left, top + 3), words, colour, cell_width)
        if pair.before is not None:
            sheet.paste(Image.fromarray(pair.before), (left, top + CAPTION))
        sheet.paste(Image.fromarray(pair.after), (left, top + CAPTION + cell_height + 2))
    return sheet


def _write(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    place: tuple[int, int],
    words: str,
    colour: tuple[int, int, int],
    room: int,
) -> None:
    """Write a line, cut short where it does not fit."""
    text = words
    while text and draw.textlength(text, font=font) > room:
        words = words[:-1]
        text = f"{words}…"
    draw.text(place, text.rstrip(), fill=colour, font=font)
