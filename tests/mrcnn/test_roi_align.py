from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from mrcnn_goldens import relative, stored

from mrcnn import roi_align

KERNELS = ["portable", *({keras.backend.backend()} & set(roi_align.KERNELS))]  # and the backend's own


def ramp(size: int) -> np.ndarray:
    """(1, size, size, 1) whose value is the column."""
    return np.tile(np.arange(size, dtype="float32"), (size, 1))[None, :, :, None]


@pytest.mark.parametrize("kernel", KERNELS)
def test_samples_lie_on_the_edges_of_the_box_and_are_zero_outside(kernel: str) -> None:
    features = [ops.convert_to_tensor(ramp(size)) for size in (9, 5, 3, 2)]
    boxes = ops.convert_to_tensor([[[0, 0.25, 1, 0.75], [0, 0.5, 1, 1.5]]], "float32")
    levels = ops.convert_to_tensor([[2, 3]], "int32")
    pooled = ops.convert_to_numpy(roi_align.crop(boxes, levels, features, 3, kernel))[0, :, 1, :, 0]
    np.testing.assert_allclose(pooled, [[2, 4, 6], [2, 4, 0]])


def test_a_box_of_224_pixels_is_read_from_p4_and_half_of_it_from_p3() -> None:
    sides = np.array([1, 56, 112, 224, 448, 1024], "float32") / 1024
    boxes = np.stack([np.zeros(6), np.zeros(6), sides, sides], axis=-1)[None].astype("float32")
    levels = roi_align.assign_levels(ops.convert_to_tensor(boxes), ops.convert_to_tensor(np.float32(1024 * 1024)))
    assert ops.convert_to_numpy(levels).tolist() == [[2, 2, 3, 4, 5, 5]]


def test_unknown_kernel_is_named() -> None:
    with pytest.raises(ValueError, match="no RoIAlign kernel 'fast'"):
        roi_align.crop(ops.zeros((1, 1, 4)), ops.zeros((1, 1), "int32"), [], 7, "fast")


@pytest.mark.shared
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("samples", [7, 14])
def test_pooled_boxes_equal_the_originals(kernel: str, samples: int) -> None:
    golden = stored("layers")
    names = ["roialign.boxes", *(f"roialign.P{level}" for level in (2, 3, 4, 5))]
    boxes, *features = (ops.convert_to_tensor(golden[name]) for name in names)
    sizes = ops.convert_to_tensor(golden["roialign.meta"][:, 4:6])
    pooled = roi_align.PyramidROIAlign(samples, kernel)([boxes, sizes, *features])
    assert relative(ops.convert_to_numpy(pooled), golden[f"roialign.out_{samples}"]) <= 1e-5


@pytest.mark.shared
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="no compiler")
@pytest.mark.parametrize("samples", [7, 14])
def test_compiling_does_not_move_samples_over_the_edge(samples: int) -> None:
    golden = stored("layers")
    names = ["roialign.boxes", *(f"roialign.P{level}" for level in (2, 3, 4, 5))]
    inputs = [ops.convert_to_tensor(golden[name]) for name in names]
    inputs.insert(1, ops.convert_to_tensor(golden["roialign.meta"][:, 4:6]))
    layer = roi_align.PyramidROIAlign(samples, "portable")

    def pool(*tensors: object) -> object:
        return layer(list(tensors))

    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(pool)
    else:
        import tensorflow as tf

        compiled = tf.function(pool, jit_compile=True)
    assert relative(ops.convert_to_numpy(compiled(*inputs)), golden[f"roialign.out_{samples}"]) <= 1e-5


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_features_give_half_precision_boxes(kernel: str, dtype: str) -> None:
    features = [ops.convert_to_tensor(ramp(size), dtype) for size in (9, 5, 3, 2)]
    boxes = ops.convert_to_tensor([[[0, 0.25, 1, 0.75]]], "float32")
    pooled = roi_align.crop(boxes, ops.convert_to_tensor([[2]], "int32"), features, 3, kernel)
    assert keras.backend.standardize_dtype(pooled.dtype) == dtype
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(pooled, "float32"))[0, 0, 1, :, 0], [2, 4, 6])


def gradient_of(weights: np.ndarray, boxes: np.ndarray, levels: np.ndarray, shape: tuple, kernel: str) -> np.ndarray:
    """Gradient of the sum of weights times pooled boxes by the finest level."""
    rest = [ops.zeros((shape[0], 2, 2, shape[3])) for _ in range(3)]
    boxes, levels, weights = (ops.convert_to_tensor(values) for values in (boxes, levels, weights))

    def total(level: Any) -> Any:
        return ops.sum(roi_align.crop(boxes, levels, [level, *rest], weights.shape[2], kernel) * weights)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        level = tf.zeros(shape)
        with tf.GradientTape() as tape:
            tape.watch(level)
            value = total(level)
        return tape.gradient(value, level).numpy()
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(total)(ops.zeros(shape)))
    level = ops.zeros(shape).requires_grad_()
    total(level).backward()
    return level.grad.numpy()


def bilinear(start: float, end: float, cells: int, samples: int) -> np.ndarray:
    """(S, cells) float64 weights of the cells in each sample of a side."""
    places = start * (cells - 1) + np.arange(samples) * (end - start) * (cells - 1) / (samples - 1)
    weights = np.maximum(1 - np.abs(places[:, None] - np.arange(cells)), 0)
    return weights * ((places >= 0) & (places <= cells - 1))[:, None]


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_boxes_teach_the_cells_is_added_up_whole(kernel: str) -> None:
    dice = np.random.default_rng(0)
    shape, samples, count = (2, 12, 16, 8), 7, 60
    corners = dice.integers(-2, 30, (2, count, 2)) / 32
    boxes = np.concatenate([corners, corners + dice.integers(1, 16, (2, count, 2)) / 32], axis=-1).astype("float32")
    boxes[:, ::2] = 0  # as the places of boxes that are not there: all samples on the first cell
    levels = np.full((2, count), 2, "int32")
    levels[:, 5] = 3
    weights = dice.uniform(0, 1, (2, count, samples, samples, shape[3])).astype("float32")
    weights[:, 7] = 0
    expected = np.zeros(shape)
    for picture, place in np.argwhere(levels == 2):
        top, left, bottom, right = boxes[picture, place].astype(float)
        vertical, horizontal = bilinear(top, bottom, shape[1], samples), bilinear(left, right, shape[2], samples)
        expected[picture] += np.einsum("sh,tw,stc->hwc", vertical, horizontal, weights[picture, place])
    found = gradient_of(weights, boxes, levels, shape, kernel)
    assert np.abs(found - expected).max() <= 1e-5 * expected.max()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's own operator")
def test_the_gradient_whose_threads_lose_sums_is_not_taken() -> None:
    """How much is lost hangs on when the threads run, so no number would show it each time."""
    import tensorflow as tf

    @tf.function
    def gradient(level: Any, boxes: Any) -> Any:
        rest = [tf.zeros((1, 2, 2, 3)) for _ in range(3)]
        pooled = roi_align.crop(boxes, tf.ones((1, 5), tf.int32) * 2, [level, *rest], 7, "tensorflow")
        return tf.gradients(tf.reduce_sum(pooled), level)

    graph = gradient.get_concrete_function(tf.TensorSpec((1, 9, 9, 3)), tf.TensorSpec((1, 5, 4))).graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert "CropAndResize" in kinds
    assert "CropAndResizeGradImage" not in kinds
