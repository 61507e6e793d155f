import json

import pytest

from common.errors import UserError
from infer.classes import COCO, listing, match_class, read_presets, resolve

WITHOUT_COCO = {"runs/pets": ("dog", "Teddy"), "centerface": ("face",), "haar": ("face",)}


@pytest.mark.parametrize("name", ["face", "Face", " faces ", "FACES", "face,face"])
def test_a_face_is_found_by_centerface(name):
    selection = resolve([name])
    assert selection.classes == ("face",)
    assert selection.detectors == ("centerface",)


def test_another_detector_by_name():
    assert resolve(["face"], detector="Haar").detectors == ("haar",)


def test_lists_presets_and_repeated_flags_come_together_in_order():
    selection = resolve(["dog, cell_phone", "faces,Teddy-Bears,dogs"])
    assert selection.classes == ("dog", "cell phone", "face", "teddy bear")
    assert selection.finders == {
        "dog": "mask-rcnn",
        "cell phone": "mask-rcnn",
        "face": "centerface",
        "teddy bear": "mask-rcnn",
    }
    assert selection.detectors == ("mask-rcnn", "centerface")


@pytest.mark.parametrize(
    ("word", "name"),
    [("people", "person"), ("buses", "bus"), ("monitors", "tv"), ("TV", "tv"), ("wine_glasses", "wine glass")],
)
def test_words_that_mean_a_class(word, name):
    assert match_class(word) == name


def test_a_models_own_names_go_before_others():
    model = {"runs/shop": ("Bike", "faces", "badge")}
    assert match_class("bike", model) == "Bike"
    assert match_class("badges", model) == "badge"
    assert resolve(["faces,BIKE"], available=model).classes == ("faces", "Bike")


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


def test_a_class_that_nothing_at_hand_finds_says_what_it_needs():
    with pytest.raises(
        UserError, match=r"clown.* needs a model trained for it \(add --weights RUN.*without: face, person"
    ):
        resolve(["phobia-clown"])
    with pytest.raises(UserError, match=r'"cat" needs Mask R-CNN .*\(add --weights coco\).*without: dog, Teddy, face$'):
        resolve(["cat"], available=WITHOUT_COCO)
    with pytest.raises(UserError, match='unknown class or preset "qqqq"; found are dog, Teddy, face'):
        resolve(["qqqq"], available=WITHOUT_COCO)


def test_a_detector_that_does_not_find_the_class():
    with pytest.raises(UserError, match='haar does not find "dog"; use --detector mask-rcnn'):
        resolve(["dog"], detector="haar")


@pytest.mark.parametrize("name", ["office-privacy", "office-13", "phobia-dog", "phobia-bird", "phobia-teddy-bear"])
def test_coco_presets_resolve(name):
    assert resolve([name]).detectors == ("mask-rcnn",)


def test_a_preset_resolves_with_a_model_that_finds_it():
    assert resolve(["phobia-dog"], available=WITHOUT_COCO).finders == {"dog": "runs/pets"}
    with pytest.raises(UserError, match=r"the part teddy bear of preset .* needs Mask R-CNN"):
        resolve(["phobia-teddy-bear"], available=WITHOUT_COCO)


def test_office_13_has_thirteen_classes():
    assert len(resolve(["office-13"]).classes) == 13


def presets(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return path


def test_presets_of_ones_own(tmp_path):
    path = presets(tmp_path / "mine.json", {"presets": {"My Desk": {"classes": ["Faces", "cell-phone"]}}})
    assert resolve(["my-desk"], preset_file=path).classes == ("face", "cell phone")
    part = r'the part cell phone of preset "My Desk" needs .*of this preset what can be hidden without: face'
    with pytest.raises(UserError, match=part):
        resolve(["my-desk"], available=WITHOUT_COCO, preset_file=path)
    needs = "needs Mask R-CNN with COCO weights (add --weights coco): face, cell phone"
    assert ("My Desk", "preset", needs) in list(listing(path, WITHOUT_COCO))


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


def test_the_listing_names_everything_and_what_it_needs():
    rows = {name: (found_by, status) for name, found_by, status in listing()}
    assert rows["face"] == ("centerface or haar", "ready")
    assert rows["faces"] == ("preset", "ready: face")
    assert rows["dog"] == ("mask-rcnn", "ready")
    assert rows["clown"][0] == "a model trained for it"
    assert rows["phobia-clown"][1].startswith("needs a model trained for it (add --weights RUN")
    assert len(rows) == 1 + 80 + 3 + 7
    assert next(listing())[0] == "faces"
    rows = {name: (found_by, status) for name, found_by, status in listing(available=WITHOUT_COCO)}
    assert rows["dog"] == ("runs/pets", "ready")
    assert rows["cat"] == ("Mask R-CNN with COCO weights", "needs Mask R-CNN with COCO weights (add --weights coco)")
