import cv2
import numpy as np
import pytest
import supervision as sv
from moving_squares import FRAME, box_around, observations, scene, seen, texture

from common.detections import DETECTED, PROPAGATED
from infer.tracking.link import LinkSettings, link

PATH = [(60.0 + 4 * i, 90.0) for i in range(40)]


def run(proxies, found, **settings):
    return list(link(observations(proxies, found), FRAME, LinkSettings(**settings)))


def covered(objects, centre, side=40.0) -> float:
    """Share of the square's area that the frame's boxes cover (its best box)."""
    truth = box_around(centre, side)
    best = 0.0
    for box in objects.detections.xyxy:
        low, high = np.maximum(box[:2], truth[:2]), np.minimum(box[2:], truth[2:])
        best = max(best, np.clip(high - low, 0, None).prod() / (truth[2:] - truth[:2]).prod())
    return best


def test_one_object_a_frame_one_frame_an_observation():
    results = run(scene(PATH), {i: seen((c, 0.9)) for i, c in enumerate(PATH)})
    assert [objects.index for objects in results] == list(range(40))
    assert [objects.time for objects in results] == pytest.approx([i / 30 for i in range(40)])
    assert all(objects.detections.tracker_id.tolist() == [1] for objects in results)
    assert all(objects.detections.data["origin"].tolist() == [DETECTED] for objects in results)


def test_a_gap_is_filled_where_the_square_is():
    found = {i: seen((c, 0.9)) for i, c in enumerate(PATH) if not 15 <= i < 25}
    results = run(scene(PATH), found)
    assert min(covered(objects, c) for objects, c in zip(results, PATH, strict=True)) > 0.93
    assert [objects.detections.data["origin"][0] for objects in results[14:26]] == [
        DETECTED,
        *[PROPAGATED] * 10,
        DETECTED,
    ]
    without = run(scene(PATH), found, fill=False, extend=False)
    assert [len(objects.detections) for objects in without[14:26]] == [1, *[0] * 10, 1]


def test_a_track_is_extended_as_long_as_the_square_is_there():
    path = [*PATH[:30], *[None] * 10]
    results = run(scene(path), {i: seen((PATH[i], 0.9)) for i in range(12, 18)}, hold=2)
    assert min(covered(objects, c) for objects, c in zip(results[:30], PATH[:30], strict=True)) > 0.9
    assert [len(objects.detections) for objects in results[30:]] == [1, 1, *[0] * 8]
    scores = results[20].detections.confidence[0], results[17].detections.confidence[0]
    assert scores == pytest.approx((0.9 * 0.97**3, 0.9))


def test_weak_sightings_count_once_the_track_was_sure():
    found = {i: seen((c, 0.9 if i == 20 else 0.15)) for i, c in enumerate(PATH)}
    results = run(scene(PATH), found, fill=False, extend=False)
    assert [len(objects.detections) for objects in results] == [1] * 40
    without = run(scene(PATH), found, fill=False, extend=False, hysteresis=False)
    assert [i for i, objects in enumerate(without) if len(objects.detections)] == [20]


def test_a_lone_weak_flicker_is_dropped():
    assert not any(len(objects.detections) for objects in run(scene(PATH), {20: seen((PATH[20], 0.4))}))


def test_no_track_crosses_a_cut():
    proxies = scene(PATH[:20]) + [texture((180, 320), 50)] * 20
    results = run(proxies, {i: seen((PATH[i], 0.9)) for i in range(15)})
    assert [len(objects.detections) for objects in results] == [1] * 20 + [0] * 20


def test_an_occluder_is_held_through_and_the_track_keeps_its_number():
    proxies = scene(PATH)
    post = texture((180, 44), 30)
    for proxy in proxies:
        proxy[:, 130:174] = post
    hidden = range(9, 29)
    results = run(proxies, {i: seen((c, 0.9)) for i, c in enumerate(PATH) if i not in hidden})
    assert {int(number) for objects in results for number in objects.detections.tracker_id} == {1}
    assert all(len(objects.detections) == 1 for objects in results)
    assert min(covered(objects, c) for objects, c in zip(results, PATH, strict=True)) > 0.5


def test_every_third_frame_is_enough():
    found = {i: seen((c, 0.9)) if i % 3 == 0 else None for i, c in enumerate(PATH)}
    results = run(scene(PATH, pan=7.0), found)
    assert min(covered(objects, c) for objects, c in zip(results, PATH, strict=True)) > 0.93


def test_a_failed_frame_is_covered_whole_and_bridged():
    made = observations(scene(PATH), {i: seen((c, 0.9)) for i, c in enumerate(PATH)})
    made[20].failed, made[20].detections = "the picture is corrupt", None
    made[20].proxy = np.zeros((180, 320), np.uint8)
    results = list(link(made, FRAME, LinkSettings()))
    assert [objects.whole for objects in results if objects.whole] == ["the picture is corrupt"]
    assert {int(number) for objects in results for number in objects.detections.tracker_id} == {1}


def test_windows_change_nothing_and_numbers_go_on():
    path = [(100.0 + 60 * np.sin(i / 20), 90.0) for i in range(100)]
    found = {i: seen((c, 0.9 if i < 20 else 0.2)) for i, c in enumerate(path) if i % 7}
    whole = run(scene(path), found)
    parts = run(scene(path), found, window=40, overlap=20)
    assert all(objects.detections.tracker_id.tolist() == [1] for objects in parts)
    for one, other in zip(whole, parts, strict=True):
        assert other.detections.xyxy == pytest.approx(one.detections.xyxy, abs=4)


