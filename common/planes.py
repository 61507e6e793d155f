"""Writable numpy views over the samples of a picture, whatever its pixel format.

Letters: H, W picture size (stored orientation); a channel with `rows` x `columns` of picture under one sample is
(ceil(H / rows), ceil(W / columns)).
"""

from __future__ import annotations

import ctypes

import av
import numpy as np

from common.colours import ColourCoding, is_full_range, resolved_matrix
from common.errors import UserError
from common.pixel_layout import Channel, PixelLayout, alpha_format, nearest_format, pixel_layout


class Planes:
    """The channels of one picture as writable views.

    Attributes:
        layout: where each channel lies.
        size: (height, width) of the picture.
        channels: one (h, w) uint8 or uint16 view for each colour channel of the layout.
        alpha: (H, W) view or None.
        coding: turns RGB colours into sample values of this picture.
    """

    def __init__(
        self,
        layout: PixelLayout,
        size: tuple[int, int],
        channels: list[np.ndarray],
        alpha: np.ndarray | None,
        coding: ColourCoding,
    ) -> None:
        self.layout = layout
        self.size = size
        self.channels = channels
        self.alpha = alpha
        self.coding = coding

    @classmethod
    def of(cls, picture: av.VideoFrame) -> Planes:
        """View a picture in place; writing to a view writes to the picture.

        Raises:
            UserError: when the pixel format cannot be viewed; `copy_picture` converts such pictures first.
        """
        layout = pixel_layout(picture.format.name)
        if layout is None:
            raise UserError(f"pixel format {picture.format.name} cannot be written to; convert the picture first")
        size = (picture.height, picture.width)
        views = [_view(picture, channel, layout.depth) for channel in layout.channels]
        alpha = _view(picture, layout.alpha, layout.depth) if layout.alpha else None
        coding = ColourCoding(
            layout.family,
            layout.depth,
            layout.shift,
            is_full_range(picture.color_range, layout.family, layout.jpeg),
            resolved_matrix(picture.colorspace, *size),
            picture.color_trc,
            picture.color_primaries,
        )
        return cls(layout, size, views, alpha, coding)

    @classmethod
    def of_array(cls, pixels: np.ndarray) -> Planes:
        """View a (H, W), (H, W, 3) RGB or (H, W, 4) RGBA uint8 array in place."""
        if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
            raise ValueError(f"expected (H, W, 3|4) uint8, got {pixels.shape} {pixels.dtype}")
        name = {1: "gray", 3: "rgb24", 4: "rgba"}[1 if pixels.ndim == 2 else pixels.shape[2]]
        layout = pixel_layout(name)
        assert layout is not None
        if pixels.ndim == 2:
            return cls(layout, pixels.shape, [pixels], None, ColourCoding("gray"))
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
        return cls(layout, pixels.shape[:2], [pixels[..., i] for i in range(3)], alpha, ColourCoding("rgb"))

    def encode_pixels(self, rgb: np.ndarray) -> list[np.ndarray]:
        """Turn a whole RGB picture into this picture's channels.

        Args:
            rgb: (H, W, 3) uint8, stored orientation.

        Returns:
            One array for each channel, of the channel's shape and type; sub-sampled chroma is the mean of its pixels.
        """
        coded = self.coding.encode(rgb)
        out = []
        for view, channel, values in zip(self.channels, self.layout.channels, coded, strict=True):
            small = _pooled_mean(values, channel.rows, channel.columns)
            small &= np.uint16(0xFFFF << self.layout.shift & 0xFFFF)
            out.append(small.astype(view.dtype))
        return out


def copy_picture(picture: av.VideoFrame, *, alpha: bool = False) -> av.VideoFrame:
    """Copy a picture into fresh memory that may be written to.

    Samples are copied bit by bit where the format can be viewed in place; any other format is converted to the
    nearest one that can (`nearest_format`).

    Args:
        picture: left untouched.
        alpha: give the copy an alpha channel, opaque where the source had none.

    Returns:
        The copy, with the source's timestamps and colour tags.

    Raises:
        UserError: when the picture lies on a device or FFmpeg cannot convert it.
    """
    source = viewable(picture)
    name = source.format.name
    target = alpha_format(name) if alpha else name
    copy = av.VideoFrame(source.width, source.height, target)
    if target == name:
        for to, plane in zip(copy.planes, source.planes, strict=True):
            _copy_plane(to, plane)
    else:
        copy = _with_alpha(source, copy)
    for key in ("colorspace", "color_range", "color_primaries", "color_trc"):
        setattr(copy, key, getattr(picture, key))
    layout = pixel_layout(name)
    if layout is not None and layout.jpeg:
        copy.color_range = 2
    copy.pts = picture.pts
    if picture.time_base is not None:
        copy.time_base = picture.time_base
    return copy


