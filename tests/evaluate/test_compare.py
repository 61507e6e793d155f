"""Detectors side by side on pictures in which everything is known."""

import itertools
import json

import cv2
import numpy as np
import pytest
from lxml import html
from made_run import dataset, objects
from painted_pets import Painter, checkpoint_file

from common.cli import run as at_the_edge
from common.detections import make_detections
from common.errors import UserError
from evaluate import compare
from evaluate.cli import main
from evaluate.truth import read_truth
from mrcnn import detector
from mrcnn.engines import OpenEngine

DOG, CAT = 1, 2
LARGE, MEDIUM, SMALL = (50, 50, 90, 90), (20, 0, 40, 20), (0, 0, 10, 10)


class Says:
    """A detector that answers with a list, picture by picture: (class id from 0, box, score)."""

    device, floor = "nowhere", 0.01

    def __init__(self, classes, *answers, sure=0.5, masked=False):
        self.name, self.classes, self.sure = "says", tuple(classes), sure
        self.answers, self.masked, self.looks = answers, masked, 0

    def __call__(self, pictures):
        (picture,) = pictures
        self.looks += 1
        number = round(picture[0, 0, 0] / 50)  # the picture's number is painted in its corner
        rows = self.answers[number]
        masks = np.zeros((len(rows), 100, 100), bool)
        for mask, (_, (x1, y1, x2, y2), _) in zip(masks, rows, strict=True):
            mask[y1:y2, x1:x2] = True
        return [
            make_detections(
                np.array([row[1] for row in rows]).reshape(-1, 4),
                [row[2] for row in rows],
                [row[0] for row in rows],
                masks=masks if self.masked else None,
            )
        ]


@pytest.fixture
def data(tmp_path):
    folder = dataset(tmp_path / "set", [objects((DOG, LARGE), (CAT, MEDIUM)), objects((DOG, MEDIUM)), objects()])
    for number in range(3):
        path = str(folder / "images" / f"val{number}.png")
        picture = cv2.imread(path)
        picture[:] = 50 * number
        cv2.imwrite(path, picture)
    return folder


def measured(data, detector, names=("dog", "cat"), same=None, **options):
    truth = read_truth(data, "val")
    objects_ = compare.objects_of(truth, names, same or {})
    return compare.measure(compare.look("one", detector, truth, names, same or {}, **options), objects_), objects_


def test_counted_by_hand(data):
    sees = Says(("dog", "cat"), [(0, LARGE, 0.9), (0, MEDIUM, 0.8)], [(0, MEDIUM, 0.4)], [(1, SMALL, 0.6)])
    found, _ = measured(data, sees)
    row = found.row
    # Found: the large dog. Missed: the cat (a dog was seen there), the second dog (below 0.5).
    assert (row["objects"], row["misses"], row["false_alarms"]) == (3, 2, 2)
    assert row["recall"] == pytest.approx(1 / 3)
    assert row["precision"] == pytest.approx(1 / 3)
    assert row["false_alarms_per_picture"] == pytest.approx(2 / 3)
    dog, cat = found.by_class
    assert (dog["class"], dog["objects"], dog["misses"], dog["false_alarms"]) == ("dog", 2, 1, 1)
    assert (cat["class"], cat["box_ap50"], cat["misses"], cat["false_alarms"]) == ("cat", 0.0, 1, 1)
    # Dogs by score: hit 0.9, false 0.8, hit 0.4: precision 1 up to recall 0.5, 2/3 beyond, read at 101 recalls.
    assert dog["box_ap50"] == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert row["mask_ap50"] is None


def test_masks_count_where_there_are_some(data):
    sees = Says(("dog",), [(0, LARGE, 0.9)], [(0, MEDIUM, 0.8)], [], masked=True)
    found, _ = measured(data, sees, ("dog",))
    assert (found.row["mask_ap50"], found.row["box_ap50"]) == (pytest.approx(1), pytest.approx(1))


def test_a_model_with_masks_that_finds_nothing_has_none_right(data, tmp_path, monkeypatch):
    monkeypatch.setattr(detector, "open_engine", lambda info, runtime, device: OpenEngine(Painter(), "a painter"))
    blind = detector.MaskRCNNDetector(checkpoint_file(tmp_path / "pets.h5"))
    found, _ = measured(data, blind)
    assert not any(map(len, found.looked.predictions))
    assert (found.row["mask_ap50"], found.row["box_ap50"]) == (0, 0)
    nothing, _ = measured(data, Says(("dog", "cat"), [], [], []))
    assert nothing.row["mask_ap50"] is None  # boxes only


