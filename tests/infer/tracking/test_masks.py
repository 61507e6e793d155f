import numpy as np
import pytest
import supervision as sv
from moving_squares import FRAME, observations, scene, seen

from common.detections import make_detections
from infer.tracking.crop import Crop, compact, compacted, crop_of, resized, united
from infer.tracking.link import LinkSettings, link

PATH = [(60.0 + 4 * i, 90.0) for i in range(40)]


def disc(centre, radius: float) -> np.ndarray:
    """Return a (360, 640) disc around a centre in proxy pixels; the radius is in display pixels."""
    rows, columns = np.mgrid[: FRAME[0], : FRAME[1]]
    return np.hypot(columns + 0.5 - 2 * centre[0], rows + 0.5 - 2 * centre[1]) <= radius


def with_disc(centre, score: float, dense: bool) -> sv.Detections:
    found, mask = seen((centre, score)), disc(centre, 36)[None]
    masks = mask if dense else sv.CompactMask.from_dense(mask, found.xyxy, FRAME)
    return make_detections(found.xyxy, found.confidence, found.class_id, masks=masks)


def dense_mask(objects) -> np.ndarray:
    masks = objects.detections.mask
    assert len(masks) == 1
    return masks.to_dense()[0]


@pytest.mark.parametrize("dense", [True, False])
def test_the_mask_is_warped_into_gaps_and_extensions(dense):
    found = {i: with_disc(c, 0.9, dense) for i, c in enumerate(PATH) if 5 <= i < 12 or 22 <= i < 30}
    results = list(link(observations(scene(PATH), found), FRAME, LinkSettings(smooth=False)))
    for index, (objects, centre) in enumerate(zip(results, PATH, strict=True)):
        mask, truth = dense_mask(objects), disc(centre, 36)
        share = (mask & truth).sum() / (mask | truth).sum()
        assert share > (0.999 if index in found else 0.78), index


def test_a_mask_is_united_with_its_neighbours_along_the_motion():
    found = {i: with_disc(c, 0.9, True) for i, c in enumerate(PATH)}
    found[20] = make_detections(*_half(found[20]))
    results = list(link(observations(scene(PATH), found), FRAME, LinkSettings()))
    mask, truth = dense_mask(results[20]), disc(PATH[20], 36)
    assert (mask & truth).sum() / truth.sum() > 0.97
    assert mask.sum() < 1.15 * truth.sum()


def _half(found: sv.Detections) -> tuple:
    mask = np.array(found.mask)
    mask[:, 180:] = False
    return found.xyxy, found.confidence, found.class_id, None, None, mask


def test_a_crop_of_a_dense_and_of_a_compact_mask_is_the_same():
    found = with_disc((100.0, 50.0), 0.9, True)
    dense, small = crop_of(found, 0), crop_of(with_disc((100.0, 50.0), 0.9, False), 0)
    assert dense is not None and small is not None
    back = compact([small], FRAME)
    assert (compact([dense], FRAME).to_dense() == back.to_dense()).all()
    assert (back.to_dense()[0] == disc((100.0, 50.0), 36)).all()
    assert crop_of(seen(((1.0, 1.0), 0.5)), 0) is None


def test_dense_masks_become_compact_ones_whatever_their_boxes_say():
    found = with_disc((100.0, 50.0), 0.9, True)
    found.xyxy = found.xyxy + np.array([30, 0, 30, 0], np.float32)  # half beside the mask
    small = compacted(found, FRAME)
    assert isinstance(small.mask, sv.CompactMask)
    assert (small.mask.to_dense() == np.asarray(found.mask)).all()
    assert compacted(small, FRAME) is small


def test_a_crop_changes_its_size_around_the_same_place():
    half = resized(Crop(10, 20, np.ones((8, 12), bool)), np.array([0.5, 0.5]))
    rows, columns = np.nonzero(half.pixels > 0.99)
    assert (columns.min() + half.left, columns.max() + half.left) == (5, 10)
    assert (rows.min() + half.top, rows.max() + half.top) == (10, 13)


def test_a_union_holds_both():
    both = united([Crop(0, 0, np.ones((1, 1), bool)), Crop(2, 1, np.ones((1, 2), bool))])
    assert (both.left, both.top) == (0, 0)
    assert both.pixels.tolist() == [[True, False, False, False], [False, False, True, True]]


def test_a_crop_outside_the_picture_is_cut_at_its_edges():
    masks = compact([Crop(-2, -1, np.ones((3, 4), bool)), Crop(50, 50, np.ones((2, 2), bool))], (4, 4))
    assert masks.to_dense().sum(axis=(1, 2)).tolist() == [4, 0]