def test_memory_holds_a_window_not_the_clip():
    """Results come while the stream is still running: at most a window and the look-ahead are taken first."""
    taken = 0

    def stream():
        nonlocal taken
        for observation in observations(scene([(100.0, 90.0)] * 120), {}):
            taken += 1
            yield observation

    results = link(stream(), FRAME, LinkSettings(window=40, overlap=20))
    for number, objects in enumerate(results):
        assert objects.index == number
        assert taken - number <= 40 + 4


def test_alone_each_frame_shows_what_it_is_sure_of():
    results = run(scene(PATH), {0: seen((PATH[0], 0.9), ((200.0, 40.0), 0.4)), 1: None}, associate=False)
    assert [len(objects.detections) for objects in results[:3]] == [1, 0, 0]
    assert results[0].detections.tracker_id.tolist() == [-1]


def test_the_same_input_gives_the_same_output():
    random = np.random.default_rng(8)
    found = {i: seen(*[((x + random.normal(), y), 0.3) for x, y in (c, (250.0, 40.0))]) for i, c in enumerate(PATH)}
    first, second = run(scene(PATH), found), run(scene(PATH), found)
    assert all((a.detections.xyxy == b.detections.xyxy).all() for a, b in zip(first, second, strict=True))


def test_what_left_the_picture_is_known_when_it_comes_back():
    """The camera pans away from a still square and back; only weak sightings follow, which alone would be dropped."""
    shift = [0] * 10 + list(range(0, 130, 10)) + list(range(120, 0, -10)) + [0] * 10
    path = [(60.0 - x, 90.0) for x in shift]
    wide = texture((180, 700), 3)
    wide[70:110, 240:280] = texture((40, 40), 4)
    proxies = [wide[:, 200 + x : 520 + x].copy() for x in shift]
    found = {i: seen((c, 0.9 if i < 10 else 0.15)) for i, c in enumerate(path) if i < 14 or i > 33}
    results = run(proxies, found)
    assert {int(number) for objects in results for number in objects.detections.tracker_id} == {1}
    assert all(len(objects.detections) == 1 for objects in results[34:])
    assert not any(len(objects.detections) for objects in results[22:24])  # all of it is outside, wide covers too


def test_the_class_is_voted_over_the_track_and_neighbours_of_other_classes_stay_apart():
    found = {
        i: sv.Detections.merge(
            [seen((c, 0.8), class_id=5 if i % 4 == 0 else 2), seen(((c[0] + 30, c[1]), 0.9), class_id=7)]
        )
        for i, c in enumerate(PATH)
    }
    results = run(scene(PATH), found)
    classes = {
        (int(t), int(c)) for o in results for t, c in zip(o.detections.tracker_id, o.detections.class_id, strict=True)
    }
    assert classes == {(1, 2), (2, 7)}


def test_classes_that_are_kept_apart_share_no_track():
    found = {i: seen((c, 0.8), class_id=5 if 10 <= i < 20 else 2) for i, c in enumerate(PATH)}
    together, apart = run(scene(PATH), found), run(scene(PATH), found, apart=frozenset({5}))
    assert {int(c) for o in together for c in o.detections.class_id} == {2}
    shown = [dict(zip(o.detections.class_id.tolist(), o.detections.data["origin"], strict=True)) for o in apart]
    assert all(frame[5] == DETECTED and frame[2] == PROPAGATED for frame in shown[10:20])
    assert all(frame[2] == DETECTED for frame in shown[:10] + shown[20:])


def test_nothing_in_nothing_out():
    assert run([], {}) == []
    assert [len(objects.detections) for objects in run(scene(PATH), {})] == [0] * 40
    assert [len(objects.detections) for objects in run(scene(PATH[:2]), {0: None, 1: None})] == [0, 0]


def test_a_portrait_clip_and_a_proxy_of_another_size():
    path = [(90.0, 60.0 + 4 * i) for i in range(30)]
    upright = [proxy.T.copy() for proxy in scene([(y, x) for x, y in path])]
    found = {i: seen((c, 0.9)) for i, c in enumerate(path) if not 10 <= i < 20}
    made = observations(upright, found)
    made[15].proxy = cv2.resize(made[15].proxy, (90, 160), interpolation=cv2.INTER_AREA)
    results = list(link(made, (640, 360), LinkSettings()))
    assert min(covered(objects, c) for objects, c in zip(results, path, strict=True)) > 0.9
    assert made[15].proxy.shape == (160, 90)


def test_a_cut_is_marked_on_the_first_frame_of_the_new_scene():
    out = run(scene(PATH[:20]) + [texture((180, 320), 50)] * 20, {})
    assert [frame.index for frame in out if frame.cut] == [20]


def test_a_sighting_that_was_nearly_believed_is_named():
    out = run(scene([(100.0, 90.0)] * 20), {8: seen(((100.0, 90.0), 0.4))})
    assert {frame.index: frame.doubts for frame in out if frame.doubts} == {
        8: ("weak sighting not believed (score 0.40)",)
    }
    assert not any(len(frame.detections) for frame in out)
