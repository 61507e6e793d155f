"""Haar cascades: parameters exposed, doubles merged, scores in order."""

import cv2
import numpy as np
import pytest
from skimage import data

from common.detectors import haar
from common.detectors.haar import Haar, weight_to_score
from common.errors import UserError

ASTRONAUT = (181, 58, 270, 178)


def test_the_astronaut_is_one_face_although_two_cascades_see_it():
    (found,) = Haar()([data.astronaut()])
    assert len(found) == 1
    centre = (found.xyxy[0, :2] + found.xyxy[0, 2:]) / 2
    assert ASTRONAUT[0] < centre[0] < ASTRONAUT[2] and ASTRONAUT[1] < centre[1] < ASTRONAUT[3]
    assert found.confidence[0] > 0.5 and found.class_id.tolist() == [0]


def test_boxes_are_those_of_opencv_at_the_documented_parameters():
    picture = data.astronaut()
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    expected = cascade.detectMultiScale(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 1.2, 5, minSize=(20, 20))
    (found,) = Haar(profile=False)([picture])
    x, y, width, height = expected[0]
    assert len(found) == len(expected) == 1
    np.testing.assert_array_equal(found.xyxy, [[x, y, x + width, y + height]])


def test_min_size_leaves_out_smaller_faces():
    (found,) = Haar(min_size=200)([data.astronaut()])
    assert len(found) == 0


def test_fewer_neighbours_let_more_through():
    (few,) = Haar(min_neighbors=1, floor=0)([data.astronaut()])
    (many,) = Haar(min_neighbors=5, floor=0)([data.astronaut()])
    assert len(few) > len(many)


class OneWindow:
    """A cascade that sees one window at the left of whatever it is shown."""

    def __init__(self, weight):
        self.weight = weight

    def detectMultiScale3(self, gray, **options):
        return np.array([[2, 4, 10, 12]]), np.array([25]), np.array([self.weight])


def test_a_mirrored_profile_comes_back_on_the_other_side():
    detector = Haar()
    detector._frontal = OneWindow(-50.0)  # below any floor
    detector._profile = OneWindow(4.0)
    (found,) = detector([np.zeros((40, 60, 3), np.uint8)])
    assert sorted(found.xyxy.tolist()) == [[2, 4, 12, 16], [48, 4, 58, 16]]


def test_of_two_cascades_on_one_face_the_better_score_stays():
    detector = Haar()
    detector._frontal, detector._profile = OneWindow(2.0), OneWindow(5.0)
    (found,) = detector([np.zeros((40, 14, 3), np.uint8)])
    np.testing.assert_allclose(found.confidence, weight_to_score(np.array([5.0])))


def test_weights_become_scores():
    np.testing.assert_allclose(weight_to_score(np.array([-1, 2, 6.4])), [0.119, 0.5, 0.949], atol=1e-3)
    assert weight_to_score(np.zeros(0)).shape == (0,)


def test_the_floor_holds():
    detector = Haar(floor=0.9)
    detector._frontal = detector._profile = OneWindow(2.0)
    assert len(detector([np.zeros((40, 60, 3), np.uint8)])[0]) == 0


def test_an_opencv_without_cascades_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(haar.cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(UserError, match="opencv-python<5"):
        Haar()


def test_a_broken_cascade_is_named(monkeypatch, tmp_path):
    (tmp_path / "haarcascade_frontalface_default.xml").write_text("<opencv_storage></opencv_storage>")
    monkeypatch.setattr(haar.cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(UserError, match="cannot be read"):
        Haar()


@pytest.mark.parametrize(
    "options", [{"device": "cuda"}, {"scale_factor": 1}, {"min_neighbors": -1}, {"min_size": 0}, {"floor": -1}]
)
def test_wrong_options_are_the_users_error(options):
    with pytest.raises(UserError):
        Haar(**options)
