"""The model as the original's code uses it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mrcnn_goldens import share_found, stored, unpacked
from quick_config import QuickConfig
from squares_set import SquaresSet, prepared
from uncompiled import uncompiled

from common.errors import UserError
from mrcnn import run_folders
from mrcnn.config import Config
from mrcnn.model import MaskRCNN


class GoldenConfig(Config):
    NAME, BACKBONE, NUM_CLASSES = "golden", "resnet50", 1 + 3
    IMAGES_PER_GPU = 2
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 256
    RESIZE_BORDER = "constant"


@pytest.fixture(autouse=True, scope="module")
def not_compiled() -> Iterator[None]:
    """What compiling gives is compared with the original's numbers in `test_inference`."""
    with uncompiled():
        yield


@pytest.fixture(scope="module")
def model(small_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> MaskRCNN:
    built = MaskRCNN("inference", GoldenConfig(), tmp_path_factory.mktemp("logs"))
    report = built.load_weights(small_weights, by_name=True)
    assert (len(report.loaded), report.arrays) == (131, 384)
    return built


def photo(number: int) -> np.ndarray:
    return stored(f"small_infer_{number}")["image"]


def assert_golden(found: dict[str, np.ndarray], golden: dict[str, np.ndarray], prefix: str) -> None:
    ours = tuple(found[name] for name in ("rois", "scores", "class_ids"))
    theirs = tuple(golden[f"{prefix}{name}"] for name in ("rois", "scores", "class_ids"))
    assert min(share_found(*ours, theirs), share_found(*theirs, ours)) >= 0.97
    masks = unpacked(golden, f"{prefix}masks")
    for index, box in enumerate(found["rois"]):
        other = int(np.abs(theirs[0] - box).max(axis=1).argmin())
        if np.abs(theirs[0][other] - box).max() <= 2 and theirs[2][other] == found["class_ids"][index]:
            first, second = found["masks"][..., index], masks[..., other]
            assert (first & second).sum() >= 0.98 * (first | second).sum()


@pytest.mark.shared
def test_three_pictures_of_two_sizes_give_three_results(model: MaskRCNN) -> None:
    found = model.detect([photo(0), photo(1), photo(0)])
    for number, result in zip((0, 1, 0), found, strict=True):
        assert_golden(result, stored(f"small_infer_{number}"), "result_")
    assert found[0]["rois"].dtype == np.int32
    assert found[0]["scores"].dtype == np.float32
    assert found[0]["masks"].dtype == bool


@pytest.mark.shared
def test_grey_and_transparent_pictures_and_pictures_of_nothing_are_no_errors(model: MaskRCNN) -> None:
    grey, opaque = photo(0)[..., 1], np.dstack([photo(0), np.full(photo(0).shape[:2], 255, np.uint8)])
    of_grey, of_opaque = model.detect([grey, opaque])
    assert len(of_grey["rois"])
    assert_golden(of_opaque, stored("small_infer_0"), "result_")
    nothing = model.detect([])
    assert nothing == []


@pytest.mark.shared
def test_inner_tensors_can_be_asked_for(model: MaskRCNN) -> None:
    tensors = [(name, model.ancestor(None, name)) for name in ("fpn_p5", "ROI")]
    found = model.run_graph([photo(0)], tensors)
    assert {name: value.shape for name, value in found.items()} == {"fpn_p5": (1, 8, 8, 256), "ROI": (1, 1000, 4)}
    np.testing.assert_allclose(found["fpn_p5"][0], stored("small_infer_0")["P5"], atol=0.01)


@pytest.mark.shared
def test_anchors_come_normalised_and_stay_in_pixels(model: MaskRCNN) -> None:
    golden = stored("anchors_256")
    np.testing.assert_array_equal(model.get_anchors((256, 256, 3)), golden["anchors_norm"])
    np.testing.assert_array_equal(model.anchors, golden["anchors_px"])


@pytest.mark.shared
def test_fewer_detections_without_a_least_confidence(small_weights: Path, tmp_path: Path) -> None:
    class Few(GoldenConfig):
        DETECTION_MIN_CONFIDENCE, DETECTION_MAX_INSTANCES = 0, 35

    model = MaskRCNN("inference", Few(), tmp_path)
    model.load_weights(small_weights)
    assert_golden(model.detect([photo(0)])[0], stored("small_infer_variants"), "minconf0_max35_0_")


def test_a_missing_weight_file_and_a_wrong_mode_are_clear(tmp_path: Path) -> None:
    class Odd(GoldenConfig):
        IMAGE_MAX_DIM = 200

    with pytest.raises(ValueError, match="no mode 'predict'"):
        MaskRCNN("predict", GoldenConfig(), tmp_path)
    with pytest.raises(ValueError, match="do not halve six times"):
        MaskRCNN("inference", Odd(), tmp_path)
    model = MaskRCNN("inference", QuickConfig(), tmp_path)
    with pytest.raises(UserError, match="no such weight file"):
        model.load_weights(tmp_path / "none.h5")
    with pytest.raises(ValueError, match="needs a model in mode 'training'"):
        model.train(None, None, 0.1, 1, "heads")


def test_checkpoints_are_found_where_the_original_puts_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoint of 'golden'"):
        run_folders.last_checkpoint(tmp_path, "golden")
    for name in ("golden20200101T1000/mask_rcnn_golden_0003.h5", "golden20210101T1000/mask_rcnn_golden_0007.h5"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "golden20220101T1000").mkdir()
    last = run_folders.last_checkpoint(tmp_path, "Golden")
    assert last == tmp_path / "golden20210101T1000" / "mask_rcnn_golden_0007.h5"
    folder = run_folders.log_folder(tmp_path, "golden", last, now=None)  # type: ignore[arg-type]
    assert (folder.folder, folder.epoch) == (last.parent, 7)
    assert folder.checkpoint.format(epoch=8) == str(last.parent / "mask_rcnn_golden_0008.h5")


class Shapes(GoldenConfig):
    """Small enough to learn in a test."""

    NAME, NUM_CLASSES, IMAGES_PER_GPU = "shapes", 2, 1
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TOP_DOWN_PYRAMID_SIZE, FPN_CLASSIF_FC_LAYERS_SIZE = 32, 32
    TRAIN_ROIS_PER_IMAGE, POST_NMS_ROIS_TRAINING, POST_NMS_ROIS_INFERENCE = 16, 50, 20
    STEPS_PER_EPOCH, VALIDATION_STEPS = 2, 1
    SEED = 1


@pytest.mark.slow
def test_training_in_two_stages_counts_epochs_and_leaves_checkpoints(tmp_path: Path) -> None:
    data = prepared(SquaresSet(), 4, 1)
    model = MaskRCNN("training", Shapes(), tmp_path)
    trunk = [v for v in model.keras_model.weights if v.path.startswith("res2a")]
    before = [variable.numpy() for variable in trunk]
    history = model.train(data, data, learning_rate=0.001, epochs=1, layers="heads")
    for variable, value in zip(trunk, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    logs = history.history
    assert set(logs) == {f"{part}{name}" for part in ("", "val_") for name in ("loss", *Shapes.LOSS_WEIGHTS)}
    summed = sum(logs[name][0] for name in Shapes.LOSS_WEIGHTS)
    assert summed <= logs["loss"][0] <= summed * 1.2
    assert model.train(data, data, learning_rate=0.001, epochs=1, layers="all") is None
    second = model.train(data, data, learning_rate=0.001, epochs=2, layers="all")
    logs = second.history
    summed = sum(logs[name][0] for name in Shapes.LOSS_WEIGHTS)
    assert summed <= logs["loss"][0] <= summed * 1.2  # the second compilation does not add the losses again
    assert any(np.any(v.numpy() != b) for v, b in zip(trunk, before, strict=True))
    assert model.find_last().endswith("mask_rcnn_shapes_0002.h5")
    again = MaskRCNN("inference", Shapes(), tmp_path)
    again.load_weights(again.find_last())
    assert again.epoch == 2
    assert len(again.detect([data.load_image(0)])) == 1
