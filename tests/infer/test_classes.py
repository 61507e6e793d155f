import json

import pytest

from common.errors import UserError
from infer.classes import COCO, listing, match_class, read_presets, resolve

WITH_COCO = {"centerface": ("face",), "haar": ("face",), "mask-rcnn": COCO}


@pytest.mark.parametrize("name", ["face", "Face", " faces ", "FACES", "face,face"])
def test_a_face_is_found_by_centerface(name):
    selection = resolve([name])
    assert selection.classes == ("face",)
    assert selection.detector == "centerface"


def test_another_detector_by_name():
    assert resolve(["face"], detector="Haar").detector == "haar"


def test_lists_presets_and_repeated_flags_come_together_in_order():
    selection = resolve(["dog, cell_phone", "faces,Teddy-Bears,dogs"], available=WITH_COCO)
    assert selection.classes == ("dog", "cell phone", "face", "teddy bear")
    assert selection.finders == {
        "dog": "mask-rcnn",
        "cell phone": "mask-rcnn",
        "face": "centerface",
        "teddy bear": "mask-rcnn",
    }
    assert selection.detectors == ("mask-rcnn", "centerface")
    with pytest.raises(UserError, match=r"different detectors .*dog by mask-rcnn.*face by centerface"):
        _ = selection.detector


@pytest.mark.parametrize(
    ("word", "name"),
    [("people", "person"), ("buses", "bus"), ("monitors", "tv"), ("TV", "tv"), ("wine_glasses", "wine glass")],
)
def test_words_that_mean_a_class(word, name):
    assert match_class(word) == name


def test_coco_has_eighty_classes_each_once():
    assert len(COCO) == len(set(COCO)) == 80
    assert (COCO[0], COCO[9], COCO[31], COCO[-1]) == ("person", "traffic light", "snowboard", "toothbrush")
    assert all(name == name.strip() for name in COCO)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("fcae", "face"), ("dgo", "dog"), ("ofice-privacy", "office-privacy"), ("phobia-clwon", "phobia-clown")],
)
def test_a_typo_is_answered_with_the_nearest(name, suggestion):
    with pytest.raises(UserError, match=f'unknown class or preset "{name}"; did you mean .*{suggestion}'):
        resolve([name])


def test_a_word_like_nothing_else_and_no_word_at_all():
    with pytest.raises(UserError, match="python -m infer classes"):
        resolve(["qqqq"])
    with pytest.raises(UserError, match="nothing to hide"):
        resolve([" , "])


def test_an_unknown_detector():
    with pytest.raises(UserError, match='unknown detector "centreface"; did you mean centerface'):
        resolve(["face"], detector="centreface")
    with pytest.raises(UserError, match="known are centerface, haar"):
        resolve(["face"], detector="yolo")


def test_a_class_without_its_detector_says_what_it_waits_for():
    with pytest.raises(UserError, match=r'"dog" waits for Mask R-CNN .*\(not in this version.*hidden.*: face'):
        resolve(["dog"])
    with pytest.raises(UserError, match=r"clown.* waits for a trained run of Mask R-CNN \(not in this version\)"):
        resolve(["phobia-clown"])


def test_a_detector_that_does_not_find_the_class():
    with pytest.raises(UserError, match='haar does not find "dog"; use --detector mask-rcnn'):
        resolve(["dog"], detector="haar", available=WITH_COCO)


@pytest.mark.parametrize("name", ["office-privacy", "office-13", "phobia-dog", "phobia-bird", "phobia-teddy-bear"])
def test_coco_presets_resolve_once_the_detector_is_there(name):
    assert resolve([name], available=WITH_COCO).detector == "mask-rcnn"
    with pytest.raises(UserError, match=f'of preset "{name}" waits for Mask R-CNN'):
        resolve([name])


def test_office_13_has_thirteen_classes():
    assert len(resolve(["office-13"], available=WITH_COCO).classes) == 13


def presets(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return path


def test_presets_of_ones_own(tmp_path):
    path = presets(tmp_path / "mine.json", {"presets": {"My Desk": {"classes": ["Faces", "cell-phone"]}}})
    assert resolve(["my-desk"], available=WITH_COCO, preset_file=path).classes == ("face", "cell phone")
    with pytest.raises(UserError, match=r'the part cell phone of preset "My Desk" waits for .*face can be hidden now'):
        resolve(["my-desk"], preset_file=path)
    waiting = "waits for Mask R-CNN with COCO weights (not in this version): face, cell phone"
    assert ("My Desk", "preset", waiting) in list(listing(path))


@pytest.mark.parametrize(
    ("content", "line", "complaint"),
    [
        ('{"presets":\n {"a": }}', 2, "not JSON"),
        ("[]", 1, "expected"),
        ('{"presets": {},\n "preset": {}}', 1, "nothing beside"),
        ('{"presets":\n {"face": {"classes": ["face"]}}}', 2, "name of a class"),
        ('{"presets":\n {"a,b": {"classes": ["face"]}}}', 2, "no comma"),
        ('{"presets":\n {"a": {"classes": ["face"]},\n"b": ["face"]}}', 3, 'preset "b" must be'),
        ('{"presets":\n {"a": {\n"classes": []}}}', 3, "list of class names"),
        ('{"presets":\n {"a": {\n"classes": ["face",\n "lapttop"]}}}', 4, "did you mean laptop"),
        ('{"presets":\n {"a": {\n"classes": ["office-13"]}}}', 3, "unknown class"),
    ],
)
def test_a_wrong_preset_file_is_named_with_its_line(tmp_path, content, line, complaint):
    path = presets(tmp_path / "mine.json", content)
    with pytest.raises(UserError) as caught:
        read_presets(path)
    assert f"mine.json, line {line}: " in str(caught.value)
    assert complaint in str(caught.value)


def test_a_preset_file_that_cannot_be_used(tmp_path):
    with pytest.raises(UserError, match="cannot read the presets"):
        read_presets(tmp_path / "absent.json")
    (tmp_path / "latin.json").write_bytes(b'{"presets": "\xe9"}')
    with pytest.raises(UserError, match="UTF-8"):
        read_presets(tmp_path / "latin.json")
    path = presets(tmp_path / "mine.json", {"presets": {"office 13": {"classes": ["face"]}}})
    with pytest.raises(UserError, match="built-in preset"):
        resolve(["face"], preset_file=path)


def test_the_listing_names_everything_and_what_it_waits_for():
    rows = {name: (found_by, status) for name, found_by, status in listing()}
    assert rows["face"] == ("centerface or haar", "ready")
    assert rows["faces"] == ("preset", "ready: face")
    assert rows["dog"] == (
        "Mask R-CNN with COCO weights",
        "waits for Mask R-CNN with COCO weights (not in this version)",
    )
    assert rows["clown"][1] == "waits for a trained run of Mask R-CNN (not in this version)"
    assert rows["phobia-teddy-bear"][1].startswith("waits for Mask R-CNN")
    assert len(rows) == 1 + 80 + 3 + 7
    assert [name for name, _, _ in listing()][:2] == ["faces", "face"]
