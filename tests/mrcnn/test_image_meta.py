import numpy as np
import pytest
from keras import ops
from mrcnn_goldens import stored

from mrcnn import image_meta


def test_a_row_comes_apart_as_it_was_put_together() -> None:
    row = image_meta.compose(7, (448, 640, 3), (256, 256, 3), (38, 0, 217, 256), 0.4, (1, 0, 1, 1))
    fields = image_meta.parse(row[None])
    assert {name: value[0].tolist() for name, value in fields.items()} == {
        "image_id": 7,
        "original_image_shape": [448, 640, 3],
        "image_shape": [256, 256, 3],
        "window": [38, 0, 217, 256],
        "scale": 0.4,
        "active_class_ids": [1, 0, 1, 1],
    }


def test_the_layer_hands_out_windows_and_sizes() -> None:
    row = image_meta.compose(7, (448, 640, 3), (256, 320, 3), (38, 0, 217, 256), 0.4, (1, 0, 1, 1))
    windows, sizes = image_meta.MetaFields()(ops.convert_to_tensor(row[None].astype("float32")))
    assert ops.convert_to_numpy(windows).tolist() == [[38, 0, 217, 256]]
    assert ops.convert_to_numpy(sizes).tolist() == [[256, 320]]


@pytest.mark.shared
def test_rows_equal_the_originals() -> None:
    parts = stored("utils")
    row = image_meta.compose(7, (448, 640, 3), (256, 256, 3), (38, 0, 217, 256), 0.4, (1, 0, 1, 1))
    np.testing.assert_allclose(row, parts["compose_image_meta.0.out"])
    for name, value in image_meta.parse(row[None]).items():
        np.testing.assert_allclose(value, parts[f"parse_image_meta.0.{name}"], rtol=1e-6)
