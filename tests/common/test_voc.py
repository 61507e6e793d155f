import pytest
from lxml import etree

from common.voc import LabelledBox, voc_xml, whole_edges

EXPECTED = b"""<annotation>
\t<folder>images</folder>
\t<filename>a.jpg</filename>
\t<path>images/a.jpg</path>
\t<source>
\t\t<database>Unknown</database>
\t</source>
\t<size>
\t\t<width>64</width>
\t\t<height>48</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>0</segmented>
\t<object>
\t\t<name>clown &amp; friend</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>1</truncated>
\t\t<difficult>0</difficult>
\t\t<bndbox>
\t\t\t<xmin>1</xmin>
\t\t\t<ymin>10</ymin>
\t\t\t<xmax>20</xmax>
\t\t\t<ymax>48</ymax>
\t\t</bndbox>
\t</object>
</annotation>
"""


def test_a_file_is_what_labelimg_writes():
    labels = [LabelledBox("clown & friend", (0, 10, 20.7, 48), truncated=True)]
    assert voc_xml("a.jpg", (48, 64), labels) == EXPECTED


def test_names_in_any_script_come_back():
    text = voc_xml("Straße.jpg", (48, 64), [LabelledBox("клоун", (1, 2, 3, 4))], folder="b/c")
    root = etree.fromstring(text)
    assert root.findtext("path") == "b/c/Straße.jpg"
    assert root.findtext("object/name") == "клоун"


@pytest.mark.parametrize(
    ("box", "edges"),
    [
        ((5, 6, 7, 8), (5, 6, 7, 8)),
        ((0, 0, 64, 48), (1, 1, 64, 48)),  # a 0 is lifted to 1
        ((-3, 5.9, 70, 50), (1, 5, 64, 48)),  # what is beyond the picture is cut off, the rest to whole numbers
        ((0, 0, 1, 1), (0, 0, 1, 1)),  # only the corner pixel: nothing would be left after the lift
        ((0, 47, 1, 48), (0, 47, 1, 48)),
        ((0, 0, 2, 1), (1, 0, 2, 1)),
    ],
)
def test_edges_follow_labelimg(box, edges):
    assert whole_edges(box, (48, 64)) == edges


@pytest.mark.parametrize("box", [(64, 5, 70, 9), (5, 5, 5, 9), (-9, 5, -1, 9), (9, 5, 3, 9)])
def test_a_box_without_any_pixel_is_refused(box):
    with pytest.raises(ValueError, match="holds nothing of a picture of 64x48"):
        whole_edges(box, (48, 64))
