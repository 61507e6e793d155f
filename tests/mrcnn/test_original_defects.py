"""What went wrong in the original or its ports, one test each; the numbers are those of docs/mask-rcnn.md."""

import datetime
import re
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import ops
from quick_config import QuickConfig
from squares_set import SquaresSet, prepared
from uncompiled import uncompiled

from common.errors import UserError
from mrcnn import examples, parallel_model, run_folders, utils, weights
from mrcnn.fitting import Rounds
from mrcnn.model import DataGenerator, MaskRCNN, data_generator, load_image_gt


@pytest.fixture(scope="module")
def data() -> SquaresSet:
    return prepared(SquaresSet(), 6)


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> MaskRCNN:
    return MaskRCNN("training", QuickConfig(), tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> MaskRCNN:
    keras.utils.set_random_seed(5)
    return MaskRCNN("inference", QuickConfig(), tmp_path_factory.mktemp("logs"))


def losses_of(model: MaskRCNN, data: SquaresSet) -> tuple[float, dict[str, float]]:
    """The total that is optimised, and its five parts."""
    inputs, _ = model.batches(data, None, (), False)[0]
    x = {name: ops.convert_to_tensor(value) for name, value in inputs.items()}
    answers = model.keras_model(x, training=True)
    total = model.keras_model.compute_loss(x=x, y_pred=answers)
    five = model.keras_model.five_losses(x, answers)
    return float(ops.convert_to_numpy(total)), {k: float(ops.convert_to_numpy(v)) for k, v in five.items()}


def test_1_and_2_the_loss_is_the_five_and_the_decay_however_often_one_compiles(
    learner: MaskRCNN, data: SquaresSet
) -> None:
    for _ in range(2):
        learner.set_trainable(".*", verbose=0)
        learner.compile(0.001, 0.9)
    total, five = losses_of(learner, data)
    kernels = [v for v in learner.keras_model.trainable_variables if v.name not in ("gamma", "beta")]
    decay = 1e-4 * sum(np.mean(ops.convert_to_numpy(v.value).astype(float) ** 2) for v in kernels)
    assert total == pytest.approx(sum(five.values()) + decay, rel=1e-4)
    learner.keras_model.objective = type(learner.keras_model.objective)(weight_decay=1e3)
    heavy, five = losses_of(learner, data)
    learner.keras_model.objective = type(learner.keras_model.objective)(weight_decay=1e-4)
    assert heavy == pytest.approx(sum(five.values()) + 1e7 * decay, rel=1e-4)


def test_3_anchors_are_neither_a_weight_nor_in_the_checkpoint(learner: MaskRCNN, tmp_path: Path) -> None:
    assert not [v.path for v in learner.keras_model.weights if "anchors" in v.path]
    weights.save(learner.keras_model, tmp_path / "all.h5")
    with h5py.File(tmp_path / "all.h5") as file:
        assert not len(file["anchors"].attrs["weight_names"])


def test_4_the_gradient_is_clipped_by_its_norm_over_all_variables(learner: MaskRCNN) -> None:
    learner.compile(0.001, 0.9)
    optimizer = learner.keras_model.optimizer
    assert (optimizer.global_clipnorm, optimizer.clipnorm) == (5.0, None)


def test_5_two_gpus_in_the_settings_are_a_batch_of_two(tmp_path: Path, data: SquaresSet) -> None:
    class TwoGpus(QuickConfig):
        GPU_COUNT = 2

    model = MaskRCNN("training", TwoGpus(), tmp_path)
    assert model.batches(data, None, (), False)[0][0]["input_image"].shape[0] == 2
    assert parallel_model.ParallelModel(model.keras_model, 2) is model.keras_model


def test_6_every_picture_comes_once_an_epoch_and_validation_looks_at_the_same_ones(learner: MaskRCNN) -> None:
    data, seen = prepared(SquaresSet(), 5), []
    generator = DataGenerator(data, QuickConfig())
    for _ in range(2):
        seen.append([int(generator[index][0][1][0, 0]) for index in range(len(generator))])
        generator.on_epoch_end()
    # Pictures 2 holds no object and is replaced by its neighbour in the order.
    assert all(set(epoch) == {0, 1, 3, 4} for epoch in seen)
    assert seen[0] != seen[1]
    validation = Rounds(learner.batches(data, None, (), False), 3, from_start=True)
    first, again = ([validation[index][0]["input_image_meta"][0, 0] for index in range(3)] for _ in range(2))
    assert first == again == [0, 1, 3]


def test_7_drawn_boxes_can_stand_for_the_proposals_and_a_regex_reaches_into_the_rpn(
    tmp_path: Path, data: SquaresSet
) -> None:
    class NoProposals(QuickConfig):
        USE_RPN_ROIS = False

    model = MaskRCNN("training", NoProposals(), tmp_path)
    total, five = losses_of(model, data)
    assert np.isfinite(total)
    assert five["mrcnn_mask_loss"] > 0
    model.set_trainable(r"rpn_conv_shared", verbose=0)
    assert {v.path.split("/")[-2] for v in model.keras_model.trainable_variables} == {"rpn_conv_shared"}


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_8_whole_models_are_saved_and_loaded(
    mode: str, learner: MaskRCNN, finder: MaskRCNN, tmp_path: Path, data: SquaresSet
) -> None:
    model = learner if mode == "training" else finder
    model.keras_model.save(tmp_path / "whole.keras")
    again = keras.models.load_model(tmp_path / "whole.keras")
    ours, theirs = (weights.weighted_layers(one) for one in (model.keras_model, again))
    assert list(ours) == list(theirs)
    for name, variables in ours.items():
        for one, other in zip(variables, theirs[name], strict=True):
            np.testing.assert_array_equal(ops.convert_to_numpy(one.value), ops.convert_to_numpy(other.value))
    if mode == "training":
        assert again.objective == model.keras_model.objective
    else:
        inputs = finder._inputs(*finder.mold_inputs([data.load_image(0)])[:2])
        for one, other in zip(finder.keras_model(inputs), again(inputs), strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(one), ops.convert_to_numpy(other), atol=1e-5)


def test_9_all_but_batch_normalisation_is_one_expression(learner: MaskRCNN) -> None:
    learner.set_trainable(r"(?!.*bn).*", verbose=0)
    assert learner.keras_model.trainable_variables
    assert not [v.path for v in learner.keras_model.trainable_variables if v.name in ("gamma", "beta")]


def test_12_any_number_of_pictures_grey_or_with_opacity_goes_in(finder: MaskRCNN) -> None:
    dice = np.random.default_rng(0)
    pictures = [dice.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 60), (64, 64, 4), (90, 30, 3))]
    finder._two_steps = None
    with uncompiled():
        found = finder.detect(pictures)
    assert [result["masks"].shape[:2] for result in found] == [(40, 60), (64, 64), (90, 30)]
    assert all(result["masks"].dtype == bool for result in found)
    finder.keras_model.get_layer("mrcnn_detection").min_confidence = 1.1
    finder._two_steps = None
    with uncompiled():
        nothing = finder.detect(pictures[:1])[0]
    finder.keras_model.get_layer("mrcnn_detection").min_confidence = 0.0
    finder._two_steps = None
    assert (nothing["masks"].shape, nothing["masks"].dtype, nothing["rois"].shape) == ((40, 60, 0), bool, (0, 4))


