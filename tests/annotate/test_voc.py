"""VOC files as different tools write them."""

import label_files
import numpy as np
import pytest

from annotate.formats import voc

BOX = "<bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"


def test_labelimg_counts_edges_from_0(tmp_path):
    read = voc.read(label_files.voc(tmp_path / "a.xml", [("dog", 10, 20, 30, 40)]))
    assert read.objects[0].box == (10, 20, 30, 40)
    assert (read.picture, read.size, read.faults) == ("a.jpg", (60, 80), ())


def test_the_challenge_counts_pixels_from_1_and_names_the_last_one_inside(tmp_path):
    source = "<source><database>The VOC2007 Database</database></source>"
    path = label_files.voc(tmp_path / "a.xml", [("dog", 1, 1, 80, 60)], extra=source)
    assert voc.read(path).objects[0].box == (0, 0, 80, 60)
    assert voc.read(path, origin="0").objects[0].box == (1, 1, 80, 60)


def test_cvat_writes_fractions_and_marks(tmp_path):
    marks = f"<object><name> dog </name><difficult>1</difficult><truncated>True</truncated>{BOX}</object>"
    path = label_files.voc(tmp_path / "a.xml", [("cat", 10.25, "20,5", 30.75, 40), marks])
    cat, dog = voc.read(path).objects
    assert cat.box == (10.25, 20.5, 30.75, 40)
    assert (dog.name, dog.difficult, dog.truncated, cat.difficult) == ("dog", True, True, False)


def test_rectlabel_outlines_are_read_and_may_stand_alone(tmp_path):
    outline = "<polygon><x1>1</x1><y1>2</y1><x2>11</x2><y2>2</y2><x3>11</x3><y3>12</y3></polygon>"
    (found,) = voc.read(label_files.voc(tmp_path / "a.xml", [f"<object><name>dog</name>{outline}</object>"])).objects
    assert found.box == (1, 2, 11, 12)
    np.testing.assert_array_equal(found.polygons[0], [[1, 2], [11, 2], [11, 12]])


def test_outlines_of_points_are_read(tmp_path):
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((0, 0), (5, 0), (5, 5)))
    text = f"<object><name>dog</name>{BOX}<polygon>{points}</polygon></object>"
    (found,) = voc.read(label_files.voc(tmp_path / "a.xml", [text])).objects
    assert found.box == (10, 20, 30, 40) and len(found.polygons[0]) == 3


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        (f"<object><name></name>{BOX}</object>", "no-class", 4),
        (f"<object>{BOX}</object>", "no-class", 4),
        ("<object><name>dog</name></object>", "bad-number", 4),
        (f"<object><name>dog</name>{BOX.replace('10', 'ten')}</object>", "bad-number", 4),
        (f"<object><name>dog</name>{BOX.replace('10', 'nan')}</object>", "bad-number", 4),
    ],
)
def test_a_faulty_object_is_named_with_its_line_and_the_others_stay(tmp_path, text, kind, line):
    path = label_files.voc(tmp_path / "a.xml", [("cat", 1, 1, 5, 5), text])
    read = voc.read(path)
    assert [found.name for found in read.objects] == ["cat"]
    ((fault),) = read.faults
    assert (fault.kind, fault.line) == (kind, line + 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not XML"),
        ("<annotation><object>", "not XML"),
        ("<html></html>", "begins with <html>"),
        ("\x00\x01", "not XML"),
    ],
)
def test_a_file_that_is_not_voc_is_one_fault(tmp_path, text, reason):
    path = tmp_path / "a.xml"
    path.write_text(text)
    read = voc.read(path)
    assert not read.readable and reason in str(read.faults[0])


def test_entities_are_not_followed(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("dog")
    path = tmp_path / "a.xml"
    path.write_text(
        f'<!DOCTYPE annotation [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
        f"<annotation><object><name>&e;</name>{BOX}</object></annotation>"
    )
    read = voc.read(path)
    assert not read.objects and read.faults[0].kind == "no-class" and "entity" in str(read.faults[0])


def test_a_size_that_is_no_size_is_none(tmp_path):
    assert voc.read(label_files.voc(tmp_path / "a.xml", [], size=None)).size is None
    assert voc.read(label_files.voc(tmp_path / "b.xml", [], size=(0, 80))).size is None
