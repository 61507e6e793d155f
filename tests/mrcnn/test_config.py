import numpy as np
import pytest

from common.errors import UserError
from mrcnn.config import Config


class BalloonConfig(Config):
    NAME = "balloon"
    NUM_CLASSES = 1 + 1
    IMAGES_PER_GPU = 3
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 512
    MEAN_PIXEL = np.array([1.0, 2.0, 3.0])


def test_computed_settings_follow_the_subclass() -> None:
    config = BalloonConfig()
    assert (config.BATCH_SIZE, config.IMAGE_META_SIZE) == (3, 14)
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]

    class Crop(BalloonConfig):
        IMAGE_RESIZE_MODE = "crop"

    assert Crop().IMAGE_SHAPE.tolist() == [256, 256, 3]


def test_settings_go_through_json(tmp_path) -> None:
    config = BalloonConfig()
    config.save(tmp_path / "config.json")
    again = Config.from_json((tmp_path / "config.json").read_text())
    assert again.to_json() == config.to_json()
    assert isinstance(again.MEAN_PIXEL, np.ndarray)
    assert again.IMAGE_SHAPE.tolist() == [512, 512, 3]


def test_what_no_file_can_hold_or_no_setting_is_called_is_named() -> None:
    class Own(Config):
        BACKBONE = staticmethod(lambda image, stage5, train_bn: [])

    with pytest.raises(UserError, match="BACKBONE is a function"):
        Own().to_json()
    with pytest.raises(UserError, match="no settings: colour"):
        Config.from_json('{"colour": 1}')
    assert Config.from_json('{"COLOUR": 1}').COLOUR == 1  # type: ignore[attr-defined]


def test_display_lists_every_setting(capsys: pytest.CaptureFixture) -> None:
    BalloonConfig().display()
    printed = capsys.readouterr().out
    assert "NAME                           balloon\n" in printed
    assert all(name in printed for name in BalloonConfig().to_dict())
