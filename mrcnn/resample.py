"""Bilinear resizing as the original's scikit-image calls do it, by OpenCV or in float64.

Legend: H, W old size, h, w new size, C channels. Pixels are areas: new pixel i looks at (i + 0.5) * H / h - 0.5, not
smoothed beforehand. Near the edge that place lies up to half a pixel outside the picture; `border` says what is there:
"edge" repeats the outermost pixel, "constant" blends with 0, as the original does, which shaves the borders of enlarged
masks.
"""

from __future__ import annotations

import cv2
import numpy as np

BORDERS = ("edge", "constant")
TRUNCATION_SLACK = 1e-3  # grey levels; float32 leaves 199.99999 where 200 is meant


def _places(old: int, new: int) -> np.ndarray:
    """(new,) float64 places of new pixels among the old ones."""
    return (np.arange(new) + 0.5) * (old / new) - 0.5


def _edge_weights(old: int, new: int) -> np.ndarray:
    """(new,) share of the picture in each new pixel when there is 0 around it."""
    places = _places(old, new)
    outside = np.maximum(np.maximum(-places, places - (old - 1)), 0)
    return 1.0 - outside


def resize(image: np.ndarray, size: tuple[int, int], border: str = "edge") -> np.ndarray:
    """Resize by OpenCV.

    Args:
        image: (H, W) or (H, W, C) uint8, bool or float.
        size: (h, w).
        border: "edge" or "constant".

    Returns:
        (h, w) or (h, w, C) float32, within the old range of values.
    """
    _check(border)
    values = np.asarray(image, np.float32)
    resized = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    if values.ndim == 3 and resized.ndim == 2:  # OpenCV drops a last axis of one
        resized = resized[..., None]
    if border == "constant" and (size[0] > values.shape[0] or size[1] > values.shape[1]):
        rows, columns = (_edge_weights(old, new) for old, new in zip(values.shape[:2], size, strict=True))
        weights = np.outer(rows, columns).astype(np.float32)
        resized = np.clip(resized * (weights if resized.ndim == 2 else weights[..., None]), *_range(values))
    return resized


def resize_exactly(image: np.ndarray, size: tuple[int, int], border: str = "edge") -> np.ndarray:
    """Resize in float64, slower: where the last bit decides (a mask at exactly one half, a grey level cut off).

    The four neighbours are weighted and added in scikit-image's order, so that even its rounding errors agree.

    Args:
        image: (H, W) or (H, W, C).
        size: (h, w).
        border: "edge" or "constant".

    Returns:
        (h, w) or (h, w, C) float64, within the old range of values.
    """
    _check(border)
    values = np.asarray(image, np.float64)
    around = [(1, 1), (1, 1)] + [(0, 0)] * (values.ndim - 2)
    padded = np.pad(values, around, mode="edge" if border == "edge" else "constant")
    tail = (1,) * (values.ndim - 2)
    top, lower = _split(values.shape[0], size[0], (-1, 1, *tail))
    left, right = _split(values.shape[1], size[1], (1, -1, *tail))
    resized = padded[top[:, None], left] * (1 - lower) * (1 - right)
    resized += padded[top[:, None], left + 1] * (1 - lower) * right
    resized += padded[top[:, None] + 1, left] * lower * (1 - right)
    resized += padded[top[:, None] + 1, left + 1] * lower * right
    return np.clip(resized, *_range(values))


def _split(old: int, new: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(new,) first of the two neighbours, counted in the padded picture, and the second one's weight in `shape`."""
    places = _places(old, new)
    below = np.floor(places)
    return below.astype(int) + 1, (places - below).reshape(shape)


def _range(values: np.ndarray) -> tuple[float, float]:
    return (values.min(), values.max()) if values.size else (0.0, 0.0)


def _check(border: str) -> None:
    if border not in BORDERS:
        raise ValueError(f"no border {border!r}: expected one of {', '.join(BORDERS)}")


def resize_like(image: np.ndarray, size: tuple[int, int], border: str = "edge") -> np.ndarray:
    """Resize and return the dtype that came in; whole numbers are cut off, not rounded, as the original does.

    With the border "constant" the result is the original's to the last bit.
    """
    if border == "constant":
        return resize_exactly(image, size, border).astype(image.dtype)
    resized = resize(image, size, border)
    if np.issubdtype(image.dtype, np.integer):
        # In place: several arrays of the picture's size cost more than the resizing itself.
        resized += TRUNCATION_SLACK
        if np.issubdtype(image.dtype, np.signedinteger):
            np.floor(resized, out=resized)  # below 0 a cast would cut off towards it
    return resized.astype(image.dtype)
