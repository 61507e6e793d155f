"""Heads that calculate some boxes only answer for these as the whole heads do, and learn the same."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import heads
from mrcnn.chosen_boxes import STEP, choose_places

CHOSEN = np.array([[True, False, True, True, False, False], [False, False, False, True, False, False]])
ON_JAX = keras.backend.backend() == "jax"


def test_chosen_boxes_come_first_and_whole_steps_are_filled_up() -> None:
    wide = np.concatenate([CHOSEN, np.zeros((2, 6), bool)], axis=1)  # 24 places, of which 4 are chosen
    places = ops.convert_to_numpy(choose_places(ops.convert_to_tensor(wide)))
    if ON_JAX:
        np.testing.assert_array_equal(places, np.arange(24))
        return
    assert len(places) == STEP
    assert set(places[:4]) == {0, 2, 3, 15}
    assert len(set(places)) == STEP


@pytest.mark.parametrize("chosen", [np.zeros((1, 3), bool), np.ones((1, 3), bool)])
def test_there_is_always_a_row_and_never_one_twice(chosen: np.ndarray) -> None:
    places = ops.convert_to_numpy(choose_places(ops.convert_to_tensor(chosen)))
    np.testing.assert_array_equal(np.sort(places), [0, 1, 2])


def both(head: Any) -> tuple[keras.Model, keras.Model]:
    """Build a head over all boxes and one over the chosen ones, of the same weights."""
    pooled, boxes = keras.Input((6, 4, 4, 3)), keras.Input((6, 4))
    chosen = keras.Input((6,), dtype="bool")
    whole = keras.Model([pooled, boxes, chosen], head(pooled, boxes, None))
    some = keras.Model([pooled, boxes, chosen], head(pooled, boxes, chosen))
    some.set_weights(whole.get_weights())
    return whole, some


@pytest.mark.parametrize(
    "head",
    [
        lambda pooled, boxes, chosen: list(heads.classifier_head(pooled, boxes, 3, 8, chosen=chosen)),
        lambda pooled, boxes, chosen: [heads.mask_head(pooled, boxes, 3, width=8, chosen=chosen)],
    ],
    ids=["class and box", "mask"],
)
def test_answers_for_chosen_boxes_are_those_of_the_whole_head(head: Any) -> None:
    dice = np.random.default_rng(0)
    given = [dice.normal(size=(2, 6, 4, 4, 3)).astype("float32"), np.ones((2, 6, 4), "float32"), CHOSEN]
    whole, some = both(head)
    assert sorted(v.path for v in whole.weights) == sorted(v.path for v in some.weights)
    wholes, answers = ([ops.convert_to_numpy(x) for x in keras.tree.flatten(model(given))] for model in (whole, some))
    for expected, answer in zip(wholes, answers, strict=True):
        assert answer.shape == expected.shape
        np.testing.assert_allclose(answer[CHOSEN], expected[CHOSEN], rtol=1e-4, atol=1e-5)
    if not ON_JAX:
        assert np.sum(np.any(answers[-1].reshape(12, -1) != 0, axis=1)) <= STEP  # the rest is not calculated
