"""Lines that code written for the original holds, as they stand there."""

import threading
from pathlib import Path

import keras
import matplotlib
import numpy as np
import pytest
from quick_config import QuickConfig
from squares_set import SquaresSet, prepared

import mrcnn.model as modellib
from common.errors import UserError
from mrcnn import utils, visualize, weights

matplotlib.use("Agg")
NAMES = ["BG", "a", "b", "c"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> modellib.MaskRCNN:
    keras.utils.set_random_seed(5)
    model = modellib.MaskRCNN(mode="inference", model_dir=str(tmp_path_factory.mktemp("logs")), config=QuickConfig())
    weights.save(model.keras_model, Path(model.model_dir) / "first.h5")
    return model


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_a_result_goes_to_the_drawing_functions(model: modellib.MaskRCNN, image: np.ndarray) -> None:
    r = model.detect([image], verbose=1)[0]
    assert len(r["rois"])
    visualize.display_instances(image, r["rois"], r["masks"], r["class_ids"], NAMES, r["scores"])
    visualize.display_top_masks(image, r["masks"], r["class_ids"], NAMES)
    for i in range(r["rois"].shape[0]):
        y1, x1, y2, x2 = r["rois"][i]
        frame = visualize.apply_mask(image.copy(), r["masks"][:, :, i], (0.1, 0.5, 0.9))
        frame = visualize.draw_box(frame, [y1, x1, y2 - 2, x2 - 2], [255, 0, 0])
    assert (frame != image).any()


def test_a_video_frame_back_to_front_a_stack_and_a_molded_picture_go_in(
    model: modellib.MaskRCNN, image: np.ndarray
) -> None:
    frame = np.dstack([image, image[..., :1]])[..., 2::-1]  # a view with negative strides, as image[..., ::-1] is
    assert len(model.detect([frame])) == 1
    assert len(model.detect(np.stack([image, image]))) == 2
    sample = np.expand_dims(modellib.mold_image(image, model.config), 0)
    assert len(model.detect(sample, verbose=0)[0]["rois"])
    molded, metas, windows = model.mold_inputs([image])
    assert model.detect_molded(molded, metas)[0]["masks"].shape[:2] == (64, 64)
    assert windows.tolist() == [[0, 0, 64, 64]]


def test_threads_of_a_server_share_a_model(model: modellib.MaskRCNN, image: np.ndarray) -> None:
    model.keras_model._make_predict_function()
    pictures = [np.roll(image, 9 * turn, axis=1) for turn in range(4)]
    expected = [model.detect([picture])[0] for picture in pictures]
    model._two_steps = None  # the threads come first
    found: dict[int, dict] = {}

    def serve(number: int) -> None:
        found[number] = model.detect([pictures[number]])[0]

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, result in found.items():
        for name, value in expected[number].items():
            np.testing.assert_array_equal(result[name], value)
    assert len(found) == 4


def test_a_cleared_session_leaves_the_model_and_room_for_another(model: modellib.MaskRCNN, image: np.ndarray) -> None:
    before = model.detect([image])[0]["rois"]
    keras.backend.clear_session()
    np.testing.assert_array_equal(model.detect([image])[0]["rois"], before)


def test_weights_of_other_classes_say_what_to_leave_out(model: modellib.MaskRCNN, tmp_path: Path) -> None:
    class More(QuickConfig):
        NUM_CLASSES = 1 + 7

    other, path = modellib.MaskRCNN("inference", More(), tmp_path), Path(model.model_dir) / "first.h5"
    with pytest.raises(UserError, match=r"mrcnn_bbox_fc.*Another number of classes\? Exclude these"):
        other.load_weights(str(path), by_name=True)
    heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
    report = other.load_weights(str(path), by_name=True, exclude=heads)
    assert sorted(report.excluded) == ["mrcnn_bbox_fc", "mrcnn_class_logits", "mrcnn_mask"]


def test_a_pictures_truth_and_result_give_its_average_precision(model: modellib.MaskRCNN) -> None:
    dataset = prepared(SquaresSet(), 2)
    image, image_meta, class_id, bbox, mask = modellib.load_image_gt(dataset, model.config, 0, use_mini_mask=False)
    assert modellib.parse_image_meta(image_meta[None])["image_id"].tolist() == [0]
    r = model.detect([image], verbose=0)[0]
    given = (bbox, class_id, mask, r["rois"], r["class_ids"], r["scores"], r["masks"])
    AP, precisions, recalls, overlaps = utils.compute_ap(*given)
    assert 0 <= utils.compute_ap_range(*given, verbose=0) <= 1
    visualize.plot_precision_recall(AP, precisions, recalls)
    visualize.plot_overlaps(class_id, r["class_ids"], r["scores"], overlaps, NAMES)
    visualize.display_differences(
        image, bbox, class_id, mask, r["rois"], r["class_ids"], r["scores"], r["masks"], NAMES
    )


def test_a_notebook_looks_into_the_network(model: modellib.MaskRCNN, image: np.ndarray) -> None:
    pillar = model.keras_model.get_layer("ROI").output
    nms_node = model.ancestor(pillar, "ROI/rpn_non_max_suppression:0")
    rpn = model.run_graph(
        [image],
        [
            ("rpn_class", model.keras_model.get_layer("rpn_class").output),
            ("pre_nms_anchors", model.ancestor(pillar, "ROI/pre_nms_anchors:0")),
            ("refined_anchors", model.ancestor(pillar, "ROI/refined_anchors:0")),
            ("refined_anchors_clipped", model.ancestor(pillar, "ROI/refined_anchors_clipped:0")),
            ("post_nms_anchor_ix", nms_node),
            ("proposals", model.keras_model.get_layer("ROI").output),
        ],
    )
    best = np.argsort(-rpn["rpn_class"][0, :, 1], kind="stable")[: len(rpn["pre_nms_anchors"][0])]
    anchors = model.get_anchors(image.shape)
    np.testing.assert_allclose(rpn["pre_nms_anchors"][0, :10], anchors[best[:10]], atol=1e-6)
    ixs = rpn["post_nms_anchor_ix"]
    kept = rpn["proposals"][0].any(axis=1)
    np.testing.assert_allclose(rpn["refined_anchors_clipped"][0][ixs][kept], rpn["proposals"][0][kept], atol=1e-6)
    assert utils.denorm_boxes(rpn["refined_anchors"][0], image.shape[:2]).dtype == np.int32
    visualize.draw_boxes(image, boxes=model.anchors[:5], refined_boxes=rpn["proposals"][0][:5] * 64)
    found = model.run_graph([image], [("detections", model.keras_model.get_layer("mrcnn_detection").output)])
    assert found["detections"].shape == (1, 8, 6)
    with pytest.raises(ValueError, match="no tensor for inner"):
        model.run_graph([image], [("inner", model.ancestor(pillar, "ROI/elsewhere:0"))])