def test_13_empty_boxes_give_empty_masks_and_borders_are_not_shaved() -> None:
    masks = np.ones((30, 30, 2), bool)
    small = utils.minimize_mask(np.array([[5, 5, 5, 9], [0, 0, 30, 30]]), masks, (8, 8))
    assert small.sum(axis=(0, 1)).tolist() == [0, 64]
    mask = np.full((28, 28), 0.6, np.float32)
    mask[14, 14] = 0  # the original hides its habit where all is one value
    assert utils.unmold_mask(mask, [0, 0, 100, 100], (100, 100, 3))[0].all()
    assert not utils.unmold_mask(mask, [0, 0, 100, 100], (100, 100, 3), border="constant")[0].any()


def test_14_nothing_found_and_arrays_of_thresholds_are_numbers() -> None:
    nothing = (np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros((4, 4, 0), bool))
    truth = (np.array([[0, 0, 2, 2]]), np.array([1]), np.ones((4, 4, 1), bool))
    assert utils.compute_recall(nothing[0], truth[0], 0.5)[0] == 0
    assert utils.compute_ap_range(*truth, *nothing, iou_thresholds=np.array([0.5, 0.7]), verbose=0) == 0


def test_15_empty_folders_full_minutes_and_finished_epochs(
    learner: MaskRCNN, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.datetime(2026, 1, 2, 3, 4, 5)
    first = run_folders.log_folder(tmp_path, "Quick", None, now)
    assert run_folders.claimed(first.folder, first.checkpoint)[0].name == "quick20260102T0304"
    folder, checkpoint = run_folders.claimed(first.folder, first.checkpoint)
    assert folder.name == "quick20260102T030400"
    Path(checkpoint.format(epoch=7)).touch()
    (tmp_path / "quick20270102T0304").mkdir()
    last = run_folders.last_checkpoint(tmp_path, "quick")
    assert run_folders.log_folder(tmp_path, "quick", last, now) == (folder, checkpoint, 7)
    learner.epoch = 3
    assert learner.train(None, None, 0.1, epochs=3, layers="heads") is None
    learner.epoch = 0
    assert "3 of 3 epochs are done; epochs is a total" in caplog.text


def test_16_a_file_of_another_model_is_an_error_and_a_part_is_reported(
    finder: MaskRCNN, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="elsewhere")])
    weights.save(other, tmp_path / "other.h5")
    with pytest.raises(UserError, match="nothing was loaded"):
        finder.load_weights(tmp_path / "other.h5", by_name=True)
    weights.save(finder.keras_model, tmp_path / "own.h5")
    with h5py.File(tmp_path / "own.h5", "a") as file:
        del file["mrcnn_mask"]
        names = [name for name in file.attrs["layer_names"] if name != b"mrcnn_mask"]
        file.attrs["layer_names"] = np.array(names)
    report = finder.load_weights(tmp_path / "own.h5", by_name=True)
    assert report.not_in_file == ["mrcnn_mask"]
    assert "not in file: mrcnn_mask" in caplog.text


