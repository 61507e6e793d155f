"""Recipes draw what they promise, from the seed alone; an augmenter of one's own is loaded by name."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_folder import loader, write

from common import imgaug_numpy2
from common.errors import UserError
from mrcnn import masks
from train.augmentation import NAMES, RECIPES, Recipe, find_augmentation

WINDOW = (8, 0, 56, 64)
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("small") / "set")


def test_a_mirror_swaps_the_sides_of_the_window() -> None:
    matrix = Recipe(flip=1.0).motion(np.random.default_rng(0), WINDOW)
    assert matrix is not None
    np.testing.assert_allclose(matrix @ [0, 8, 1], [63, 8])
    np.testing.assert_allclose(matrix @ [63, 55, 1], [0, 55])
    assert Recipe().motion(np.random.default_rng(0), WINDOW) is None


@pytest.mark.parametrize("name", ["standard", "heavy"])
def test_motions_stay_within_the_recipe(name: str) -> None:
    recipe, dice, mirrored = RECIPES[name], np.random.default_rng(0), 0
    scales, turns, shifts = [], [], []
    for _ in range(400):
        matrix = recipe.motion(dice, WINDOW)
        assert matrix is not None
        determinant = np.linalg.det(matrix[:, :2])
        mirrored += determinant < 0
        scales.append(abs(determinant) ** 0.5)
        turns.append(np.rad2deg(np.arctan2(matrix[0, 1], matrix[1, 1])))
        shifts.append((matrix @ [31.5, 31.5, 1] - 31.5) / [64, 48])
    assert 160 < mirrored < 240
    for drawn, (least, most) in (
        (scales, recipe.scale),
        (turns, (-recipe.turn, recipe.turn)),
        (shifts, (-recipe.shift, recipe.shift)),
    ):
        assert least - 1e-9 <= np.min(drawn) < least + 0.1 * (most - least)
        assert most + 1e-9 >= np.max(drawn) > most - 0.1 * (most - least)


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_same_seed_gives_the_same_example_in_any_process(folder: Path, name: str) -> None:
    here = loader(folder, find_augmentation(name))
    first = [here.seeded(1, seed) for seed in range(6)]
    there = pickle.loads(pickle.dumps(here))
    for seed, example in enumerate(first):
        for one, other in zip(example, there.seeded(1, seed), strict=True):
            np.testing.assert_array_equal(one, other)
    assert len({example.image.tobytes() for example in first}) > 4


@pytest.mark.parametrize("name", list(RECIPES))
def test_masks_stay_on_their_objects(folder: Path, name: str) -> None:
    """The objects are the only red there is; a picture half as large has more of it on the edge between both."""
    here = loader(folder, replace(RECIPES[name], paints=()))
    for seed in range(12):
        example = here.seeded(4, seed)
        inside = masks.expand(example.boxes, example.masks, (64, 64)).any(axis=-1)
        red = example.image[..., 0] > example.image[..., 2].astype(int) + 90
        assert np.sum(inside & red) / np.sum(inside | red) > 0.85, seed


def test_what_is_around_the_picture_stays_black(folder: Path) -> None:
    here = loader(folder, Recipe(paints=RECIPES["heavy"].paints))
    for seed in range(5):
        image = here.seeded(0, seed).image
        assert not image[:8].any()
        assert not image[56:].any()
        assert image[8:56].any()


def test_colours_leave_the_size_alone() -> None:
    for name in RECIPES:
        for seed in range(5):
            painted = RECIPES[name].paint(PICTURE, seed)
            assert (painted.shape, painted.dtype) == (PICTURE.shape, np.uint8)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:imgaug|imageio")
@pytest.mark.parametrize("name", list(RECIPES))
def test_colours_are_what_imgaugs_own_sequence_draws(name: str) -> None:
    augmenters, given, changed = imgaug_numpy2.load().augmenters, PICTURE.copy(), 0
    sequence = augmenters.Sequential(
        [
            augmenters.Sometimes(paint.chance, getattr(augmenters, paint.name)(**paint.arguments))
            for paint in RECIPES[name].paints
        ]
    )
    for seed in range(25):
        fixed = sequence.to_deterministic()
        fixed.seed_(seed, deterministic_too=True)
        painted = RECIPES[name].paint(given, seed)
        np.testing.assert_array_equal(painted, fixed.augment_image(PICTURE))
        changed += int((painted != given).any())
    np.testing.assert_array_equal(given, PICTURE)
    assert changed > 15


def test_an_augmenter_of_ones_own(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_augmenter.py").write_text(
        "import imgaug.augmenters as iaa\n"
        "def mirror(): return iaa.Fliplr(1.0)\n"
        "def nothing(): return 3\n"
        "def fails(): raise OSError('no luck')\n"
        "number = 7\n"
    )
    monkeypatch.chdir(tmp_path)
    own = pickle.loads(pickle.dumps(find_augmentation("own_augmenter:mirror")))
    plain = loader(folder)(1)
    np.testing.assert_array_equal(loader(folder, own).seeded(1, 0).image, plain.image[:, ::-1])
    for source, words in {
        "strong": "no augmentation 'strong': expected none, light, standard, heavy, or module:function",
        "nowhere_at_all:f": "the module 'nowhere_at_all' cannot be imported",
        "own_augmenter:number": "own_augmenter has no function 'number'",
        "own_augmenter:fails": "the function failed with OSError: no luck",
        "own_augmenter:nothing": "the function returned int; expected an imgaug augmenter",
    }.items():
        with pytest.raises(UserError, match=words):
            find_augmentation(source)
    assert find_augmentation("none") is None
    assert NAMES == ("none", "light", "standard", "heavy")
