"""The commands as a person types them."""

import json

import label_files
import numpy as np
import pytest
from PIL import Image

from annotate import view
from annotate.cli import main
from annotate.reading import read_labels


@pytest.fixture
def labels(tmp_path):
    objects = {f"p{n}": [("dog", 10, 20, 30, 40), ("cat", 40 + n, 10, 70, 50)] for n in range(6)}
    return label_files.labelled(tmp_path, objects)


def run(*arguments):
    return main([str(argument) for argument in (*arguments, "--quiet")])


def test_stats_of_a_dataset_that_was_touched(labels, tmp_path, capsys):
    assert run("convert", labels, "-o", tmp_path / "set") == 0
    label_files.picture(tmp_path / "set" / "images" / "later.jpg", seed=50)
    assert run("stats", tmp_path / "set", "--negatives") == 0
    (tmp_path / "set" / "dataset.json").write_text("{")
    assert run("stats", tmp_path / "set") == 2
    assert "dataset.json: cannot be read" in capsys.readouterr().err


def test_check_of_a_clean_set_is_silent_and_0(labels, capsys):
    assert run("check", labels) == 0
    out, err = capsys.readouterr()
    assert out == "" and "6 pictures with 6 cat, 6 dog; no faults" in err


def test_check_names_faults_and_ends_with_1(labels, capsys):
    label_files.voc(labels / "p0.xml", [("dog", 10, 20, 30, 40), ("dog", 70, 20, 95, 40)])
    assert run("check", labels) == 1
    assert f"{labels / 'p0.xml'}:5: beyond-edge: dog: (70, 20, 95, 40) reaches beyond 80x60" in capsys.readouterr().out
    run("check", labels, "--json")
    (fault,) = json.loads(capsys.readouterr().out)
    assert fault["kind"] == "beyond-edge" and fault["done"] == "it is clipped"


def test_fix_writes_a_set_without_faults_and_leaves_the_old_one_alone(labels, tmp_path, capsys):
    label_files.voc(labels / "p0.xml", [("dog", 10, 20, 30, 40), ("dog", 70, 20, 95, 40), ("dog", 5, 5, 5, 5)])
    before = (labels / "p0.xml").read_bytes()
    assert run("check", labels, "--fix", tmp_path / "mended") == 1
    assert (labels / "p0.xml").read_bytes() == before
    assert run("check", tmp_path / "mended") == 0
    (first, *_) = read_labels(tmp_path / "mended").images
    np.testing.assert_array_equal(first.objects.xyxy, [[10, 20, 30, 40], [70, 20, 80, 40]])


def test_fix_keeps_folders(labels, tmp_path):
    for seed, place in enumerate(("one", "two")):  # one name in two folders
        label_files.picture(tmp_path / "images" / place / "p.jpg", seed=40 + seed)
        label_files.voc(labels / place / "p.xml", [("dog", 10 + seed, 20, 95, 40)])
    assert run("check", labels, "--fix", tmp_path / "mended") == 1
    for place in ("one", "two"):
        assert (tmp_path / "mended" / "labels" / place / "p.xml").is_file()
        picture = (tmp_path / "mended" / "images" / place / "p.jpg").read_bytes()
        assert picture == (tmp_path / "images" / place / "p.jpg").read_bytes()
    assert run("check", tmp_path / "mended") == 0
    boxes = {
        image.path.parent.name: image.objects.xyxy[0].tolist() for image in read_labels(tmp_path / "mended").images
    }
    assert (boxes["one"], boxes["two"]) == ([10, 20, 80, 40], [11, 20, 80, 40])


def test_convert_prints_what_came_of_it(labels, tmp_path, capsys):
    assert run("convert", labels, "-o", tmp_path / "set", "--split", "train=0.5,val=0.5", "--classes", "dog,cat") == 0
    assert (
        capsys.readouterr().out
        == f"train: 3 pictures, 3 dog, 3 cat\nval: 3 pictures, 3 dog, 3 cat\n{tmp_path / 'set'}\n"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        ("--masks", "model"),
        ("--weights", "x.h5"),
        ("--split", "train=2"),
        ("--classes", "dog,dog"),
        ("--rename", "dog"),
        ("--group-by", "("),
        ("--seed", "-1"),
        ("--workers", "-1"),
        ("--format", "coco"),
    ],
)
def test_convert_refuses_what_cannot_be_meant(labels, tmp_path, wrong, capsys):
    assert run("convert", labels, "-o", tmp_path / "set", *wrong) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "set").exists()


def test_convert_warns_of_a_class_that_is_not_there(labels, tmp_path, capsys):
    assert run("convert", labels, "-o", tmp_path / "set", "--classes", "dog,cat,cow") == 0
    assert "warning: train shows no cow\nwarning: val shows no cow\n" in capsys.readouterr().err


def test_a_dataset_folder_is_viewed_and_counted(labels, tmp_path, capsys):
    run("convert", labels, "-o", tmp_path / "set")
    capsys.readouterr()
    assert run("view", tmp_path / "set", "-o", tmp_path / "sheet.png", "--count", "4", "--columns", "2") == 0
    page = np.array(Image.open(tmp_path / "sheet.png"))
    assert page.shape[1] == 2 * 406 + 6 and page.std() > 20
    assert run("stats", tmp_path / "set", "-o", tmp_path / "numbers") == 0
    rows = [line.split(",") for line in (tmp_path / "numbers.csv").read_text().splitlines()]
    assert rows[0][:4] == ["split", "name", "images", "objects"]
    assert ["all", "cat", "6", "6"] in [row[:4] for row in rows]
    assert {row[0] for row in rows[1:]} == {"all", "train", "val"}
    assert Image.open(tmp_path / "numbers.png").size[0] == 1300
    assert "20x20" in capsys.readouterr().out  # the dogs


