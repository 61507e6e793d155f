import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.detections import DetectionsWriter, FrameObjects, Header, make_detections, read_detections
from common.leak import LeakEvent, LeakMeter, TruthObject, measure, truth_objects

SIZE = (10, 20)


def square(number: int, left: int = 2, ignored: bool = False) -> TruthObject:
    """A 4 x 5 object: 20 pixels, 18 of which are 90 %."""
    return TruthObject(number, left, 3, np.ones((4, 5), bool), ignored)


def cover(*areas: tuple[int, int, int, int]) -> np.ndarray:
    region = np.zeros(SIZE, bool)
    for left, top, right, bottom in areas:
        region[top:bottom, left:right] = True
    return region


WHOLE = cover((2, 3, 7, 7))
NONE = cover()


def test_ninety_percent_is_covered_and_one_pixel_less_is_not():
    eighteen, seventeen = WHOLE.copy(), WHOLE.copy()
    eighteen[3, 2:4] = False
    seventeen[3, 2:5] = False
    assert measure([([square(1)], eighteen)]).covered == 1
    report = measure([([square(1)], seventeen)])
    assert (report.appearances, report.covered, report.leak_frames, report.events) == (1, 0, 1, 1)
    assert report.bare_pixels == pytest.approx(3 / 20)


def test_events_are_runs_of_one_object_and_flicker_counts_the_changes():
    shown = [NONE, NONE, WHOLE, NONE, WHOLE, WHOLE]
    report = measure(([square(1)], region) for region in shown)
    assert (report.appearances, report.covered, report.leak_frames) == (6, 3, 3)
    assert (report.events, report.longest) == (2, 2)
    assert report.longest_events == (LeakEvent(2, 1, 0), LeakEvent(1, 1, 3))
    assert report.flicker == pytest.approx(100 * 3 / 5)  # leak leak | cover | leak | cover cover: 3 changes, 5 pairs
    assert report.covered_share == 0.5


def test_a_frame_without_the_object_ends_its_run_and_is_no_pair():
    report = measure([([square(1)], NONE), ([], NONE), ([square(1)], NONE)])
    assert (report.events, report.longest, report.leak_frames, report.flicker) == (2, 1, 2, 0.0)


def test_two_objects_leak_in_one_frame_but_it_is_one_frame():
    report = measure([([square(1), square(2, left=10)], NONE)])
    assert (report.appearances, report.leak_frames, report.events) == (2, 1, 2)


def test_a_run_that_lasts_to_the_end_counts():
    assert measure([([square(1)], WHOLE)] + [([square(1)], NONE)] * 4).longest == 4


def test_ignored_objects_are_no_appearances_and_covering_them_is_not_false():
    report = measure([([square(1, ignored=True)], WHOLE)])
    assert (report.appearances, report.covered_share, report.false_cover, report.outside) == (0, 1.0, 0.0, 0.0)


def test_false_cover_begins_beyond_the_margin():
    # The longer side is 5 pixels, so a margin of 0.4 reaches 2 pixels: columns 7 and 8 belong to it, column 9 does not.
    region = WHOLE | cover((7, 4, 10, 5))
    report = measure([([square(1)], region)], margin=0.4)
    assert report.outside == pytest.approx(3 / 200)
    assert report.false_cover == pytest.approx(1 / 200)
    assert measure([([], region)]).false_cover == pytest.approx(23 / 200)


def test_an_object_at_the_edge_of_the_frame():
    corner = TruthObject(1, 16, 0, np.ones((4, 4), bool))
    region = cover((15, 0, 20, 5), (0, 9, 1, 10))
    report = measure([([corner], region)], margin=0.5)
    assert report.covered == 1
    assert report.false_cover == pytest.approx(1 / 200)


def test_nothing_at_all():
    report = measure([])
    assert (report.frames, report.covered_share, report.false_cover, report.flicker, report.longest) == (0, 1, 0, 0, 0)


def test_memory_is_flat_over_many_objects():
    meter = LeakMeter()
    for number in range(500):
        meter.add([square(number)], NONE)
    assert len(meter._last) == 1 and len(meter._longest) <= 50
    assert meter.report().events == 500