def test_time_is_the_median_after_warming_up(data):
    sees = Says(("dog",), [], [], [])
    ticks = itertools.chain([0, 0.010], [1, 1.050], [2, 2.020])
    found, _ = measured(data, sees, ("dog",), clock=lambda: next(ticks))
    assert found.row["milliseconds"] == pytest.approx(20)
    assert sees.looks == 3 + compare.WARM_UP


def test_classes_count_as_others_in_truth_and_detections(data):
    faces = Says(("face",), [(0, LARGE, 0.9), (0, MEDIUM, 0.9)], [(0, MEDIUM, 0.9)], [])
    pets = {"dog": "face", "cat": "face"}
    found, objects_ = measured(data, faces, ("face",), pets)
    assert objects_.class_names == ("BG", "face")
    assert (found.row["objects"], found.row["misses"], found.row["false_alarms"]) == (3, 0, 0)


def test_which_classes_are_compared():
    finds = {"a": ("face",), "b": ("dog", "cat", "BG")}
    assert compare.compared_classes(("dog", "cat"), {"b": finds["b"]}, (), {}) == ("dog", "cat")
    assert compare.compared_classes(("dog", "cat"), finds, (), {"face": "dog"}) == ("dog",)
    assert compare.compared_classes(("dog", "cat"), finds, ("cat",), {}) == ("cat",)
    with pytest.raises(
        UserError, match=r"no class is found by all.*a finds face; b finds dog, cat, BG.*--same face=nface"
    ):
        compare.compared_classes(("dog", "cat"), finds, (), {})
    with pytest.raises(
        UserError, match=r"--same fase=dog: nobody has a class fase: the truth has dog, cat; a finds face; b finds dog"
    ):
        compare.compared_classes(("dog", "cat"), finds, ("dog",), {"fase": "dog"})
    with pytest.raises(UserError, match="--class cow: the truth has dog, cat"):
        compare.compared_classes(("dog", "cat"), finds, ("cow",), {})


def test_what_one_finds_and_others_miss(data):
    first, objects_ = measured(data, Says(("dog", "cat"), [(0, LARGE, 0.9), (1, MEDIUM, 0.9)], [], []))
    second, _ = measured(data, Says(("dog", "cat"), [(0, LARGE, 0.9)], [(0, MEDIUM, 0.9)], []))
    third, _ = measured(data, Says(("dog", "cat"), [(0, LARGE, 0.3)], [(0, MEDIUM, 0.9)], []))
    rows = compare.contested([first, second, third], objects_)
    assert [(each.picture, each.class_name, each.area, len(each.found_by)) for each in rows] == [
        (0, "cat", 400, 1),  # found by one alone: first
        (0, "dog", 1600, 2),
        (1, "dog", 400, 2),
    ]


@pytest.fixture
def opened(monkeypatch):
    """Detectors by name, in place of real ones; what they were opened with."""
    known = {
        "faces": Says(("face",), [(0, LARGE, 0.9)], [], []),
        "runs/pets": Says(("dog", "cat"), [(0, LARGE, 0.9), (1, MEDIUM, 0.9)], [(0, MEDIUM, 0.9)], [(0, SMALL, 0.9)]),
    }
    given = []
    monkeypatch.setattr("mrcnn.detectors.open_named", lambda name, **options: given.append(options) or known[name])
    return given


def test_command_prints_a_table_and_writes_a_page(data, opened, tmp_path, capsys):
    out = tmp_path / "out"
    argv = ["compare", "faces", "runs/pets", "--data", str(data), "--same", "face=dog", "-o", str(out), "--quiet"]
    argv += ["--classes", "runs/pets=BG,dog,cat"]
    assert main(argv) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].split()[:7] == ["faces", "0.505", "–", "0.50", "0.500", "1.000", "1/2"]
    assert printed[2].split()[:7] == ["pets", "1.000", "–", "0.50", "1.000", "0.667", "0/2"]
    assert printed[4] == f"dog in 3 pictures of val of {data}; face as dog"
    assert opened[0]["floor"] == compare.FLOOR
    assert [each["classes"] for each in opened] == [None, "BG,dog,cat"]
    page = html.fromstring((out / "compare.html").read_text())
    assert [row[0].text for row in page.findall(".//tbody/tr")] == ["faces", "pets"]
    assert [each.text_content() for each in page.iter("figcaption")] == ["val1.pngdogfound by petsmissed by faces"]
    assert json.loads((out / "contested.json").read_text())[0]["found_by"] == "pets"
    assert len(list((out / "contested").iterdir())) == 1
    assert [row["detector"] for row in json.loads((out / "compare.json").read_text())["rows"]] == ["faces", "pets"]