@pytest.mark.parametrize(
    ("command", "name", "wrong", "reason"),
    [
        ("view", "sheet.jpg", (), "ends in .png"),
        ("view", "sheet.png", ("--seed", "-1"), "--seed -1: expected 0 or more"),
        ("view", "sheet.png", ("--columns", "0"), "--columns 0: expected 1 or more"),
        ("stats", "nowhere/stats", (), "nowhere does not exist"),
        ("suggest", "drafts", ("--score", "2"), "--score 2.0"),
    ],
)
def test_wrong_targets_and_numbers_are_refused_before_any_work(labels, tmp_path, capsys, command, name, wrong, reason):
    before = sorted(tmp_path.rglob("*"))
    assert run(command, labels, "-o", tmp_path / name, *wrong) == 2
    out, err = capsys.readouterr()
    assert out == "" and reason in err and err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("place", ["nowhere", "labels"])
def test_suggest_makes_no_folder_where_there_is_nothing_to_draft(labels, tmp_path, capsys, place):
    assert run("suggest", tmp_path / place, "-o", tmp_path / "drafts", "--detector", "haar") == 2
    assert f"{tmp_path / place}: no " in capsys.readouterr().err and not (tmp_path / "drafts").exists()


def test_stats_go_into_a_folder_that_is_there(labels, tmp_path):
    (tmp_path / "numbers").mkdir()
    assert run("stats", labels, "-o", tmp_path / "numbers") == 0
    assert sorted(path.name for path in (tmp_path / "numbers").iterdir()) == ["stats.csv", "stats.png"]


def test_crowds_are_counted_and_drawn_as_such(tmp_path, capsys):
    label_files.picture(tmp_path / "a.png", seed=1)
    drawn = {"label": "dog", "points": [[10, 0], [60, 40]], "shape_type": "rectangle", "flags": {"crowd": True}}
    label_files.save_json(tmp_path / "a.json", {"shapes": [drawn], "imagePath": "a.png"})
    assert run("stats", tmp_path) == 0
    head, row, _ = (line.split() for line in capsys.readouterr().out.splitlines())
    assert (head[-1], row[-1]) == ("crowd", "1")
    (image,) = read_labels(tmp_path).images
    assert view.texts(image, ("dog",)) == ["dog (crowd)"]


def test_a_row_of_the_sheet_is_as_high_as_its_tallest_picture(tmp_path):
    for name, size in (("a", (60, 80)), ("b", (20, 80)), ("c", (20, 80))):
        label_files.picture(tmp_path / "images" / f"{name}.jpg", size)
        label_files.voc(tmp_path / "labels" / f"{name}.xml", [("dog", 0, 0, 40, 20)], size)
    page = view.sheet(read_labels(tmp_path / "labels"), [0, 1, 2], columns=2)
    assert page.shape == (view.GAP + 300 + 100 + 2 * (view.CAPTION + view.GAP), 3 * view.GAP + 2 * 400, 3)


def test_export_and_back(labels, tmp_path):
    for kind in ("yolo", "labelme", "coco", "voc"):
        assert run("export", labels, "-o", tmp_path / kind, "--to", kind) == 0
        assert read_labels(tmp_path / kind).counts == {"cat": 6, "dog": 6}


def test_suggest_ends_with_1_only_where_something_failed(tmp_path, capsys):
    label_files.labelled(tmp_path, {"corrected": [("dog", 10, 20, 30, 40)]})
    assert run("suggest", tmp_path / "images", "-o", tmp_path / "labels", "--detector", "haar") == 0
    assert "corrected.jpg: is labelled already" in capsys.readouterr().err
    (tmp_path / "images" / "already.jpg").write_bytes(b"nothing")
    assert run("suggest", tmp_path / "images", "-o", tmp_path / "labels", "--detector", "haar") == 1
    assert "already.jpg: " in capsys.readouterr().err


def test_suggest_drafts_faces_that_open_again_and_never_overwrites(tmp_path, capsys):
    from skimage import data

    pictures = tmp_path / "images"
    pictures.mkdir()
    Image.fromarray(data.astronaut()).save(pictures / "astronaut.png")
    (pictures / "broken.png").write_bytes(b"\x89PNG nothing")
    assert run("suggest", pictures, "-o", tmp_path / "labels", "--rename", "face=nface") == 1
    assert "broken.png" in capsys.readouterr().err
    (image,) = read_labels(tmp_path / "labels").images
    (box,) = image.objects.xyxy
    assert read_labels(tmp_path / "labels").classes == ("nface",)
    assert 150 < box[0] < 210 and 50 < box[1] < 120 and 230 < box[2] < 300 and 150 < box[3] < 230
    draft = (tmp_path / "labels" / "astronaut.xml").read_bytes()
    assert b"<folder>images</folder>" in draft and b"<pose>Unspecified</pose>" in draft
    (tmp_path / "labels" / "astronaut.xml").write_bytes(draft.replace(b"nface", b"corrected"))
    run("suggest", pictures, "-o", tmp_path / "labels", "--score", "0.99", "--input-size", "256", "--overwrite")
    assert b"<object>" not in (tmp_path / "labels" / "astronaut.xml").read_bytes()
    (tmp_path / "labels" / "astronaut.xml").write_bytes(draft.replace(b"nface", b"corrected"))
    assert run("suggest", pictures, "-o", tmp_path / "labels", "--score", "7") == 2
    run("suggest", pictures, "-o", tmp_path / "labels")
    assert read_labels(tmp_path / "labels").classes == ("corrected",)