def brute_force(clip: list[tuple[list[TruthObject], np.ndarray]], threshold: float, margin: float) -> tuple:
    """The definitions read aloud: whole-frame masks and loops over objects, frames and pixels."""
    leaks: dict[int, dict[int, bool]] = {}
    bare = pixels = 0
    false, outside = [], []
    for index, (truth, covered) in enumerate(clip):
        near, on = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
        for item in truth:
            points = [(item.top + y, item.left + x) for y, x in zip(*np.nonzero(item.mask), strict=True)]
            if not points:
                continue
            ys, xs = zip(*points, strict=True)
            reach = margin * max(max(ys) - min(ys) + 1, max(xs) - min(xs) + 1)
            for y in range(SIZE[0]):
                for x in range(SIZE[1]):
                    near[y, x] |= min((y - b) ** 2 + (x - a) ** 2 for b, a in points) <= reach**2 + 1e-6
            on[ys, xs] = True
            if not item.ignored:
                hidden = sum(bool(covered[point]) for point in points)
                leaks.setdefault(item.number, {})[index] = hidden / len(points) < threshold
                bare, pixels = bare + len(points) - hidden, pixels + len(points)
        false.append((covered & ~near).mean())
        outside.append((covered & ~on).mean())
    runs = [index for seen in leaks.values() for index, leak in seen.items() if leak and not seen.get(index - 1, False)]
    pairs = [(seen[i - 1], seen[i]) for seen in leaks.values() for i in seen if i - 1 in seen]
    marks = [leak for seen in leaks.values() for leak in seen.values()]
    frames = {index for seen in leaks.values() for index, leak in seen.items() if leak}
    flicker = 100 * sum(a != b for a, b in pairs) / max(len(pairs), 1)
    return (
        (len(marks), marks.count(False), len(frames), len(runs)),
        (bare / max(pixels, 1), np.mean(false), np.mean(outside), flicker),
    )


@st.composite
def clips(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    clip = []
    for _ in range(draw(st.integers(1, 6))):
        truth = []
        for number in range(3):
            if random.random() < 0.75:
                height, width = random.integers(1, 5, 2)
                left, top = random.integers(0, SIZE[1] - width + 1), random.integers(0, SIZE[0] - height + 1)
                mask = random.random((height, width)) < 0.8
                truth.append(TruthObject(number, int(left), int(top), mask, bool(random.random() < 0.2)))
        clip.append((truth, random.random(SIZE) < random.choice([0.0, 0.6, 0.95, 1.0])))
    return clip


@given(clips(), st.sampled_from([0.5, 0.75, 0.9, 1.0]), st.sampled_from([0.0, 0.25, 0.7]))
@settings(max_examples=60, deadline=None)
def test_against_brute_force(clip, threshold, margin):
    report = measure(clip, threshold, margin)
    counts, shares = brute_force(clip, threshold, margin)
    assert (report.appearances, report.covered, report.leak_frames, report.events) == counts
    assert (report.bare_pixels, report.false_cover, report.outside, report.flicker) == pytest.approx(shares)


def test_truth_from_a_detections_file_is_the_same_as_from_memory(tmp_path):
    masks = np.zeros((2, *SIZE), bool)
    masks[0, 3:7, 2:7] = True
    masks[1, 1, 10:13] = True
    boxes = np.array([[2, 3, 7, 7], [10, 1, 13, 2]])
    objects = FrameObjects(0, 0.0, make_detections(boxes, [1, 1], [0, 1], tracks=[5, -1], masks=masks))
    header = Header(width=SIZE[1], height=SIZE[0], classes=("face", "ignored"))
    with DetectionsWriter(tmp_path / "truth.jsonl", header) as writer:
        writer.write(objects)
    for given_objects in (objects, next(iter(read_detections(tmp_path / "truth.jsonl")))):
        first, second = truth_objects(given_objects, SIZE, ignored=(1,))
        assert (first.number, first.ignored, second.number, second.ignored) == (5, False, -2, True)
        for item, mask in zip((first, second), masks, strict=True):
            whole = np.zeros(SIZE, bool)
            height, width = item.mask.shape
            whole[item.top : item.top + height, item.left : item.left + width] = item.mask
            assert (whole == mask).all()


def test_truth_from_boxes_is_the_box_within_the_frame():
    detections = make_detections(np.array([[-3, 8.2, 2.5, 14]]), [1], [0], tracks=[1])
    (item,) = truth_objects(FrameObjects(0, 0.0, detections), SIZE)
    assert (item.left, item.top, item.mask.shape) == (0, 8, (2, 3)) and item.mask.all()


def test_truth_without_a_mask_beside_one_with_is_its_box(tmp_path):
    masks = np.zeros((2, *SIZE), bool)
    masks[0, 3:7, 2:7] = True
    boxes = np.array([[2, 3, 7, 7], [10, 1, 13, 2]])
    objects = FrameObjects(0, 0.0, make_detections(boxes, [1, 1], [0, 0], masks=masks))
    with DetectionsWriter(tmp_path / "truth.jsonl", Header(SIZE[1], SIZE[0], ("face",))) as writer:
        writer.write(objects)
    for given_objects in (objects, next(iter(read_detections(tmp_path / "truth.jsonl")))):
        _, item = truth_objects(given_objects, SIZE)
        assert (item.left, item.top, item.mask.shape) == (10, 1, (1, 3)) and item.mask.all()
