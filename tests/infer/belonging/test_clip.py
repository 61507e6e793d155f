"""The rule in the main job: clips in which a detector sees what the test says."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import supervision as sv
from moving_squares import texture
from PIL import Image
from seen import difference, lumas

from common.detections import make_detections, read_detections, read_header
from common.errors import UserError
from common.video.writer import EncodeSettings
from data.clip_file import ClipFile
from infer.belonging.rule import Belonging
from infer.picture import hide_picture
from infer.pipeline import detect_video, hide_video, render_video
from infer.settings import Cover, HideSettings, Search

RULE = Belonging("clown", "person", "nface")
SEARCH = Search(classes=("clown",), belonging=(RULE,))
BLACK = HideSettings(
    search=SEARCH, cover=Cover("fill", shape="box", grow="0", feather="0"), encode=EncodeSettings(crf=10)
)

SIZE, FRAMES = (192, 320), 36
# Boxes in the first frame: three people who walk to the right, and a clown's head that sticks out of a window.
FIRST, FIRST_HEAD = (8, 60, 58, 180), (20, 64, 46, 94)
SECOND, SECOND_HEAD = (90, 60, 140, 180), (102, 64, 128, 94)
THIRD = (172, 60, 222, 180)
WINDOW_HEAD = (280, 16, 308, 48)
PEOPLE = (FIRST, SECOND, THIRD)
TURNED_ROUND = range(14, 18)  # the frames in which the first shows a clown's face
FALSE_ALARM = (5, 6)


def moved(box, number):
    """A person's box in a frame: two pixels a frame to the right."""
    return (box[0] + 2 * number, box[1], box[2] + 2 * number, box[3])


def inside(box):
    """Rows and columns well inside a box."""
    return slice(box[1] + 4, box[3] - 4), slice(box[0] + 4, box[2] - 4)