def test_a_class_that_a_detector_does_not_know_counts_as_missed(data, opened, capsys, caplog):
    main(["compare", "faces", "runs/pets", "--data", str(data), "--same", "face=dog", "--class", "dog,cat", "--quiet"])
    assert "faces does not know cat: all of these count as missed" in caplog.text
    assert capsys.readouterr().out.splitlines()[1].split()[6] == "2/3"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["faces", "faces"], "faces is given twice"),
        (["faces", "--same", "face"], "--same face: expected A=B"),
        (["faces", "--same", "face=dog", "--same", "face=cat"], "face cannot count as both dog and cat"),
        (
            ["faces", "runs/pets", "--same", "fase=dog"],
            "nobody has a class fase: the truth has dog, cat; faces finds face",
        ),
        (["faces", "--classes", "pets=BG,dog"], "--classes pets=BG,dog: expected DETECTOR=NAMES"),
        (["faces", "--overlap", "0.3"], "--overlap 0.3: expected 0.5, 0.55 ... 0.95"),
        (["faces", "--score", "0"], "--score 0: expected a score between 0 and 1"),
        (["faces", "--score", "nan"], "--score nan: expected a score between 0 and 1"),
        (["faces", "--overlap", "inf"], "--overlap inf: expected 0.5, 0.55 ... 0.95"),
        (["faces", "--limit", "0"], "--limit 0"),
        (["faces", "--split", "test"], "no split 'test'"),
        (["faces"], "no class is found by all"),
    ],
)
def test_wrong_flags_are_named(data, opened, argv, words, capsys):
    out = data.parent / "new" / "out"
    assert at_the_edge(main, ["compare", *argv, "--data", str(data), "-o", str(out), "--quiet"]) == 2
    assert words in capsys.readouterr().err
    assert not out.parent.exists()


def test_tiles_that_were_not_made_here_are_not_replaced(data, opened, tmp_path, capsys):
    stranger = tmp_path / "out" / "contested" / "holiday.jpg"
    stranger.parent.mkdir(parents=True)
    stranger.touch()
    argv = ["compare", "runs/pets", "--data", str(data), "-o", str(tmp_path / "out"), "--quiet"]
    assert at_the_edge(main, argv) == 2
    assert "holds holiday.jpg, which was not made here" in capsys.readouterr().err
    assert opened == []  # said before anything is looked at
    stranger.unlink()
    assert at_the_edge(main, argv) == 0
    assert at_the_edge(main, argv) == 0


def test_an_unknown_detector_is_named(data, capsys):
    assert main(["compare", "harr", "--data", str(data)]) == 2
    assert "unknown detector 'harr': did you mean 'haar'?" in capsys.readouterr().err


def test_a_graph_beside_a_detector_of_faces(tmp_path, capsys):
    """For real: a TensorFlow graph that sees what is red as clowns, and CenterFace, which sees no face there."""
    pytest.importorskip("tensorflow")
    from coloured_shapes import LABEL_MAP, frozen_graph, picture

    box = (20, 10, 60, 50)  # left, top, right, bottom
    folder = dataset(tmp_path / "set", [objects((1, box)), objects()], names=("clown", "dog"))
    for number, red in enumerate([(10, 20, 50, 60), None]):
        drawn = cv2.cvtColor(picture(100, 100, red=red), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / "images" / f"val{number}.png"), drawn)
    frozen_graph(tmp_path / "frozen_inference_graph.pb")
    (tmp_path / "labels.pbtxt").write_text(LABEL_MAP, encoding="utf-8")
    graph = tmp_path / "frozen_inference_graph.pb"
    argv = ["compare", str(graph), "centerface", "--data", str(folder), "--same", "face=clown", "--quiet"]
    assert main([*argv, "--classes", f"{graph}={tmp_path / 'labels.pbtxt'}"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:3]]
    assert [row[0] for row in rows] == ["frozen_inference_graph.pb", "centerface"]
    assert (rows[0][1], rows[0][4], rows[0][6]) == ("1.000", "1.000", "0/1")
    assert rows[1][6] == "1/1"
