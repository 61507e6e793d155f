"""RoIAlign over the pyramid; the choice of kernel for each backend is made here and nowhere else.

Legend: B batch, N boxes, S samples along a side of the pooled box, L levels, C channels, H and W cells of a level.
Boxes are normalised (y1, x1, y2, x2). One bilinear sample a bin, the outermost on the box's edges (not the four inside
each bin of the paper): what the published weights were trained with. A sample outside the picture is zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn import rounding

KERNELS = ("auto", "portable", "tensorflow", "torch")
FINEST, COARSEST, CANONICAL, CANONICAL_SIZE = 2, 5, 4, 224.0


def assign_levels(boxes: Any, image_area: Any) -> Any:
    """Choose the level that a box is read from: a box of 224 x 224 pixels from P4, half that size from P3.

    Args:
        boxes: (B, N, 4) float32.
        image_area: float32 tensor of pixels of the molded picture, scalar.

    Returns:
        (B, N) int32 from 2 to 5.

    Source: arXiv 1612.03144 equation 1; original `model.PyramidROIAlign`.
    """
    heights, widths = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    ratio = ops.sqrt(ops.maximum(heights * widths, 0.0)) / (CANONICAL_SIZE / ops.sqrt(image_area))
    octaves = ops.log(ops.maximum(ratio, 1e-12)) / math.log(2.0)
    return ops.clip(CANONICAL + ops.cast(ops.round(octaves), "int32"), FINEST, COARSEST)


def crop(boxes: Any, levels: Any, features: Sequence[Any], samples: int, kernel: str = "auto") -> Any:
    """Sample every box on its level.

    Args:
        boxes: (B, N, 4) float32.
        levels: (B, N) int32 from 2.
        features: L times (B, H, W, C), finest first.
        samples: S.
        kernel: "portable" runs on every backend and compiles anywhere; "tensorflow" uses its own operator, which
            XLA does not know, "torch" PyTorch's; "auto" takes the fastest.

    Returns:
        (B, N, S, S, C) in the features' dtype.
    """
    if kernel not in KERNELS:
        raise ValueError(f"no RoIAlign kernel {kernel!r}: expected one of {', '.join(KERNELS)}")
    if kernel == "auto":
        kernel = _fastest()
    run = {"tensorflow": _tensorflow, "torch": _torch}.get(kernel, _portable)
    return run(ops.stop_gradient(boxes), ops.stop_gradient(levels), features, samples)


def _fastest() -> str:
    backend = keras.backend.backend()
    if backend != "torch":
        return "tensorflow" if backend == "tensorflow" else "portable"
    import torch

    return "portable" if torch.jit.is_tracing() or torch.compiler.is_compiling() else "torch"


def _tensorflow(boxes: Any, levels: Any, features: Sequence[Any], samples: int) -> Any:
    """Crop level by level, then put the crops back into the order of the boxes."""
    import tensorflow as tf

    batch, count = tf.shape(boxes)[0], tf.shape(boxes)[1]
    flat_boxes, flat_levels = tf.reshape(boxes, (-1, 4)), tf.reshape(levels, (-1,))  # (B, N, 4) -> (B*N, 4)
    pictures = tf.repeat(tf.range(batch), count)
    crops, places = [], []
    dtype = features[0].dtype
    features = [tf.cast(feature, tf.float32) if dtype == tf.bfloat16 else feature for feature in features]
    for level, feature in enumerate(features, start=FINEST):
        here = tf.where(flat_levels == level)[:, 0]
        crops.append(_tensorflow_level(feature, tf.gather(flat_boxes, here), tf.gather(pictures, here), samples))
        places.append(here)
    order = tf.argsort(tf.concat(places, axis=0))
    pooled = tf.gather(tf.concat(crops, axis=0), order)
    pooled = tf.reshape(pooled, (batch, count, samples, samples, features[0].shape[-1]))
    return tf.cast(pooled, dtype)


def _tensorflow_level(feature: Any, boxes: Any, pictures: Any, samples: int) -> Any:
    """Crop (n, 4) boxes of the pictures (n,) from one level (B, H, W, C) to (n, S, S, C) float32.

    The gradient is our own: in TensorFlow's, on a processor, several threads add to one cell at once and lose what the
    others added (github.com/tensorflow/tensorflow/issues/42033). Where boxes crowd it was off by up to 5 %, each time
    by another amount.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def crop_level(cells: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            learning = tf.reduce_any(tf.not_equal(upstream, 0), axis=(1, 2, 3))  # no head learns from every box
            here = tf.where(learning)[:, 0]
            taught, own_boxes, own_pictures = (tf.gather(values, here) for values in (upstream, boxes, pictures))
            return tf.cast(_to_cells(taught, own_boxes, own_pictures, tf.shape(cells)), cells.dtype)

        return tf.image.crop_and_resize(cells, boxes, pictures, (samples, samples)), gradient

    return crop_level(feature)


def _to_cells(upstream: Any, boxes: Any, pictures: Any, shape: Any) -> Any:
    """Add (n, S, S, C) to the four cells that each sample was taken from; (B, H, W, C) float32.

    The matrix of weights is sparse; its product is summed by one thread, so nothing is lost.
    """
    import tensorflow as tf

    samples, sizes = upstream.shape[1], tf.fill((tf.shape(boxes)[0],), 1)
    (top, bottom, down, inside_y), (left, right, along, inside_x) = (
        sample_places(boxes[:, axis], boxes[:, axis + 2], sizes * shape[1 + axis], samples) for axis in (0, 1)
    )
    weights_y = tf.where(inside_y, tf.stack([1.0 - down, down]), 0.0)  # (2, n, S)
    weights_x = tf.where(inside_x, tf.stack([1.0 - along, along]), 0.0)
    rows, columns = (tf.cast(tf.stack(places), tf.int64) for places in ((top, bottom), (left, right)))
    batch, height, width = tf.unstack(tf.cast(shape[:3], tf.int64))
    rows = rows + tf.cast(pictures, tf.int64)[:, None] * height
    cells = rows[:, None, :, :, None] * width + columns[None, :, :, None, :]  # (2, 2, n, S, S)
    weights = weights_y[:, None, :, :, None] * weights_x[None, :, :, None, :]
    upstream = tf.reshape(tf.cast(upstream, tf.float32), (-1, shape[3]))  # (n, S, S, C) -> (n*S*S, C)
    count = tf.shape(upstream, tf.int64)[0]
    places = tf.stack([tf.reshape(cells, (-1,)), tf.tile(tf.range(count), [4])], axis=1)
    matrix = tf.SparseTensor(places, tf.reshape(weights, (-1,)), tf.stack([batch * height * width, count]))
    return tf.reshape(tf.sparse.sparse_dense_matmul(matrix, upstream), shape)


def _torch(boxes: Any, levels: Any, features: Sequence[Any], samples: int) -> Any:
    """Crop level by level and picture by picture, all boxes of one as a tall stack of samples."""
    import torch

    batch, count = boxes.shape[:2]
    dtype, channels = features[0].dtype, features[0].shape[-1]
    exact = torch.promote_types(dtype, torch.float32)  # half a cell is not told from the next in half precision
    pooled = torch.zeros((batch, count, samples, samples, channels), dtype=dtype, device=boxes.device)
    for level, feature in enumerate(features, start=FINEST):
        for picture in range(batch):
            here = torch.nonzero(levels[picture] == level)[:, 0]
            if not len(here):
                continue
            (y, inside_y), (x, inside_x) = (
                _grid(boxes[picture, here], axis, feature.shape[1 + axis], samples) for axis in (0, 1)
            )
            grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1)  # (n, S, S, 2)
            crops = torch.nn.functional.grid_sample(
                feature[picture : picture + 1].permute(0, 3, 1, 2).to(exact),
                grid.reshape(1, -1, samples, 2).to(exact),
                padding_mode="border",
                align_corners=True,
            )
            crops = crops[0].permute(1, 2, 0).reshape(-1, samples, samples, channels)  # (C, n*S, S) -> (n, S, S, C)
            inside = inside_y[:, :, None, None] & inside_x[:, None, :, None]
            pooled[picture, here] = (crops * inside).to(dtype)
    return pooled


