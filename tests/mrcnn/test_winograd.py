"""The convolution by tiles beside the direct one."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import winograd


@pytest.mark.parametrize("size", [(8, 12), (7, 9), (27, 18), (5, 4), (1, 1)])
def test_tiles_give_the_direct_sums_whatever_the_size(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "STRIP_TILES", 10)  # (27, 18) is done in four strips
    dice = np.random.default_rng(0)
    pictures = dice.normal(size=(2, *size, 3)).astype(np.float32)
    kernel = dice.normal(size=(3, 3, 3, 5)).astype(np.float32)
    direct = ops.convert_to_numpy(ops.conv(pictures, kernel, padding="same"))
    tiled = ops.convert_to_numpy(winograd.convolve(ops.convert_to_tensor(pictures), ops.convert_to_tensor(kernel)))
    assert tiled.shape == direct.shape
    np.testing.assert_allclose(tiled, direct, atol=2e-5 * np.abs(direct).max())


def test_the_layer_answers_as_its_parent_in_and_out_of_training() -> None:
    layer = winograd.WinogradConv2D(6, 3, padding="same", activation="relu")
    plain = keras.layers.Conv2D(6, 3, padding="same", activation="relu")
    pictures = np.random.default_rng(0).normal(size=(1, 32, 36, 4)).astype(np.float32)
    layer.build(pictures.shape)
    plain.build(pictures.shape)
    layer.bias.assign([0.5, -0.5, 1.0, -1.0, 0.0, 2.0])
    plain.set_weights(layer.get_weights())
    expected = ops.convert_to_numpy(plain(pictures))
    for training in (False, True):
        answer = ops.convert_to_numpy(layer(pictures, training=training))
        np.testing.assert_allclose(answer, expected, atol=2e-5 * expected.max())


def test_small_pictures_strides_and_half_precision_are_left_to_the_direct_way() -> None:
    large, small = (ops.zeros((1, side, side, 4)) for side in (32, 31))
    layer = winograd.WinogradConv2D(2, 3, padding="same")
    assert layer.saves_time(large) == winograd.on_tensorflows_processor_code()
    assert not layer.saves_time(small)
    assert not winograd.WinogradConv2D(2, 3, padding="same", strides=2).saves_time(large)
    assert not winograd.WinogradConv2D(2, 3, padding="same", dtype="mixed_bfloat16").saves_time(large)