def test_finer_masks_are_two_settings(tmp_path: Path, data: SquaresSet) -> None:
    class Finer(QuickConfig):
        MASK_SHAPE = (56, 56)

    with pytest.raises(ValueError, match=r"MASK_SHAPE \(56, 56\) is not twice MASK_POOL_SIZE 14"):
        MaskRCNN("training", Finer(), tmp_path)
    Finer.MASK_POOL_SIZE = 28
    model = MaskRCNN("training", Finer(), tmp_path)
    assert model.keras_model.get_layer("mrcnn_mask").output.shape[1:3] == (56, 56)
    assert np.isfinite(losses_of(model, data)[0])


class Faulty(SquaresSet):
    """Gives what a data set of somebody's first day gives."""

    masks: np.ndarray
    class_ids: Any

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        return self.masks, np.array(self.class_ids)

    def load_image(self, image_id: int) -> np.ndarray:
        return np.zeros((64, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("shape", "class_ids", "message"),
    [
        ((32, 64, 1), [1], "masks of (32, 64, 1) and 1 class ids for a picture of (64, 64)"),
        ((64, 64, 2), [1], "masks of (64, 64, 2) and 1 class ids"),
        ((64, 64), [1], "masks of (64, 64) and 1"),
        ((64, 64, 1), [9], "load_mask gave class 9, the data set has 4"),
    ],
)
def test_masks_that_do_not_fit_are_named(shape: tuple[int, ...], class_ids: list[int], message: str) -> None:
    data = prepared(Faulty(), 1)
    data.masks, data.class_ids = np.ones(shape, bool), class_ids
    with pytest.raises(UserError, match=re.escape(message)):
        load_image_gt(data, QuickConfig(), 0)


def test_every_augmenter_takes_the_masks_along() -> None:
    iaa = pytest.importorskip("common.imgaug_numpy2").load().augmenters
    picture, masks = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80, 11), bool)
    masks[10:30, 10:40, 0] = masks[20:50, 40:70, 10] = True
    picture[masks[..., 0] | masks[..., 10]] = 255
    for augmenter in (
        iaa.Fliplr(1.0),
        iaa.Affine(rotate=20, cval=255),
        iaa.Crop(px=8),
        iaa.Rot90(2),
        iaa.Sequential([iaa.Rotate(10), iaa.TranslateX(px=7), iaa.Add(0)]),
        iaa.ElasticTransformation(alpha=30, sigma=8),
        iaa.PerspectiveTransform(scale=0.05),
    ):
        augmenter.seed_(1)
        changed, moved = examples.augment(picture, masks, augmenter)
        assert (moved.shape, moved.dtype) == (masks.shape, bool)
        assert not moved[..., 1:10].any()
        seen = moved.any(axis=-1)
        assert np.mean(changed[seen, 0] > 127) > 0.95
        assert moved[..., 0].any()
        assert moved[..., 10].any()
    with pytest.raises(ValueError, match="changed the size"):
        examples.augment(picture, masks, iaa.Crop(px=8, keep_size=False))


def test_the_generator_of_the_original_gives_inputs_and_the_heads_targets(data: SquaresSet) -> None:
    inputs, targets = next(
        data_generator(data, QuickConfig(), random_rois=20, batch_size=2, detection_targets=True, shuffle=False)
    )
    assert [part.shape[:2] for part in inputs[5:]] == [(2, 4), (2, 56), (2, 20), (2, 12)]
    assert [part.shape for part in targets] == [(2, 12, 1), (2, 12, 4, 4), (2, 12, 28, 28, 4)]
