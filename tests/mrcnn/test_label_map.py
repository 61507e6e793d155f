import pytest
from coloured_shapes import LABEL_MAP

from common.errors import UserError
from mrcnn.label_map import COCO_LABELS, read_label_map, read_labels


def written(tmp_path, text, name="label_map.pbtxt"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_names_that_people_read_count_and_numbers_may_have_holes(tmp_path):
    assert read_label_map(written(tmp_path, LABEL_MAP)) == {1: "clown", 3: "dog", 5: "teddy bear"}


def test_coco_counts_to_ninety():
    assert len(COCO_LABELS) == 80
    known = {1: "person", 13: "stop sign", 44: "bottle", 62: "chair", 72: "tv", 73: "laptop", 77: "cell phone"}
    assert known.items() <= COCO_LABELS.items()
    assert (COCO_LABELS[90], 12 in COCO_LABELS, 83 in COCO_LABELS) == ("toothbrush", False, False)


def test_several_numbers_may_have_one_name_and_the_background_is_left_out(tmp_path):
    text = 'item { id: 0 name: "background" } item { id: 2 name: "dog" } item: < id: 1 name: "dog" >'
    assert list(read_label_map(written(tmp_path, text)).items()) == [(1, "dog"), (2, "dog")]


@pytest.mark.parametrize("given", ["dog, cat", "background,dog,cat", ["BG", "dog", "cat"]])
def test_names_count_from_one(given):
    assert read_labels(given) == {1: "dog", 2: "cat"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("item { id: 1 name: 'dog' ", "not a label map, at line:column 1:"),
        ("{'dog': 1}", "not a label map"),
        ("item { id: 1 } ", "has the id 1 and the name ''"),
        ("item { name: 'dog' } ", "has the id 0 and the name 'dog'"),
        ("item { id: 1 name: 'dog' } item { id: 1 name: 'cat' }", r"the id 1 comes twice \(dog, cat\)"),
        ("", "names no class"),
    ],
)
def test_a_faulty_label_map_is_told_apart(tmp_path, text, complaint):
    with pytest.raises(UserError, match=complaint):
        read_label_map(written(tmp_path, text))
