"""One small set is drawn for most tests here: 5 pictures of 160x120 and a video of two scenes, 12 and 10 frames."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest
from lxml import etree
from pycocotools.coco import COCO

from common.detections import read_detections
from data import demo_set, demo_video
from data.cli import main
from data.demo_picture import CLASSES, make_picture
from data.demo_video import make_frame

SIZE = (120, 160)
SCENES = (12, 10)
FRAMES = sum(SCENES)


def demo(out, *more):
    return main(["demo", "--out", str(out), "--seed", "4", "--size", "160x120", "--quiet", *more])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_video, "SCENES", SCENES)
        patch.setattr(demo_set, "FRAMES", FRAMES)
        demo_video.stage.cache_clear()
        assert demo(folder, "--count", "5", "--videos", "1", "--processes", "1") == 0
    demo_video.stage.cache_clear()
    return folder


@pytest.fixture(scope="module")
def coco(made):
    return COCO(str(made / "masks.json"))


def test_the_folder_holds_what_it_says(made):
    names = [f"demo_{index:06d}" for index in range(5)]
    assert sorted(path.name for path in made.iterdir()) == [
        "README.txt",
        "annotations",
        "images",
        "made.json",
        "masks.json",
        "videos",
    ]
    assert sorted(path.stem for path in (made / "images").iterdir()) == names
    assert sorted(path.stem for path in (made / "annotations").iterdir()) == names
    assert sorted(path.name for path in (made / "videos").iterdir()) == ["demo_00.mp4", "demo_00.truth.jsonl"]
    assert list(made.parent.iterdir()) == [made]
    assert all(cv2.imread(str(path)).shape == (*SIZE, 3) for path in (made / "images").iterdir())


def test_the_same_seed_gives_the_same_bytes_in_another_process(made):
    """Another process has another seed of `hash()`, and draws in another order."""
    script = "import sys; from data.demo_picture import make_picture as m; a = m(3, 4, (120, 160)); "
    script += "sys.stdout.buffer.write(a.jpeg + a.xml)"
    command = [sys.executable, "-c", script]
    root = Path(__file__).parents[2]
    drawn = subprocess.run(command, cwd=root, env={"PYTHONHASHSEED": "77"}, capture_output=True, check=True).stdout
    kept = (made / "images/demo_000003.jpg").read_bytes() + (made / "annotations/demo_000003.xml").read_bytes()
    assert drawn == kept
    assert make_picture(3, 5, SIZE).jpeg != (made / "images/demo_000003.jpg").read_bytes()


def test_boxes_are_the_extents_of_the_visible_masks(coco):
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == list(CLASSES)
    assert len(coco.anns) > 8
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation)
        assert mask.shape == SIZE
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        extent = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        assert annotation["bbox"] == extent
        assert annotation["area"] == mask.sum()
        assert 0 < annotation["visible"] <= 1


def test_a_pixel_has_one_owner_but_for_a_person_and_its_head(coco):
    for image in coco.getImgIds():
        annotations = coco.imgToAnns[image]
        owners = np.zeros((len(CLASSES) + 1, *SIZE), int)
        for annotation in annotations:
            owners[annotation["category_id"]] += coco.annToMask(annotation)
        clown, nface, color, person = owners[1:]
        assert person.max() <= 1
        assert (clown + nface + color).max() <= 1
        assert (person + color).max() <= 1
        heads = clown + nface
        assert heads[person == 0].sum() <= 0.02 * max(heads.sum(), 1)  # half-covered pixels at a head's edge only


def test_the_xml_holds_the_labelled_objects_and_their_boxes(made, coco):
    for image in coco.loadImgs(coco.getImgIds()):
        root = etree.parse(str(made / "annotations" / image["file_name"].replace(".jpg", ".xml")))
        assert root.findtext("filename") == image["file_name"]
        assert (root.findtext("size/width"), root.findtext("size/height")) == ("160", "120")
        written = [
            (element.findtext("name"), [int(edge.text) for edge in element.find("bndbox")])
            for element in root.iterfind("object")
        ]
        expected = [
            (CLASSES[known["category_id"] - 1], [max(x, 1), max(y, 1), x + width, y + height])
            for known in coco.imgToAnns[image["id"]]
            if not known["iscrowd"]
            for x, y, width, height in [known["bbox"]]
        ]
        assert written == expected


def test_small_and_hidden_objects_are_crowds(coco):
    for annotation in coco.anns.values():
        if not annotation["iscrowd"]:
            assert min(annotation["bbox"][2:]) >= 8
            person = CLASSES[annotation["category_id"] - 1] == "person"
            assert annotation["visible"] >= 0.2 or (person and annotation["area"] >= 0.03 * SIZE[0] * SIZE[1])


def test_the_counts_are_those_of_the_files(made, coco):
    facts = json.loads((made / "made.json").read_text())
    counted = Counter(CLASSES[one["category_id"] - 1] for one in coco.anns.values() if not one["iscrowd"])
    assert facts["labelled"] == {name: counted[name] for name in CLASSES}
    assert facts["seed"] == 4 and facts["pictures"] == 5
    assert "seed 4" in (made / "README.txt").read_text()


def test_clowns_and_plain_people_are_about_as_many_and_of_many_sizes():
    """Casting is checked without drawing: 200 casts."""
    from data.figures.placing import cast

    names, units = Counter(), []
    for index in range(200):
        for figure in cast((480, 640), np.random.default_rng([9, index])):
            names.update(list(figure.numbers))
            if figure.whole:
                units.append(figure.unit)
    assert names["person"] == names["clown"] + names["nface"] == len(units)
    assert 0.4 < names["clown"] / names["person"] < 0.6
    assert 0.4 < names["color"] / names["person"] < 1.2
    assert np.percentile(units, 10) < 48 and np.percentile(units, 90) > 140  # head heights in a picture of 480


def test_a_head_in_front_hides_a_head_behind():
    """Two heads at one place: all of the near one is seen, of the far one only what is larger."""
    from data.figures.ball import Ball
    from data.figures.light import Light
    from data.figures.placing import matrix
    from data.figures.scene import Placed, shoot

    light = Light(np.array([0.0, -0.6, 0.8]), np.full(3, 0.6), np.full(3, 0.4))
    ball = Ball("glossy", np.array([200.0, 20, 20]), np.zeros(3), 1)

    def placed(number, x, radius):
        return Placed(ball.draw, (-1.5, -1.5, 1.5, 1.5), [matrix(x, 60, radius)], {"color": number})

    grey = np.full((*SIZE, 3), 128, np.float32)
    far, near, outside = shoot(grey, [placed(0, 80, 30), placed(1, 80, 15), placed(2, 0, 20)], light).instances
    assert near.share() == pytest.approx(1, abs=0.02) and not near.truncated
    assert far.share() == pytest.approx(0.75, abs=0.02) and not far.truncated
    assert outside.share() == pytest.approx(0.5, abs=0.03) and outside.truncated
    assert near.mask.sum() == pytest.approx(np.pi * 15**2, rel=0.04)  # outlines are drawn with their edge
    assert not (far.mask & near.mask).any()


def test_a_video_has_a_line_of_truth_a_frame_and_sound(made):
    with av.open(str(made / "videos/demo_00.mp4")) as file:
        assert len(list(file.decode(video=0))) == FRAMES
    with av.open(str(made / "videos/demo_00.mp4")) as file:
        heard = np.concatenate([block.to_ndarray() for block in file.decode(audio=0)], axis=1)
    assert np.abs(heard).max() > 0.1
    truth = list(read_detections(made / "videos/demo_00.truth.jsonl"))
    assert [objects.index for objects in truth] == list(range(FRAMES))


def test_in_a_video_people_cross_leave_and_a_cut_comes(made):
    truth = list(read_detections(made / "videos/demo_00.truth.jsonl"))
    assert [objects.index for objects in truth if objects.cut] == [SCENES[0]]
    tracks = [set(objects.detections.tracker_id.tolist()) for objects in truth]
    assert not tracks[SCENES[0] - 1] & tracks[SCENES[0]]  # nobody is in both scenes
    assert 3 in tracks[4] and 3 not in tracks[SCENES[0] - 1]  # somebody has crossed and left
    people = [
        {track: box[0] for track, box, kind in zip(d.tracker_id, d.xyxy, d.class_id, strict=True) if kind == 3}
        for d in (objects.detections for objects in truth)
    ]
    both = [frame[3] - frame[6] for frame in people[: SCENES[0]] if {3, 6} <= frame.keys()]
    assert min(both) < 0 < max(both)  # the two who walk have passed one another


def test_what_moves_fast_is_blurred_in_the_video():
    """The frame in which somebody rushes out is softer than the one in which it stands."""

    def sharpness(index):
        frame = make_frame(4, 0, index, SIZE)
        detections = frame.objects.detections
        mask = np.asarray(detections.mask)[np.flatnonzero(detections.tracker_id == 104)[0]].astype(np.uint8)
        inside = cv2.erode(mask, np.ones((5, 5), np.uint8)).astype(bool)
        return np.abs(cv2.Sobel(frame.picture[..., 1].astype(np.float32), cv2.CV_32F, 1, 0))[inside].mean()

    stands, rushes = demo_video.SCENES[0] + 42, demo_video.SCENES[0] + 49
    assert sharpness(rushes) < 0.8 * sharpness(stands)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--count", "0"], "--count 0"),
        (["--count", "1", "--videos", "-1"], "--videos -1"),
        (["--count", "1", "--seed", "-3"], "--seed -3"),
        (["--count", "1", "--size", "161x120"], "--size 161x120"),
        (["--count", "1", "--size", "big"], "--size big"),
        (["--count", "1", "--processes", "0"], "--processes 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(tmp_path, capsys, flags, said):
    assert demo(tmp_path / "set", *flags) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_videos_may_stand_alone():
    demo_set.check_numbers(count=0, seed=0, videos=1, size=SIZE)


def test_only_a_made_set_is_replaced_and_only_on_request(tmp_path, capsys):
    out = tmp_path / "set"
    out.mkdir()
    one = ["--count", "1", "--processes", "1"]
    assert demo(out, *one) == 0  # an empty folder is filled
    assert demo(out, *one) == 2
    assert "not empty" in capsys.readouterr().err
    (out / "images" / "old.jpg").touch()
    assert demo(out, *one, "--overwrite") == 0
    assert not (out / "images" / "old.jpg").exists()
    other = tmp_path / "holiday"
    other.mkdir()
    (other / "photo.jpg").touch()
    assert demo(other, *one, "--overwrite") == 2
    assert "something else" in capsys.readouterr().err
    assert (other / "photo.jpg").exists()


def test_a_run_that_is_broken_off_leaves_nothing(tmp_path, monkeypatch):
    drawn = []

    def broken(job):
        drawn.append(job)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return make_picture(*job)

    monkeypatch.setattr(demo_set, "_picture", broken)
    assert demo(tmp_path / "set", "--count", "3", "--processes", "1") == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(tmp_path):
    for processes in "12":
        assert demo(tmp_path / processes, "--count", "6", "--processes", processes) == 0
    first, second = (
        {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
        for root in (tmp_path / "1", tmp_path / "2")
    )
    assert first == second


@pytest.mark.slow
def test_a_killed_run_leaves_no_process_and_its_rest_is_swept(tmp_path):
    """SIGKILL can be answered by nobody: the drawing processes see their parent gone, the next run sweeps."""
    out = tmp_path / "set"
    command = [sys.executable, "-m", "data", "demo", "--out", str(out), "--count", "500", "--processes", "2"]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True) as run:
        assert "drawing" in run.stderr.readline()
        children = psutil.Process(run.pid).children(recursive=True)
        run.kill()
        assert psutil.wait_procs(children, timeout=60)[1] == []
    assert not out.exists()
    assert [path.name.startswith(".hiding-") for path in tmp_path.iterdir()] == [True]
    assert demo(out, "--count", "1", "--processes", "1") == 0
    assert list(tmp_path.iterdir()) == [out]
