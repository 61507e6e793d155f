import numpy as np
from keras import ops

from mrcnn.ranking import highest


def test_of_equal_scores_the_first_comes_first() -> None:
    scores = np.zeros((2, 5000), "float32")
    scores[0, ::2], scores[1, 7] = 1.0, 2.0
    ranked, places = (ops.convert_to_numpy(values) for values in highest(ops.convert_to_tensor(scores), 2600))
    assert places[0].tolist() == [*range(0, 5000, 2), *range(1, 200, 2)]
    assert places[1].tolist() == [7, *range(7), *range(8, 2600)]
    np.testing.assert_array_equal(ranked[0], [1.0] * 2500 + [0.0] * 100)
