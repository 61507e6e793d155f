import numpy as np
import pytest
from keras import ops
from mrcnn_goldens import stored

from mrcnn import boxes


def test_deltas_move_by_parts_of_the_size_and_stretch_by_exponents() -> None:
    moved = boxes.apply_deltas(np.array([[10.0, 20, 30, 60]]), np.array([[0.5, -0.25, np.log(2), 0]]))
    np.testing.assert_allclose(moved, [[10, 10, 50, 50]])


def test_find_deltas_is_the_inverse_of_apply_deltas() -> None:
    first, second = np.array([[10.0, 20, 30, 60]]), np.array([[12.0, 3, 19, 77]])
    np.testing.assert_allclose(boxes.apply_deltas(first, boxes.find_deltas(first, second)), second)


def test_overlap_of_halves_is_a_third_and_of_empty_boxes_zero() -> None:
    found = boxes.overlaps(np.array([[0, 0, 2, 2], [5, 5, 5, 5]]), np.array([[0, 1, 2, 3], [5, 5, 5, 5]]))
    np.testing.assert_allclose(found, [[1 / 3, 0], [0, 0]])


def test_far_corner_moves_in_by_one_pixel_and_back() -> None:
    normalized = boxes.normalize(np.array([[0, 0, 101, 51]]), (101, 51))
    np.testing.assert_allclose(normalized, [[0, 0, 1, 1]])
    assert boxes.denormalize(normalized, (101, 51)).tolist() == [[0, 0, 101, 51]]


def test_tensors_and_arrays_go_through_the_same_code() -> None:
    generator = np.random.default_rng(0)
    corners = generator.uniform(0, 0.5, (2, 7, 2))
    given = np.concatenate([corners, corners + generator.uniform(0.1, 0.5, (2, 7, 2))], axis=-1).astype("float32")
    deltas = generator.normal(0, 0.1, (2, 7, 4)).astype("float32")
    window = np.array([0.1, 0.2, 0.8, 0.9], "float32")
    for function, second in (
        (boxes.apply_deltas, deltas),
        (boxes.find_deltas, given[:, ::-1]),
        (boxes.overlaps, given[:, :3]),
        (boxes.clip, window),
    ):
        tensors = function(ops.convert_to_tensor(given), ops.convert_to_tensor(second.copy()))
        np.testing.assert_allclose(ops.convert_to_numpy(tensors), function(given, second), atol=1e-6)


@pytest.mark.shared
def test_box_functions_equal_the_originals() -> None:
    parts = stored("utils")

    def part(name: str) -> np.ndarray:
        return parts[name]

    for out in ("out", "np_out"):
        moved = boxes.apply_deltas(part("apply_box_deltas_graph.0.boxes"), part("apply_box_deltas_graph.0.deltas"))
        np.testing.assert_allclose(moved, part(f"apply_box_deltas_graph.0.{out}"), rtol=1e-5, atol=1e-5)
    clipped = boxes.clip(part("clip_boxes_graph.0.boxes"), part("clip_boxes_graph.0.window"))
    np.testing.assert_array_equal(clipped, part("clip_boxes_graph.0.out"))
    overlaps = boxes.overlaps(part("compute_overlaps.0.boxes1"), part("compute_overlaps.0.boxes2"))
    np.testing.assert_allclose(overlaps, part("compute_overlaps.0.out"), rtol=1e-5)
    overlaps = boxes.overlaps(part("overlaps_graph.0.boxes1"), part("overlaps_graph.0.boxes2"))
    np.testing.assert_allclose(overlaps, part("overlaps_graph.0.out"), rtol=1e-5, atol=1e-7)
    deltas = boxes.find_deltas(part("box_refinement.0.box"), part("box_refinement.0.gt_box"))
    np.testing.assert_allclose(deltas, part("box_refinement.0.out"), rtol=1e-5, atol=1e-6)
    normalized = boxes.normalize(part("norm_boxes.0.boxes"), tuple(part("norm_boxes.0.shape")))
    np.testing.assert_array_equal(normalized, part("norm_boxes.0.out"))
    for case in (0, 1):
        given, size = part(f"denorm_boxes.{case}.boxes"), tuple(part(f"denorm_boxes.{case}.shape"))
        np.testing.assert_array_equal(boxes.denormalize(given, size), part(f"denorm_boxes.{case}.out"))


@pytest.mark.shared
def test_boxes_are_normalized_alike_inside_the_network() -> None:
    parts = stored("utils")
    size = parts["norm_boxes.0.shape"].astype("float32")
    given = parts["norm_boxes.0.boxes"].astype("float32")
    ours = boxes.normalize_tensor(ops.convert_to_tensor(given), ops.convert_to_tensor(size))
    np.testing.assert_allclose(ops.convert_to_numpy(ours), parts["norm_boxes_graph.0.out"], atol=1e-6)