class Stage:
    """Sees the people always, and heads by the number of the frame, which it counts itself."""

    name, device, floor, sure = "stage", "here", 0.1, 0.5
    classes = ("nface", "person", "clown")  # in no particular order

    def __init__(self, every: int = 1) -> None:
        self.every, self.seen = every, 0

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        self.seen += len(pictures)
        return [self.look(self.every * (self.seen - len(pictures) + place)) for place in range(len(pictures))]

    def look(self, number: int) -> sv.Detections:
        rows = [("person", moved(box, number), 0.9) for box in PEOPLE]
        if number in TURNED_ROUND:
            rows.append(("clown", moved(FIRST_HEAD, number), 0.8))
        if number == TURNED_ROUND[2]:
            rows.append(("nface", moved(FIRST_HEAD, number), 0.3))  # a face in the wig
        rows.append(("nface", moved(SECOND_HEAD, number), 0.9))
        if number in FALSE_ALARM:
            rows.append(("clown", moved(SECOND_HEAD, number), 0.55))
        rows.append(("clown", WINDOW_HEAD, 0.7))
        names, boxes, scores = zip(*rows, strict=True)
        return make_detections(np.array(boxes), scores, [self.classes.index(name) for name in names])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The people as moving rectangles of noise before a wall of noise."""
    path = tmp_path_factory.mktemp("stage") / "clip.mp4"
    wall = texture(SIZE, 1)
    with ClipFile(path, SIZE, preset="ultrafast") as file:
        for number in range(FRAMES):
            picture = wall.copy()
            for seed, box in enumerate(PEOPLE, start=2):
                left, top, right, bottom = moved(box, number)
                picture[top:bottom, left:right] = texture((bottom - top, right - left), seed)
            file.write(np.repeat(picture[..., None], 3, axis=2))
    return path


def persons(path):
    """How many persons are hidden in each frame of a detections file."""
    names = read_header(path).classes
    return [[names[i] for i in frame.detections.class_id].count("person") for frame in read_detections(path)]


def test_a_person_who_was_once_a_clown_is_hidden_in_every_frame(clip, tmp_path):
    out = tmp_path / "masked.mp4"
    report = hide_video(clip, out, BLACK, detector=Stage())
    for number, (before, after) in enumerate(zip(lumas(clip), lumas(out), strict=True)):
        assert after[inside(moved(FIRST, number))].max() < 30, number  # also while the back is turned
        assert after[inside(WINDOW_HEAD)].max() < 30, number  # a clown without a person, by itself
        for person in (SECOND, THIRD):
            place = inside(moved(person, number))
            assert difference(before[place], after[place]) < 4, number
    assert report.totals.objects == {"person": 1, "clown": 2}
    said = "person hidden as the owner of clown: 1; left visible because nface fits better: 1; without clown: 1"
    assert said in report.notes
    doubt = "person left visible: clown and nface were both seen there"
    assert [moment.index in FALSE_ALARM for moment in report.totals.moments if doubt in moment.reason] == [True]


def test_the_detections_file_lists_what_is_hidden_and_renders_again(clip, tmp_path):
    out, again = tmp_path / "masked.mp4", tmp_path / "again.mp4"
    exact = replace(BLACK, encode=EncodeSettings(lossless=True))  # x264's threads do not always lose the same
    hide_video(clip, out, exact, detector=Stage())
    detections = tmp_path / "masked.mp4.detections.jsonl"
    assert read_header(detections).classes == ("person", "clown")
    report = render_video(clip, detections, again, replace(exact, search=Search(classes=("person", "clown"))))
    assert all(np.array_equal(*pair) for pair in zip(lumas(out), lumas(again), strict=True))
    assert any(note.startswith("person hidden as the owner") for note in report.notes)


def test_each_frame_by_itself_hides_only_while_it_is_seen(clip, tmp_path):
    path = tmp_path / "found.jsonl"
    detect_video(clip, path, replace(BLACK, search=replace(SEARCH, link=False)), detector=Stage())
    assert persons(path) == [int(number in TURNED_ROUND) for number in range(FRAMES)]


def test_frames_that_are_passed_over_are_hidden_too(clip, tmp_path):
    path = tmp_path / "found.jsonl"
    detect_video(clip, path, replace(BLACK, search=replace(SEARCH, every=3)), detector=Stage(every=3))
    assert persons(path) == [1] * FRAMES


def test_persons_are_hidden_anyway_when_they_are_asked_for(clip, tmp_path):
    path = tmp_path / "found.jsonl"
    detect_video(clip, path, replace(BLACK, search=replace(SEARCH, classes=("clown", "person"))), detector=Stage())
    assert persons(path) == [3] * FRAMES


def test_a_detector_that_does_not_know_the_owner(clip, tmp_path):
    rule = replace(SEARCH, belonging=(Belonging("clown", "horse"),))
    with pytest.raises(UserError, match="horse of clown: horse is not looked for"):
        hide_video(clip, tmp_path / "out.mp4", replace(BLACK, search=rule), detector=Stage())


class Photo(Stage):
    """The same people in a photograph."""

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        return [self.look(TURNED_ROUND[0]) for _ in pictures]


def test_a_photograph_is_judged_by_itself(tmp_path):
    source, out = tmp_path / "photo.png", tmp_path / "masked.png"
    grey = np.full((*SIZE, 3), 200, np.uint8)
    Image.fromarray(grey).save(source)
    report = hide_picture(source, out, BLACK, detector=Photo())
    after = np.asarray(Image.open(out))
    first, second, third = (inside(moved(box, TURNED_ROUND[0])) for box in PEOPLE)
    assert after[first].max() == 0 and after[inside(WINDOW_HEAD)].max() == 0
    assert (after[second] == 200).all() and (after[third] == 200).all()
    assert report.totals.appearances == {"person": 1, "clown": 2}
    header = json.loads((tmp_path / "masked.png.detections.jsonl").read_text().splitlines()[0])
    assert header["classes"] == ["person", "clown"]
