import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import nms


def random_boxes(batch: int, count: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    corners = generator.uniform(0, 0.8, (batch, count, 2))
    return np.concatenate([corners, corners + generator.uniform(0, 0.2, (batch, count, 2))], -1).astype("float32")


def plainly(boxes: np.ndarray, threshold: float, limit: int, valid: np.ndarray, groups: np.ndarray) -> list[int]:
    """One box after the other, as anybody would write it."""
    kept: list[int] = []
    for index in np.flatnonzero(valid):
        y1, x1, y2, x2 = boxes[index]
        for other in kept:
            oy1, ox1, oy2, ox2 = boxes[other]
            shared = max(min(y2, oy2) - max(y1, oy1), 0) * max(min(x2, ox2) - max(x1, ox1), 0)
            union = (y2 - y1) * (x2 - x1) + (oy2 - oy1) * (ox2 - ox1) - shared
            if groups[index] == groups[other] and union > 0 and shared / union > threshold:
                break
        else:
            kept.append(int(index))
    return kept[:limit]


def kept(places: object) -> list[list[int]]:
    return [[int(place) for place in row if place >= 0] for row in ops.convert_to_numpy(places)]


@pytest.mark.parametrize("kernel", nms.KERNELS)
def test_the_higher_score_wins_and_neighbours_of_a_removed_box_stay(kernel: str) -> None:
    if kernel == "tensorflow" and keras.backend.backend() != "tensorflow":
        pytest.skip("another backend")
    boxes = ops.convert_to_tensor([[[0, 0, 10, 10], [0, 4, 10, 14], [0, 8, 10, 18], [20, 20, 30, 30]]], "float32")
    assert kept(nms.suppress(boxes, 0.3, 4, kernel=kernel)) == [[0, 2, 3]]
    assert kept(nms.suppress(boxes, 0.3, 2, kernel=kernel)) == [[0, 2]]
    assert kept(nms.suppress(boxes, 0.5, 6, kernel=kernel)) == [[0, 1, 2, 3]]


@pytest.mark.parametrize(("count", "limit", "threshold"), [(40, 40, 0.3), (700, 120, 0.1), (600, 900, 0.5)])
def test_tiles_find_what_the_plain_loop_finds(count: int, limit: int, threshold: float) -> None:
    boxes = random_boxes(2, count, seed=count)
    generator = np.random.default_rng(1)
    valid, groups = generator.random((2, count)) < 0.8, generator.integers(0, 3, (2, count)).astype("int32")
    tensors = [ops.convert_to_tensor(values) for values in (boxes, valid, groups)]
    found = nms.suppress(tensors[0], threshold, limit, tensors[1], tensors[2])
    expected = [
        plainly(*row, valid=v, groups=g)
        for *row, v, g in [  # noqa: RUF100
            (boxes[i], threshold, limit, valid[i], groups[i]) for i in range(2)
        ]
    ]
    assert found.shape == (2, limit)
    assert kept(found) == expected


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="another backend")
@pytest.mark.parametrize(("threshold", "limit"), [(0.3, 200), (0.7, 2000)])
def test_both_kernels_choose_the_same(threshold: float, limit: int) -> None:
    boxes = ops.convert_to_tensor(random_boxes(2, 3000, seed=7))
    portable, native = (nms.suppress(boxes, threshold, limit, kernel=name) for name in ("portable", "tensorflow"))
    assert kept(portable) == kept(native)


def test_unknown_or_unable_kernels_are_named() -> None:
    boxes = ops.zeros((1, 3, 4))
    with pytest.raises(ValueError, match="no NMS kernel 'fast'"):
        nms.suppress(boxes, 0.5, 3, kernel="fast")
    with pytest.raises(ValueError, match="neither valid nor groups"):
        nms.suppress(boxes, 0.5, 3, valid=ops.ones((1, 3), "bool"), kernel="tensorflow")