def _grid(boxes: Any, axis: int, cells: int, samples: int) -> tuple[Any, Any]:
    """Places of (n, 4) boxes' samples along an axis, -1 the first cell and 1 the last, and which are inside; (n, S)."""
    sizes = ops.full(boxes.shape[:1], cells, "int32")
    lower, _, part, inside = sample_places(boxes[:, axis], boxes[:, axis + 2], sizes, samples)
    return (lower + part) * (2.0 / max(cells - 1, 1)) - 1.0, inside


def _portable(boxes: Any, levels: Any, features: Sequence[Any], samples: int) -> Any:
    """Join the levels to one list of cells and gather the four neighbours of every sample from it."""
    batch, channels = ops.shape(features[0])[0], features[0].shape[-1]
    cells = ops.concatenate([ops.reshape(level, (batch, -1, channels)) for level in features], axis=1)
    per_picture = ops.shape(cells)[1]
    cells = ops.reshape(cells, (-1, channels))  # (B, sum of H*W, C) -> (B * sum of H*W, C)
    shapes = [ops.shape(level)[1:3] for level in features]
    starts = [0]
    for height, width in shapes[:-1]:
        starts.append(starts[-1] + height * width)

    def by_level(values: Sequence[Any]) -> Any:  # L numbers -> (B, N)
        return ops.take(ops.stack([ops.cast(value, "int32") for value in values]), levels - FINEST, axis=0)

    heights, widths = by_level([shape[0] for shape in shapes]), by_level([shape[1] for shape in shapes])
    first = by_level(starts) + ops.arange(batch, dtype="int32")[:, None] * per_picture
    top, bottom, weight_y, inside_y = sample_places(boxes[..., 0], boxes[..., 2], heights, samples)  # (B, N, S)
    left, right, weight_x, inside_x = sample_places(boxes[..., 1], boxes[..., 3], widths, samples)

    def cell(rows: Any, columns: Any) -> Any:  # (B, N, S), (B, N, S) -> (B, N, S, S, C)
        places = first[..., None, None] + rows[..., :, None] * widths[..., None, None] + columns[..., None, :]
        return ops.take(cells, places, axis=0)

    weight_x = ops.cast(weight_x, cells.dtype)[..., None, :, None]
    weight_y = ops.cast(weight_y, cells.dtype)[..., :, None, None]
    upper_left, lower_left = cell(top, left), cell(bottom, left)
    upper = upper_left + (cell(top, right) - upper_left) * weight_x
    lower = lower_left + (cell(bottom, right) - lower_left) * weight_x
    inside = ops.logical_and(inside_y[..., :, None], inside_x[..., None, :])[..., None]
    pooled = upper + (lower - upper) * weight_y
    return ops.where(inside, pooled, ops.zeros_like(pooled))


