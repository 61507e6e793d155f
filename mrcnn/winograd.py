"""A 3 x 3 convolution with a quarter of the multiplications, where that is faster.

Legend: B batch, H and W cells, C channels in, O channels out, T tiles of 4 x 4 cells in the batch.

A tile's 16 sums over 9 cells are had from 36 products of sums of its 6 x 6 surroundings with sums of the kernel
(Winograd's F(4 x 4, 3 x 3), arXiv 1509.09308). All three changes of basis are products with small constant matrices, so
everything is done by the matrix product of the backend. Deviation from the direct sum: 1e-5 of the largest value.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

TILE, AROUND = 4, 6
LEAST_CELLS = 32 * 32  # below, moving the tiles costs more than it saves
STRIP_TILES = 512  # of a picture at once: the sums of all would take eight times the memory of the picture
INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
KERNEL = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


def _both_axes(matrix: np.ndarray) -> np.ndarray:
    return np.kron(matrix, matrix).astype(np.float32)


def convolve(pictures: Any, kernel: Any) -> Any:
    """Convolve with padding to the same size.

    Args:
        pictures: (B, H, W, C) float32, H and W known.
        kernel: (3, 3, C, O) float32.

    Returns:
        (B, H, W, O) float32.
    """
    height, width, channels = pictures.shape[1:]
    down, across = -(-height // TILE), -(-width // TILE)
    padding = [[0, 0], [1, TILE * down + 1 - height], [1, TILE * across + 1 - width], [0, 0]]
    padded = ops.pad(pictures, padding)
    weights = ops.matmul(_both_axes(KERNEL), ops.reshape(kernel, (9, -1)))
    weights = ops.reshape(weights, (AROUND**2, channels, kernel.shape[-1]))
    strip = max(STRIP_TILES // across, 1)
    strips = [
        _one_strip(padded[:, TILE * first : TILE * min(first + strip, down) + AROUND - TILE], weights)
        for first in range(0, down, strip)
    ]
    return (strips[0] if len(strips) == 1 else ops.concatenate(strips, axis=1))[:, :height, :width]


def _one_strip(padded: Any, weights: Any) -> Any:
    """Convolve (B, 4 * rows + 2, 4 * columns + 2, C) with (36, C, O); returns (B, 4 * rows, 4 * columns, O)."""
    batch, (_, channels, filters) = ops.shape(padded)[0], weights.shape
    rows, columns = (side - AROUND + TILE for side in padded.shape[1:3])
    cells = [
        padded[:, y : y + rows - TILE + 1 : TILE, x : x + columns - TILE + 1 : TILE]
        for y in range(AROUND)
        for x in range(AROUND)
    ]
    tiles = ops.reshape(ops.stack(cells), (AROUND**2, -1))  # (36, B, rows / 4, columns / 4, C) -> (36, T*C)
    tiles = ops.reshape(ops.matmul(_both_axes(INPUT), tiles), (AROUND**2, -1, channels))  # (36, T, C)
    products = ops.matmul(tiles, weights)  # (36, T, O)
    sums = ops.matmul(_both_axes(OUTPUT), ops.reshape(products, (AROUND**2, -1)))  # (16, T*O)
    sums = ops.reshape(sums, (TILE, TILE, batch, rows // TILE, columns // TILE, filters))
    return ops.reshape(ops.transpose(sums, (2, 3, 0, 4, 1, 5)), (batch, rows, columns, filters))


@keras.saving.register_keras_serializable(package="mrcnn")
class WinogradConv2D(layers.Conv2D):
    """A convolution that takes `convolve` where it is faster: TensorFlow's processor code, many cells, no training.

    In a network with twice as many channels out as in, 256 x 256 cells take two thirds of the time; 14 x 14 cells or
    equally many channels take longer, so this is for the region proposal network alone.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolve, add the bias, apply the activation."""
        if training or not self.saves_time(inputs):
            return super().call(inputs)
        answers = convolve(inputs, ops.convert_to_tensor(self.kernel))
        return self.activation(answers + self.bias)

    def saves_time(self, inputs: Any) -> bool:
        """Return whether `convolve` can be taken for (B, H, W, C), and is faster."""
        height, width = inputs.shape[1:3]
        fits = self.kernel_size == (3, 3) and self.strides == (1, 1) and self.padding == "same" and self.use_bias
        if not fits or self.compute_dtype != "float32" or None in (height, width):
            return False
        return height * width >= LEAST_CELLS and on_tensorflows_processor_code()


def on_tensorflows_processor_code() -> bool:
    """Return whether TensorFlow computes, and not on a GPU, whose libraries choose such algorithms by themselves."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")