def viewable(picture: av.VideoFrame) -> av.VideoFrame:
    """Give the picture itself when `Planes.of` can view it, else a copy in the nearest format that it can.

    Raises:
        UserError: when the picture lies on a device or FFmpeg cannot convert it.
    """
    name = picture.format.name
    try:
        target = nearest_format(name)
        if target != name:
            return picture.reformat(format=target)
    except (ValueError, av.FFmpegError) as error:
        raise UserError(f"pictures in pixel format {name} cannot be masked: {error}") from error
    if any(plane.line_size < 0 for plane in picture.planes):
        return _turned(picture)
    return picture


def _turned(picture: av.VideoFrame) -> av.VideoFrame:
    """Copy a picture that lies bottom-up in memory (negative line size), as some AVI files hold it."""
    copy = av.VideoFrame(picture.width, picture.height, picture.format.name)
    for to, plane in zip(copy.planes, picture.planes, strict=True):
        lines, line = abs(plane.buffer_size // plane.line_size), -plane.line_size
        # The pointer is at the first line shown, which is the last in memory.
        memory = (ctypes.c_uint8 * (lines * line)).from_address(plane.buffer_ptr - (lines - 1) * line)
        source = np.frombuffer(memoryview(memory), np.uint8).reshape(lines, line)[::-1]
        target = np.frombuffer(memoryview(to), np.uint8).reshape(-1, to.line_size)
        shared = min(line, to.line_size)
        target[:lines, :shared] = source[: len(target), :shared]
    for key in ("colorspace", "color_range", "color_primaries", "color_trc"):
        setattr(copy, key, getattr(picture, key))
    return copy


def _with_alpha(source: av.VideoFrame, copy: av.VideoFrame) -> av.VideoFrame:
    """Fill `copy`, which has an alpha channel, from `source`, which has none."""
    before, after = Planes.of(source), Planes.of(copy)
    same_depth = before.layout.depth == after.layout.depth
    if same_depth and [view.shape for view in before.channels] == [view.shape for view in after.channels]:
        for to, view in zip(after.channels, before.channels, strict=True):
            np.right_shift(view, before.layout.shift, out=to)
    else:
        copy = source.reformat(format=copy.format.name)
        after = Planes.of(copy)
    assert after.alpha is not None
    after.alpha[:] = after.coding.top
    return copy


def _copy_plane(to: av.video.plane.VideoPlane, plane: av.video.plane.VideoPlane) -> None:
    height = min(to.buffer_size // to.line_size, plane.buffer_size // plane.line_size)
    line = min(to.line_size, plane.line_size)
    source = np.frombuffer(memoryview(plane), np.uint8)[: height * plane.line_size].reshape(height, -1)
    target = np.frombuffer(memoryview(to), np.uint8)[: height * to.line_size].reshape(height, -1)
    np.copyto(target[:, :line], source[:, :line])


def _view(picture: av.VideoFrame, channel: Channel, depth: int) -> np.ndarray:
    plane = picture.planes[channel.plane]
    dtype = np.dtype(np.uint8 if depth <= 8 else "<u2")
    line = plane.line_size // dtype.itemsize
    height, width = -(-picture.height // channel.rows), -(-picture.width // channel.columns)
    samples = np.frombuffer(memoryview(plane), dtype)[: height * line].reshape(height, line)
    return samples[:, channel.offset :: channel.step][:, :width]


def _pooled_mean(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Mean of each `rows` x `columns` block, the last ones cut off by the border: (H, W) → (h, w)."""
    if rows == columns == 1:
        return values.copy()
    height, width = values.shape
    padded = np.pad(values, ((0, -height % rows), (0, -width % columns)), mode="edge")
    total = np.zeros((padded.shape[0] // rows, padded.shape[1] // columns), np.uint32)
    for row in range(rows):
        for column in range(columns):
            total += padded[row::rows, column::columns]
    return ((total + rows * columns // 2) // (rows * columns)).astype(np.uint16)