def sample_places(start: Any, end: Any, cells: Any, samples: int) -> tuple[Any, Any, Any, Any]:
    """Lay the samples along one side.

    Args:
        start: (B, N) float32 normalised.
        end: (B, N) float32 normalised.
        cells: (B, N) int32 H or W of the level.
        samples: S.

    Returns:
        (B, N, S) lower and upper cell int32, weight of the upper one, and whether the sample is in the picture.
    """
    last = ops.cast(cells, "float32") - 1.0
    if samples > 1:
        step = rounding.divide((end - start) * last, samples - 1.0)
        along = rounding.product(ops.arange(samples, dtype="float32"), step[..., None])
        place = rounding.product(start, last)[..., None] + along
    else:
        place = (0.5 * (start + end) * last)[..., None]
    inside = ops.logical_and(place >= 0, place <= last[..., None])
    place = ops.clip(place, 0.0, last[..., None])
    lower = ops.floor(place)
    return ops.cast(lower, "int32"), ops.cast(ops.ceil(place), "int32"), place - lower, inside


@keras.saving.register_keras_serializable(package="mrcnn")
class PyramidROIAlign(keras.layers.Layer):
    """Pool every box to S x S from the level that fits its size.

    Inputs: boxes (B, N, 4), picture sizes (B, 2) pixels (all alike), then P2 ... P5. Output: (B, N, S, S, C).

    Args:
        samples: S.
        kernel: see `crop`.

    Source: arXiv 1703.06870 section 3, arXiv 1612.03144 section 4.2; original `model.PyramidROIAlign`.
    """

    def __init__(self, samples: int, kernel: str = "auto", **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        self.samples = samples
        self.kernel = kernel

    def call(self, inputs: Sequence[Any]) -> Any:
        """Pool the boxes."""
        boxes, sizes, *features = inputs
        levels = assign_levels(boxes, sizes[0, 0] * sizes[0, 1])
        return crop(boxes, levels, features, self.samples, self.kernel)

    def compute_output_spec(self, inputs: Sequence[Any]) -> keras.KerasTensor:
        """Return (B, N, S, S, C) in the features' dtype."""
        boxes, features = inputs[0], inputs[2]
        shape = (*boxes.shape[:2], self.samples, self.samples, features.shape[-1])
        return keras.KerasTensor(shape, dtype=features.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        return {**super().get_config(), "samples": self.samples, "kernel": self.kernel}
