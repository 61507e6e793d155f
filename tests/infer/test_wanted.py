"""Detectors that are asked together, and scores by class."""

from collections.abc import Sequence

import numpy as np
import pytest
import supervision as sv
from PIL import Image

from common.detections import make_detections
from common.errors import UserError
from infer.picture import find
from infer.settings import Finder, HideSettings, Search
from infer.several import Several
from infer.wanted import Wanted

PICTURES = [np.full((20, 30, 3), grey, np.uint8) for grey in (10, 20, 30)]


class Sees:
    """Sees one object of each of its classes, with the score that is given for it; notes what it is shown."""

    device, floor, sure = "here", 0.3, 0.7

    def __init__(self, name: str, log: list | None = None, **scores: float) -> None:
        self.name, self.classes, self._scores = name, tuple(scores), tuple(scores.values())
        self._log = [] if log is None else log

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        self._log.extend((self.name, int(picture[0, 0, 0])) for picture in pictures)
        boxes = np.tile([1, 1, 9, 9], (len(self._scores), 1))
        return [make_detections(boxes, self._scores, range(len(self._scores))) for _ in pictures]


def scores(detector) -> dict[str, float]:
    (found,) = detector(PICTURES[:1])
    names = [detector.classes[class_id] for class_id in found.class_id]
    return dict(zip(names, [round(float(score), 3) for score in found.confidence], strict=True))


def test_a_score_of_its_own_comes_to_lie_where_the_detector_is_sure():
    sees = Sees("net", dog=0.5, cat=0.5)
    assert scores(Wanted(sees, ("dog", "cat"))) == {"dog": 0.5, "cat": 0.5}
    wanted = Wanted(sees, ("dog", "cat"), {"dog": 0.5})
    assert scores(wanted) == {"dog": 0.7, "cat": 0.5}
    assert (wanted.sure, wanted.floor) == (0.7, 0.3)
    assert scores(Wanted(sees, ("cat", "dog"), {"cat": 0.8})) == {"dog": 0.5, "cat": 0.438}


def test_the_floor_follows_a_higher_score_of_a_class():
    assert Wanted(Sees("net", dog=0.5, cat=0.5), ("dog", "cat"), {"dog": 0.84}).floor == pytest.approx(0.25)


def test_all_look_at_a_picture_before_the_next_one_where_they_share_work():
    log: list[tuple[str, int]] = []
    detectors = [Sees("one", log, dog=0.5), Sees("two", log, cat=0.5)]
    Several(detectors)(PICTURES)
    assert log == [("one", 10), ("one", 20), ("one", 30), ("two", 10), ("two", 20), ("two", 30)]
    log.clear()
    found = Several(detectors, at_once=1)(PICTURES)
    assert log == [("one", 10), ("two", 10), ("one", 20), ("two", 20), ("one", 30), ("two", 30)]
    assert [each.class_id.tolist() for each in found] == [[0, 1]] * 3
    log.clear()
    Several(detectors, at_once=2)(PICTURES)
    assert [name for name, _ in log] == ["one", "one", "two", "two", "one", "two"]
    assert Several(detectors, at_once=1)([]) == []


@pytest.mark.parametrize(
    ("own", "names"), [({}, ["dog", "cat"]), ({"dog": 0.6}, ["cat"]), ({"dog": 0.5}, ["dog", "cat"])]
)
def test_in_a_picture_a_score_of_its_own_is_the_limit(own, names):
    search = Search("net", ("dog", "cat"), scores=own)
    wanted = Wanted(Sees("net", dog=0.5, cat=0.45), search.classes, own)
    found = find(np.asarray(Image.new("RGB", (30, 20))), wanted, HideSettings(search=search)).detections
    assert [search.classes[class_id] for class_id in found.class_id] == names


def test_scores_that_cannot_be():
    with pytest.raises(UserError, match=r"--score bird=0.5: bird is not looked for, but dog"):
        Search("net", ("dog",), scores={"bird": 0.5})
    with pytest.raises(UserError, match=r"--floor 0.6 lies above --score dog=0.5"):
        Search("net", ("dog",), floor=0.6, scores={"dog": 0.5})


def test_finders_keep_the_order_that_was_asked_for():
    search = Search("centerface", ("dog", "face"), also=(Finder("mask-rcnn", ("dog",)),))
    assert search.looked_for == search.shown == ("dog", "face")
