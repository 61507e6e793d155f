import numpy as np
import pytest
from mrcnn_goldens import stored

from mrcnn import anchors

SCALES, RATIOS, STRIDES = (32, 64, 128, 256, 512), (0.5, 1, 2), (4, 8, 16, 32, 64)


def test_one_cell_has_one_anchor_per_ratio_of_equal_area() -> None:
    laid = anchors.level_anchors([32], [0.25, 1, 4], (1, 1), 16)
    assert laid.tolist() == [[-32, -8, 32, 8], [-16, -16, 16, 16], [-8, -32, 8, 32]]


def test_cells_run_in_rows_and_anchor_stride_skips_cells() -> None:
    centres = anchors.level_anchors([2], [1], (3, 4), 10)[:, :2] + 1
    assert centres.tolist() == [[y, x] for y in (0, 10, 20) for x in (0, 10, 20, 30)]
    centres = anchors.level_anchors([2], [1], (3, 4), 10, anchor_stride=2)[:, :2] + 1
    assert centres.tolist() == [[y, x] for y in (0, 20) for x in (0, 20)]


def test_levels_round_up_for_odd_sizes() -> None:
    assert anchors.feature_shapes((320, 200), STRIDES).tolist() == [[80, 50], [40, 25], [20, 13], [10, 7], [5, 4]]


def test_normalized_anchors_are_computed_once_and_cannot_be_changed() -> None:
    first = anchors.normalized_anchors((64, 128), SCALES, RATIOS, STRIDES)
    assert anchors.normalized_anchors((64, 128), SCALES, RATIOS, STRIDES) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


@pytest.mark.shared
def test_anchors_equal_the_originals() -> None:
    golden, parts = stored("anchors_256"), stored("utils")
    shapes = anchors.feature_shapes((256, 256), STRIDES)
    np.testing.assert_array_equal(anchors.pyramid_anchors(SCALES, RATIOS, shapes, STRIDES), golden["anchors_px"])
    np.testing.assert_array_equal(
        anchors.normalized_anchors((256, 256), SCALES, RATIOS, STRIDES), golden["anchors_norm"]
    )
    for case in range(3):
        given = {name: parts[f"generate_pyramid_anchors.{case}.{name}"] for name in ("scales", "ratios", "strides")}
        ours = anchors.pyramid_anchors(
            **given,
            shapes=parts[f"generate_pyramid_anchors.{case}.feature_shapes"],
            anchor_stride=int(parts[f"generate_pyramid_anchors.{case}.anchor_stride"]),
        )
        np.testing.assert_allclose(ours, parts[f"generate_pyramid_anchors.{case}.out"], rtol=0, atol=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("size", [(256, 256), (448, 640), (1024, 1024), (320, 200)])
def test_feature_shapes_equal_the_originals(size: tuple[int, int]) -> None:
    golden = stored("utils")[f"compute_backbone_shapes.{size[0]}x{size[1]}.out"]
    np.testing.assert_array_equal(anchors.feature_shapes(size, STRIDES), golden)
