"""The whole network beside the original's numbers: every intermediate, then the detections as sets."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from mrcnn_goldens import relative, share_found, stored, unpacked

from mrcnn import anchors, image_meta, postprocess, preprocess

pytestmark = pytest.mark.shared

CONTINUOUS = 1e-4  # before any decision, and after one that is given
STAGES = {"C2": "res2c_out", "C3": "res3d_out", "C4": "res4f_out", "C5": "res5c_out"}
LEVELS = {f"P{level}": f"fpn_p{level}" for level in (2, 3, 4, 5, 6)}
OUTPUTS = ("detections", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask", "rpn_rois", "rpn_class", "rpn_bbox")
MEAN = (123.7, 116.8, 103.9)


def own_anchors(size: tuple[int, int]) -> np.ndarray:
    return anchors.normalized_anchors(size, (32, 64, 128, 256, 512), (0.5, 1, 2), (4, 8, 16, 32, 64))


def run(model: keras.Model, molded: np.ndarray, meta: np.ndarray) -> list[np.ndarray]:
    rows = np.broadcast_to(own_anchors(molded.shape[1:3]), (len(molded), *own_anchors(molded.shape[1:3]).shape))
    return model.predict_on_batch([molded.astype("float32"), meta.astype("float32"), rows])


@pytest.fixture(scope="module")
def answers(small_network: keras.Model) -> list[dict[str, np.ndarray]]:
    """Every intermediate and output for the two golden photographs, which go through as one batch."""
    names = {**STAGES, **LEVELS}
    inner = [small_network.get_layer(layer).output for layer in names.values()]
    model = keras.Model(small_network.inputs, inner + small_network.outputs)
    photos = [stored(f"small_infer_{photo}") for photo in (0, 1)]
    values = run(model, *(np.stack([photo[name] for photo in photos]) for name in ("molded", "image_meta")))
    named = dict(zip([*names, *OUTPUTS], values, strict=True))
    return [{name: value[photo] for name, value in named.items()} for photo in (0, 1)]


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


@pytest.mark.parametrize("photo", [0, 1])
def test_the_heads_follow_given_proposals_and_detections(small_network: keras.Model, photo: int) -> None:
    golden = stored(f"small_infer_{photo}")
    layers = ("input_image", "input_image_meta", "ROI", "detection_boxes")
    names = ("mrcnn_class", "mrcnn_bbox", "mrcnn_mask")
    heads = keras.Model(
        [small_network.get_layer(name).output for name in layers],
        [small_network.get_layer(name).output for name in (*names[:2], "mrcnn_mask_split")],
    )
    given = (golden["molded"], golden["image_meta"], golden["rpn_rois"], golden["detections"][:, :4])
    answers = heads.predict_on_batch([values[None].astype("float32") for values in given])
    for name, value in zip(names, answers, strict=True):
        assert relative(value[0], golden[name]) <= CONTINUOUS, name


def test_pad64_finds_what_the_original_found(small_network: keras.Model) -> None:
    golden = stored("small_infer_variants")
    for photo in (0, 1):
        image = stored(f"small_infer_{photo}")["image"]
        molded, placement = preprocess.resize_image(image, 256, 256, mode="pad64", border="constant")
        assert placement.window == tuple(golden[f"pad64_{photo}_window"])
        meta = image_meta.compose(0, image.shape, molded.shape, placement.window, placement.scale, [0, 0, 0, 0])
        np.testing.assert_allclose(meta, golden[f"pad64_{photo}_meta"])
        detections, _, _, masks, *_ = run(small_network, preprocess.subtract_mean(molded, MEAN)[None], meta[None])
        assert_same_objects(detections[0], masks[0], meta, golden, f"pad64_{photo}_")


def test_any_number_of_pictures_goes_through(answers: list[dict[str, np.ndarray]]) -> None:
    golden = stored("small_infer_variants")
    for photo in (0, 1):
        meta = stored(f"small_infer_{photo}")["image_meta"]
        ours = answers[photo]
        assert_same_objects(ours["detections"], ours["mrcnn_mask"], meta, golden, f"batch2_{photo}_")
