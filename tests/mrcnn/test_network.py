"""The whole network beside the original's numbers: every intermediate, then the detections as sets."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from mrcnn_goldens import LEVELS, STAGES, own_anchors, relative, share_found, stored, unpacked

from mrcnn import image_meta, postprocess, preprocess

pytestmark = pytest.mark.shared

CONTINUOUS = 1e-4  # before any decision, and after one that is given
MEAN = (123.7, 116.8, 103.9)


@pytest.mark.parametrize("photo", [0, 1])
def test_features_equal_the_originals(answers: list[dict[str, np.ndarray]], photo: int) -> None:
    golden = stored(f"small_infer_{photo}")
    for name in (*STAGES, *LEVELS):
        ours = answers[photo][name]
        stats = np.stack([ours.mean((0, 1)), ours.std((0, 1)), np.abs(ours).max((0, 1))])
        assert relative(stats, golden[f"stats_{name}"]) <= CONTINUOUS, name
        if name in golden:
            half = 2.0**-11 if golden[name].dtype == np.float16 else 0.0  # rounding of the stored value itself
            assert relative(ours, golden[name]) <= CONTINUOUS + half, name


@pytest.mark.parametrize("photo", [0, 1])
def test_the_answer_to_every_anchor_equals_the_originals(answers: list[dict[str, np.ndarray]], photo: int) -> None:
    golden = stored(f"small_infer_{photo}")
    for name in ("rpn_class", "rpn_bbox"):
        assert relative(answers[photo][name], golden[name]) <= CONTINUOUS, name


@pytest.mark.parametrize("photo", [0, 1])
def test_most_proposals_are_the_originals(answers: list[dict[str, np.ndarray]], photo: int) -> None:
    near = np.abs(answers[photo]["rpn_rois"][:, None] - stored(f"small_infer_{photo}")["rpn_rois"][None]) <= 1 / 256
    found = near.all(axis=-1)
    assert min(found.any(axis=0).mean(), found.any(axis=1).mean()) >= 0.97


@pytest.mark.parametrize("photo", [0, 1])
def test_detections_are_the_originals(answers: list[dict[str, np.ndarray]], photo: int) -> None:
    golden, ours = stored(f"small_infer_{photo}"), answers[photo]
    assert_same_objects(ours["detections"], ours["mrcnn_mask"], golden["image_meta"], golden, "result_")


def assert_same_objects(
    detections: np.ndarray, masks: np.ndarray, meta: np.ndarray, golden: dict[str, np.ndarray], prefix: str
) -> None:
    """97 % of the objects found in both directions, their masks overlapping by 0.98."""
    fields = {name: value[0] for name, value in image_meta.parse(meta[None].astype(int)).items()}
    size, molded = (tuple(int(side) for side in fields[key][:2]) for key in ("original_image_shape", "image_shape"))
    boxes, places = postprocess.boxes_in_picture(detections, fields["window"], molded, size)
    class_ids, scores = detections[places, 4].astype(int), detections[places, 5]
    theirs = tuple(golden[f"{prefix}{name}"] for name in ("rois", "scores", "class_ids"))
    assert share_found(boxes, scores, class_ids, theirs) >= 0.97
    assert share_found(*theirs, (boxes, scores, class_ids)) >= 0.97
    full = postprocess.full_masks(postprocess.own_masks(masks, class_ids, places), boxes, size, "constant")
    golden_masks = unpacked(golden, f"{prefix}masks")
    overlaps = list(matched_overlaps(full, boxes, class_ids, golden_masks, theirs))
    assert min(overlaps) >= 0.98


def matched_overlaps(full, boxes, class_ids, golden_masks, theirs) -> Iterator[float]:
    for index, (box, class_id) in enumerate(zip(boxes, class_ids, strict=True)):
        distance = np.abs(theirs[0] - box).max(axis=1) + 1000 * (theirs[2] != class_id)
        other = int(distance.argmin())
        if distance[other] <= 2:
            shared = (full[..., index] & golden_masks[..., other]).sum()
            union = (full[..., index] | golden_masks[..., other]).sum()
            yield shared / union if union else 1.0


HEADS = ("mrcnn_class", "mrcnn_bbox", "mrcnn_mask")


@pytest.fixture(scope="module")
def heads(small_network: keras.Model) -> keras.Model:
    """From pictures, meta, proposals and detections to what the heads answer."""
    layers = ("input_image", "input_image_meta", "ROI", "detection_boxes")
    return keras.Model(
        [small_network.get_layer(name).output for name in layers],
        [small_network.get_layer(name).output for name in (*HEADS[:2], "mrcnn_mask_split")],
    )


@pytest.mark.parametrize("photo", [0, 1])
def test_the_heads_follow_given_proposals_and_detections(heads: keras.Model, photo: int) -> None:
    golden = stored(f"small_infer_{photo}")
    given = (golden["molded"], golden["image_meta"], golden["rpn_rois"], golden["detections"][:, :4])
    answers = heads.predict_on_batch([values[None].astype("float32") for values in given])
    for name, value in zip(HEADS, answers, strict=True):
        assert relative(value[0], golden[name]) <= CONTINUOUS, name


def test_pad64_finds_what_the_original_found(small_network: keras.Model) -> None:
    golden = stored("small_infer_variants")
    for photo in (0, 1):
        image = stored(f"small_infer_{photo}")["image"]
        molded, placement = preprocess.resize_image(image, 256, 256, mode="pad64", border="constant")
        assert placement.window == tuple(golden[f"pad64_{photo}_window"])
        meta = image_meta.compose(0, image.shape, molded.shape, placement.window, placement.scale, [0, 0, 0, 0])
        np.testing.assert_allclose(meta, golden[f"pad64_{photo}_meta"])
        given = preprocess.subtract_mean(molded, MEAN)[None], meta[None], own_anchors(molded.shape[:2])[None]
        # Not compiled, which takes longer than a picture; `answers` are.
        answers = small_network([values.astype("float32") for values in given])
        detections, masks = (keras.ops.convert_to_numpy(answers[place]) for place in (0, 3))
        assert_same_objects(detections[0], masks[0], meta, golden, f"pad64_{photo}_")


def test_any_number_of_pictures_goes_through(answers: list[dict[str, np.ndarray]]) -> None:
    golden = stored("small_infer_variants")
    for photo in (0, 1):
        meta = stored(f"small_infer_{photo}")["image_meta"]
        ours = answers[photo]
        assert_same_objects(ours["detections"], ours["mrcnn_mask"], meta, golden, f"batch2_{photo}_")
