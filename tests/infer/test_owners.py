"""What is asked for with presets and --cover-owner, as rules."""

import json

import pytest

from common.errors import UserError
from infer.belonging.rule import Belonging
from infer.classes import COCO, listing, read_presets, resolve
from infer.flags import parser
from infer.owners import with_owners

COCO_ONLY = {"mask-rcnn": COCO}
BOTH = {"runs/clown": ("clown", "nface"), "coco": COCO, "centerface": ("face",)}
WITHOUT_PLAIN = {"runs/clown": ("clown",), "coco": COCO}


def asked(*hide, owners=(), unless=None, available=BOTH, detector=None, presets=None):
    selection = resolve(hide, detector=detector, available=available, preset_file=presets)
    return with_owners(selection, owners, unless, available, detector)


def test_the_clown_preset_looks_for_three_classes_and_hides_two():
    selection = asked("phobia-clown")
    assert selection.classes == ("clown",)
    assert selection.belonging == (Belonging("clown", "person", "nface"),)
    assert selection.finders == {"clown": "runs/clown", "person": "coco", "nface": "runs/clown"}


def test_a_clown_by_itself_has_no_owner():
    assert asked("clown").belonging == ()


def test_without_a_plain_face_nothing_speaks_against():
    assert asked("phobia-clown", available=WITHOUT_PLAIN).belonging == (Belonging("clown", "person"),)


def test_without_persons_the_preset_says_what_to_do():
    with pytest.raises(UserError) as caught:
        asked("phobia-clown", available={"runs/clown": ("clown", "nface")})
    assert 'preset "phobia-clown" hides the person too' in str(caught.value)
    assert "--weights coco" in str(caught.value) and "--hide clown alone" in str(caught.value)


def test_the_person_whose_face_it_is():
    selection = asked("faces", owners=["Face=people"])
    assert selection.belonging == (Belonging("face", "person"),)
    assert selection.finders == {"face": "centerface", "person": "coco"}


def test_a_flag_goes_before_the_preset():
    assert asked("phobia-clown", owners=["clown=person"]).belonging == (Belonging("clown", "person"),)
    assert asked("clown", owners=["clown=person"], unless="plain face").belonging == (
        Belonging("clown", "person", "nface"),
    )


def test_the_detector_that_was_asked_for_is_preferred():
    available = {"one": ("face", "person"), "two": ("face", "person")}
    assert asked("face", owners=["face=person"], available=available, detector="two").finders == {
        "face": "two",
        "person": "two",
    }


@pytest.mark.parametrize(
    ("owners", "unless", "complaint"),
    [
        (["face"], None, "expected PART=OWNER"),
        (["face=person=dog"], None, "expected PART=OWNER"),
        (["=person"], None, "expected PART=OWNER"),
        (["face=persom"], None, 'unknown class "persom"'),
        (["dog=person"], None, "dog is not hidden, but face; add it to --hide"),
        (["face=face"], None, "must be different classes"),
        (["face=person"], "person", "must be different classes"),
        (["face=person"], "color", "nothing at hand finds color"),
        ([], "nface", "--unless says what speaks against --cover-owner"),
    ],
)
def test_what_cannot_be_is_said(owners, unless, complaint):
    with pytest.raises(UserError, match=complaint):
        asked("face", owners=owners, unless=unless)


def presets(path, entry):
    path.write_text(json.dumps({"presets": {"mine": entry}}, indent=1))
    return path


def test_presets_of_ones_own(tmp_path):
    path = presets(tmp_path / "mine.json", {"classes": ["faces"], "covers": "people", "unless": "plain-face"})
    assert asked("mine", presets=path).belonging == (Belonging("face", "person", "nface"),)
    assert ("mine", "preset", "ready: face and the person it belongs to") in list(listing(path, BOTH))


@pytest.mark.parametrize(
    ("entry", "line", "complaint"),
    [
        ({"classes": ["face"], "covers": "persn"}, 7, 'unknown class "persn"; did you mean person'),
        ({"classes": ["face"], "covers": "face"}, 7, '"covers" of preset "mine" names face'),
        ({"classes": ["face"], "covers": "person", "unless": "person"}, 8, '"unless" of preset "mine" names person'),
        ({"classes": ["face"], "unless": "nface"}, 7, 'needs "covers" beside it'),
        ({"classes": ["face"], "cover": "person"}, 3, '"covers": NAME'),
    ],
)
def test_a_wrong_preset_is_named_with_its_line(tmp_path, entry, line, complaint):
    with pytest.raises(UserError) as caught:
        read_presets(presets(tmp_path / "mine.json", entry))
    assert complaint in str(caught.value)
    assert f"mine.json, line {line}: " in str(caught.value)


def test_scores_by_class_on_the_command_line():
    flags = parser().parse_args(["video", "in.mp4", "--hide", "face", "--score", "0.7", "--score", "clown=0.8"])
    assert flags.score == [(None, 0.7), ("clown", 0.8)]
    for wrong in ("=0.8", "clown=2", "clown=", "x"):
        with pytest.raises(SystemExit):
            parser().parse_args(["video", "in.mp4", "--hide", "face", "--score", wrong])
