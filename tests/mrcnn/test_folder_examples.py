"""Examples of a dataset folder: as the original's way makes them, and moved with their pictures."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from small_folder import RESIZING, loader, write

from common import imgaug_numpy2
from mrcnn import examples, folder_examples, masks, preprocess
from mrcnn.dataset_folder import FolderDataset
from mrcnn.examples import Example, Resizing
from mrcnn.folder_examples import FolderLoader

WINDOW = (8, 0, 56, 64)  # a picture of 48 x 64 in a square of 64


class Move:
    """Always the same motion; colours as they are."""

    def __init__(self, *matrices: Any) -> None:
        self.matrices, self.drawn = matrices, 0

    def motion(self, dice: np.random.Generator, window: tuple[int, int, int, int]) -> np.ndarray | None:
        assert window == WINDOW
        self.drawn += 1
        matrix = self.matrices[min(self.drawn, len(self.matrices)) - 1]
        return None if matrix is None else np.array(matrix)

    def paint(self, image: np.ndarray, seed: int) -> np.ndarray:
        return image


MIRROR = [[-1.0, 0, 63], [0, 1, 0]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("small") / "set")


def red(example: Example) -> Any:
    strong, weak = example.image[..., 0], example.image[..., 2]
    return np.asarray((strong > 160) & (weak < 60))


def drawn(example: Example) -> Any:
    """All masks as one, (H, W) bool."""
    return np.asarray(masks.expand(example.boxes, example.masks, example.image.shape[:2]).any(axis=-1))


@pytest.mark.parametrize("resizing", [RESIZING, Resizing(128, 128, mini_masks=None)])
def test_without_augmentation_it_is_the_originals_example(folder: Path, resizing: Resizing) -> None:
    dataset = FolderDataset(folder, "train")
    for image_id in range(4):
        fast = FolderLoader(dataset, resizing)(image_id)
        slow = examples.load(dataset, image_id, resizing)
        np.testing.assert_array_equal(fast.image, slow.image)
        np.testing.assert_array_equal(fast.meta, slow.meta)
        np.testing.assert_array_equal(fast.class_ids, slow.class_ids)
        assert np.abs(fast.boxes - slow.boxes).max(initial=0) <= 1  # nearest neighbour shifts by half a pixel
        if len(slow.class_ids):
            assert np.mean(fast.masks == slow.masks) > 0.97


def test_a_flipped_picture_has_flipped_boxes_and_masks(folder: Path) -> None:
    for image_id in (0, 1, 2):
        plain, flipped = loader(folder)(image_id), loader(folder, Move(MIRROR)).seeded(image_id, 1)
        np.testing.assert_array_equal(flipped.image, plain.image[:, ::-1])
        np.testing.assert_array_equal(flipped.boxes, plain.boxes[:, [0, 3, 2, 1]] * [1, -1, 1, -1] + [0, 64, 0, 64])
        np.testing.assert_array_equal(flipped.masks, plain.masks[:, ::-1])


def test_picture_mask_and_box_move_together(folder: Path) -> None:
    angle = np.deg2rad(25)
    turn = 1.2 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([31.5, 31.5])
    moved = loader(folder, Move(np.column_stack([turn, middle - turn @ middle]).tolist())).seeded(0, 1)
    where = drawn(moved)
    np.testing.assert_array_equal(moved.boxes[0], masks.extract_boxes(where[..., None])[0])
    assert np.sum(where & red(moved)) / np.sum(where | red(moved)) > 0.9
    # The same ellipse, worked out: each molded pixel taken back to the stored picture.
    dice = np.random.default_rng(0)
    centre, half = (dice.uniform(14, 34), dice.uniform(16, 48)), (dice.uniform(7, 11), dice.uniform(8, 13))
    rows, columns = np.mgrid[:64, :64]
    back = np.linalg.inv(turn) @ (np.stack([columns.ravel(), rows.ravel()]) - middle[:, None]) + middle[:, None]
    x, y = back.reshape(2, 64, 64)
    exact = ((y - 8 - centre[0]) / half[0]) ** 2 + ((x - centre[1]) / half[1]) ** 2 <= 1
    assert np.sum(where & exact) / np.sum(where | exact) > 0.93
    assert exact.sum() > 200


def test_what_is_moved_is_not_molded_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    molded: list[Any] = []
    place = preprocess.place

    def counted(*args: Any) -> Any:
        molded.append(1)
        return place(*args)

    monkeypatch.setattr(preprocess, "place", counted)
    loader(folder, Move(MIRROR)).seeded(0, 1)
    assert not molded
    loader(folder, Move(None)).seeded(0, 1)
    assert len(molded) == 1


def test_only_where_a_picture_comes_to_lie_is_it_warped() -> None:
    """The same as a warp of everything, but for the coordinates' rounding: OpenCV's are 1/32 of a pixel."""
    dice = np.random.default_rng(0)
    picture = dice.integers(0, 256, (48, 64, 3), np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    for _ in range(40):
        angle, scale = dice.uniform(-0.4, 0.4), dice.uniform(0.3, 2.5)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = np.column_stack([turn, dice.uniform(-60, 130, 2)])
        whole = cv2.warpAffine(picture, matrix, (120, 100), flags=cv2.INTER_LINEAR)
        part = folder_examples._warped(picture, matrix, (100, 120))
        differences = np.abs(whole.astype(int) - part)
        assert differences.max() <= 8
        assert np.mean(differences > 0) < 0.05
    away = folder_examples._warped(picture, np.array([[1.0, 0, 900], [0, 1, 0]]), (100, 120))
    assert away.shape == (100, 120, 3)
    assert not away.any()


def test_a_sliver_neither_teaches_nor_counts_as_background(folder: Path) -> None:
    box = loader(folder)(0).boxes[0]
    shift = -(float(box[3]) - 2)  # two columns of it stay
    stays = [[1.0, 0, shift], [0, 1, 0]]
    example = loader(folder, Move(stays, stays, stays, stays, stays)).seeded(0, 1)
    assert example.class_ids.tolist() == [1]  # a motion that leaves nothing to learn is not used
    both = loader(folder)(1).boxes
    order = np.argsort(both[:, 3])
    shift = -(float(both[order[0], 3]) - 2)
    example = loader(folder, Move([[1.0, 0, shift], [0, 1, 0]])).seeded(1, 1)
    assert sorted(example.class_ids.tolist()) == [-1, 1]


def test_what_loses_every_object_is_drawn_again(folder: Path) -> None:
    away = [[1.0, 0, 500], [0, 1, 0]]
    move = Move(away, away, MIRROR)
    example = loader(folder, move).seeded(0, 1)
    assert move.drawn == 3
    np.testing.assert_array_equal(example.image, loader(folder)(0).image[:, ::-1])
    plain = loader(folder, Move(away)).seeded(0, 1)
    np.testing.assert_array_equal(plain.image, loader(folder)(0).image)


def test_an_imgaug_augmenter_goes_over_whole_masks(folder: Path) -> None:
    augmenters = imgaug_numpy2.load().augmenters
    flipped = loader(folder, augmenters.Fliplr(1.0)).seeded(1, 4)
    plain = loader(folder)(1)
    np.testing.assert_array_equal(flipped.image, plain.image[:, ::-1])
    np.testing.assert_array_equal(flipped.masks, plain.masks[:, ::-1])
    turning = loader(folder, augmenters.Affine(rotate=(-30, 30)))
    np.testing.assert_array_equal(turning.seeded(1, 4).image, turning.seeded(1, 4).image)
    assert (turning.seeded(1, 4).image != turning.seeded(1, 5).image).any()
    away = loader(folder, augmenters.Affine(translate_px=500)).seeded(1, 4)
    np.testing.assert_array_equal(away.image, plain.image)
