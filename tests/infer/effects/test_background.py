import json

import cv2
import numpy as np
import pytest
from pictures_for_tests import frame_of, noise_picture, objects_of

from common.errors import UserError
from common.planes import Planes
from infer.effects import Renderer, open_effect
from infer.effects.background import cover_fit, gradient
from infer.effects.pictures import tagged_pictures

OBJECTS = objects_of([[10, 10, 20, 20]])


def write(path, colour, size=(30, 50)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*size, 3), colour[::-1], np.uint8))


def replaced(size=(40, 60), **options):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    out = Renderer(open_effect("background", **options), shape="box", grow=0, feather=0).render_image(pixels, OBJECTS)
    assert np.array_equal(out[10:20, 10:20], pixels[10:20, 10:20])
    return out


def test_gradient_has_a_white_border_of_seven_percent():
    picture = gradient((100, 200), (0, 0, 0), (100, 0, 0))
    assert (picture[:7] == 255).all() and (picture[:, -7:] == 255).all()
    assert (picture[7:-7, 7:-7, 0] < 101).all() and picture[20, 20, 0] < picture[80, 180, 0]


def test_a_picture_of_any_size_covers_the_frame_without_being_stretched():
    tall = np.zeros((300, 100, 3), np.uint8)
    tall[:, :50] = 200
    fitted = cover_fit(tall, (40, 80))
    assert fitted.shape == (40, 80, 3)
    assert (fitted[:, :38] == 200).all() and (fitted[:, 42:] == 0).all()
    assert cover_fit(np.zeros((1, 1, 3), np.uint8), (33, 17)).shape == (33, 17, 3)


@pytest.mark.parametrize("size", [(7, 900), (40, 60), (1000, 10)])
def test_background_from_a_file(tmp_path, size):
    write(tmp_path / "red.png", (250, 10, 20), size)
    out = replaced(by=str(tmp_path / "red.png"))
    out[10:20, 10:20] = 250, 10, 20
    assert (out == (250, 10, 20)).all()


def test_background_in_a_turned_video_stands_upright(tmp_path):
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20] = 255
    cv2.imwrite(str(tmp_path / "half.png"), picture)
    effect = open_effect("background", by=str(tmp_path / "half.png"))
    video = noise_picture("yuv444p", (60, 40))  # stored lying, shown 40 high and 60 wide
    out = Renderer(effect).render(frame_of(video, rotation=1), objects_of([]))
    luma = np.rot90(Planes.of(out).channels[0], 1)
    assert (luma[:20] == 235).all() and (luma[20:] == 16).all()


def test_blurred_background_keeps_only_a_few_samples():
    out = replaced((240, 360), by="blur")[30:]
    steps = np.abs(np.diff(out.astype(int), axis=1))
    assert steps.max() < 12 and out.std() < 20  # the noise went from 0 to 255
    with pytest.raises(UserError, match="strength"):
        open_effect("background", by="blur", strength=0)
    assert any("reversible" in note for note in open_effect("background", by="blur", strength=0.1).notes)


def test_keyword_from_names_of_files_and_folders(tmp_path):
    write(tmp_path / "sea" / "tall-waves.png", (0, 0, 200))
    write(tmp_path / "forest_01.png", (0, 200, 0))
    assert sorted(tagged_pictures(tmp_path)) == ["forest", "sea", "tall", "waves"]
    assert (replaced(by="SEA", pictures=tmp_path)[0, 0] == (0, 0, 200)).all()
    assert (replaced(by="forest", pictures=tmp_path)[0, 0] == (0, 200, 0)).all()


def test_keyword_from_a_list_of_tags(tmp_path):
    write(tmp_path / "a.png", (9, 9, 9))
    write(tmp_path / "b.png", (99, 99, 99))
    (tmp_path / "tags.json").write_text(json.dumps({"a.png": ["Night", "calm"], "b.png": ["fog", "calm"]}))
    assert replaced(by="night", pictures=tmp_path)[0, 0, 0] == 9
    chosen = {int(replaced(by="calm", pictures=tmp_path, seed=seed)[0, 0, 0]) for seed in range(8)}
    assert chosen == {9, 99}


def test_an_unknown_keyword_lists_what_there_is(tmp_path):
    write(tmp_path / "sea.png", (0, 0, 200))
    with pytest.raises(UserError, match="there are: sea"):
        open_effect("background", by="desert", pictures=tmp_path)


@pytest.mark.parametrize(
    ("tags", "message"),
    [("{", "no JSON"), ("[]", "must map"), ('{"a.png": "sea"}', "must map"), ('{"a.png": ["sea"]}', "not there")],
)
def test_a_wrong_tags_file_is_refused(tmp_path, tags, message):
    (tmp_path / "tags.json").write_text(tags)
    with pytest.raises(UserError, match=message):
        open_effect("background", by="sea", pictures=tmp_path)


def test_missing_things_are_refused(tmp_path):
    with pytest.raises(UserError, match="no background"):
        open_effect("background", by="nowhere.jpg")
    with pytest.raises(UserError, match="no folder"):
        open_effect("background", by="sea", pictures=tmp_path / "no")
    with pytest.raises(UserError, match="no tagged pictures"):
        open_effect("background", by="sea", pictures=tmp_path)
    with pytest.raises(UserError, match="two colours"):
        open_effect("background", colours="red")
