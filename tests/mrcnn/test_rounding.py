from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import rounding


def compiled(function: Callable) -> Callable[..., Any]:
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    return function


@pytest.mark.parametrize("wrap", [lambda function: function, compiled])
def test_a_quotient_by_a_constant_is_rounded_once(wrap: Callable) -> None:
    dividends = np.random.default_rng(0).uniform(0, 300, (4, 5000)).astype("float32")
    divisors = np.array([[255.0], [27.0], [13.0], [7.0]], "float32")
    found = wrap(rounding.divide)(ops.convert_to_tensor(dividends), ops.convert_to_tensor(divisors))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), dividends / divisors)
    found = wrap(lambda values: rounding.divide(values, 255.0))(ops.convert_to_tensor(dividends))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), dividends / np.float32(255))


@pytest.mark.parametrize("wrap", [lambda function: function, compiled])
def test_a_product_is_rounded_before_it_is_added(wrap: Callable) -> None:
    first, second, third = np.random.default_rng(0).uniform(-30, 30, (3, 5000)).astype("float32")
    tensors = [ops.convert_to_tensor(values) for values in (first, second, third)]
    found = wrap(lambda a, b, c: rounding.product(a, b) + c)(*tensors)
    np.testing.assert_array_equal(ops.convert_to_numpy(found), first * second + third)
