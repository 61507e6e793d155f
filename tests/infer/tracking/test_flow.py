import numpy as np
import pytest
from moving_squares import box_around, scene

from infer.tracking.flow import FlowField, FlowStore, move_boxes


def test_a_box_follows_its_square_not_the_ground():
    flows = FlowStore()
    for index, proxy in enumerate(scene([(100.0, 90.0), (106.0, 87.0)], pan=4.0)):
        flows.add(index, proxy)
    moved, shifts = move_boxes(flows.field(0, 1), box_around((100, 90))[None] / 2)
    assert shifts[0] == pytest.approx([6, -3], abs=1.1)
    assert moved[0] == pytest.approx(box_around((106, 87)) / 2, abs=2.0)
    assert flows.field(0, 1).camera == pytest.approx([-4, 0], abs=0.5)


def test_a_box_grows_with_what_comes_nearer():
    rows, columns = np.mgrid[0:45, 0:80].astype(np.float32) * 4 + 1.5
    away = np.stack([(columns - 160) * 0.05, (rows - 90) * 0.05], axis=2)
    moved, shifts = move_boxes(FlowField(away), np.array([[100.0, 50, 220, 130]]))
    assert shifts[0] == pytest.approx([0, 0], abs=1e-3)
    zoom = 0.05 * 9600**0.5 / (9600**0.5 + 12)
    assert moved[0] == pytest.approx(
        [160 - 60 * (1 + zoom), 90 - 40 * (1 + zoom), 160 + 60 * (1 + zoom), 90 + 40 * (1 + zoom)], abs=0.01
    )


def test_flow_is_computed_once_and_forgotten_with_its_frames():
    flows = FlowStore()
    for index, proxy in enumerate(scene([(100.0, 90.0)] * 3)):
        flows.add(index, proxy)
    assert flows.field(0, 1) is flows.field(0, 1)
    flows.forget(1)
    assert sorted(flows.proxies) == [1, 2]
    with pytest.raises(KeyError):
        flows.field(0, 1)


def test_the_way_back_ends_where_the_way_began():
    rows, columns = np.mgrid[0:45, 0:80].astype(np.float32) * 4 + 1.5
    away = FlowField(np.stack([30 + (columns - 160) * 0.05, 4 + 3 * np.sin(rows / 30)], axis=2).astype(np.float32))
    points = np.array([[60.0, 50], [160, 90], [240, 130]])
    there = points + away.at(points)
    assert there + away.reversed().at(there) == pytest.approx(points, abs=0.1)


def test_a_pan_of_a_fifth_of_the_picture_is_followed():
    flows = FlowStore()
    for index, proxy in enumerate(scene([None, None], pan=60.0)):
        flows.add(index, proxy)
    assert flows.field(0, 1).camera == pytest.approx([-60, 0], abs=1)
    assert flows.field(1, 0).camera == pytest.approx([60, 0], abs=1)


def test_the_way_of_a_mask_that_fills_the_picture():
    field = FlowField(np.full((45, 80, 2), (3.0, -2.0), np.float32))
    points = np.zeros((180, 320, 2), np.float32)  # 57600 points: more than fit into one row for OpenCV
    assert (field.at(points) == (3, -2)).all()
    assert field.at(points).shape == points.shape
