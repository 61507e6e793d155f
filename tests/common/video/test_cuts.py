import cv2
import numpy as np
import pytest
from moving_squares import scene, texture

from common.video.cuts import CutFinder, change, glance


def cuts(proxies: list[np.ndarray]) -> list[int]:
    finder = CutFinder()
    for index, proxy in enumerate(proxies):
        finder.add(index, proxy)
    return [index for index in range(len(proxies)) if finder.is_cut(index)]


def still(seed: int, count: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    picture = texture((180, 320), seed).astype(float)
    return [np.clip(picture + random.normal(0, 8, picture.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def test_a_hard_cut_is_found_on_its_frame():
    assert cuts(still(1, 12) + still(2, 12) + still(3, 5)) == [12, 24]


@pytest.mark.parametrize("frames", [1, 2])
def test_a_flash_is_no_cut(frames):
    shot = still(1, 20)
    shot[10 : 10 + frames] = [np.full((180, 320), 250, np.uint8)] * frames
    assert cuts(shot) == []


def test_a_scene_of_one_frame_between_two_others_is_cut_around():
    assert cuts(still(1, 10) + still(2, 4) + still(3, 10)) == [10, 14]


def test_a_whip_pan_is_no_cut():
    wide = texture((180, 2600), 4)
    places = [*[0] * 10, *np.cumsum([30, 60, 90, 90, 90, 60, 30]), *[450] * 10]
    assert cuts([cv2.blur(wide[:, place : place + 320], (9, 1)) for place in places]) == []


def test_black_is_a_cut_and_stays_one():
    assert cuts(still(1, 10) + [np.zeros((180, 320), np.uint8)] * 10) == [10]


def test_the_shift_between_two_pictures_is_taken_out():
    first, second = scene([None, None], pan=60.0)
    assert change(glance(first), glance(second)) < 0.2
    assert change(glance(first), glance(texture((180, 320), 9))) > 0.6
