"""Misses and false alarms: which there are, in which order, what is said of them, and what their tiles show."""

import csv
import json

import cv2
import numpy as np
import pytest
from made_run import CLASSES, dataset, found, objects, predict, run_folder

from evaluate import plots, tiles
from evaluate.cli import main
from evaluate.faults import FALSE_ALARM, MISS, Fault, find_faults

NAMES = ("BG", *CLASSES)
DOG, CAT = 1, 2
LIMITS = (0.0, 0.5, 0.5)
SMALL, MEDIUM, LARGE = (0, 0, 10, 10), (20, 0, 40, 20), (50, 50, 90, 90)
HALF_OF_MEDIUM, CORNER_OF_MEDIUM = (20, 0, 29, 20), (39, 19, 60, 60)


def faults(truth, predicted, limits=LIMITS):
    return find_faults(truth, predicted, NAMES, limits)


def test_misses_come_largest_first_and_classes_take_turns():
    truth = [objects((DOG, SMALL), (DOG, LARGE), (CAT, MEDIUM)), objects((DOG, MEDIUM))]
    missed = faults(truth, [found(), found()]).misses
    assert [(each.class_name, each.area) for each in missed] == [
        ("dog", 1600),
        ("cat", 400),
        ("dog", 400),
        ("dog", 100),
    ]
    assert [each.picture for each in missed] == [0, 0, 1, 0]
    assert missed[0].box == LARGE
    assert {each.words for each in missed} == {"not seen at all"}


def test_false_alarms_come_most_confident_first():
    seen = [found((DOG, SMALL, 0.6), (CAT, MEDIUM, 0.7)), found((DOG, LARGE, 0.9))]
    alarms = faults([objects(), objects()], seen).false_alarms
    assert [(each.class_name, round(each.score, 2), each.picture) for each in alarms] == [
        ("dog", 0.9, 1),
        ("cat", 0.7, 0),
        ("dog", 0.6, 0),
    ]
    assert alarms[0].words == "on nothing that is labelled"


@pytest.mark.parametrize(
    ("seen", "words", "score"),
    [
        ([(DOG, MEDIUM, 0.4)], "seen with 0.400, below 0.500", 0.4),
        ([(CAT, MEDIUM, 0.8)], "taken for cat (0.80)", None),
        ([(CAT, MEDIUM, 0.8), (DOG, MEDIUM, 0.3)], "taken for cat (0.80); seen with 0.300, below 0.500", 0.3),
        ([(DOG, HALF_OF_MEDIUM, 0.9)], "overlapped by 0.45 only", None),
        ([(DOG, CORNER_OF_MEDIUM, 0.9)], "touched, no more", None),
    ],
)
def test_a_miss_says_why(seen, words, score):
    (missed,) = faults([objects((DOG, MEDIUM))], [found(*seen)]).misses
    assert missed.words == words
    assert missed.score == (None if score is None else pytest.approx(score))


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ([(DOG, MEDIUM, 0.9), (DOG, MEDIUM, 0.8)], "second sighting of a dog"),
        ([(CAT, MEDIUM, 0.8)], "on a dog"),
        ([(DOG, HALF_OF_MEDIUM, 0.9)], "overlaps a dog by 0.45 only"),
        ([(CAT, CORNER_OF_MEDIUM, 0.9)], "touches a dog, no more"),
    ],
)
def test_a_false_alarm_says_what_it_lies_on(seen, words):
    (alarm,) = faults([objects((DOG, MEDIUM))], [found(*seen)]).false_alarms
    assert alarm.words == words


def test_what_is_ignored_or_below_its_threshold_is_no_fault():
    truth = [objects((DOG, LARGE, "crowd"), (DOG, MEDIUM, "difficult"))]
    seen = [found((DOG, LARGE, 0.9), (CAT, SMALL, 0.49))]
    assert faults(truth, seen) == faults([objects()], [found()])
    assert len(faults(truth, seen, (0, 0.5, 0.4)).false_alarms) == 1


def test_a_tile_shows_the_surroundings_within_the_picture():
    assert tiles.window((40, 40, 60, 60), (100, 100)) == tiles.Window(24, 24, 52)
    assert tiles.window((0, 0, 20, 20), (100, 100)) == tiles.Window(0, 0, 52)
    assert tiles.window((0, 30, 100, 70), (100, 100)) == tiles.Window(-5, -5, 110)
    assert tiles.window((0, 0, 2000, 1000), (1000, 2000)).side == 2200


def test_a_tile_marks_the_fault_the_truth_and_the_detections():
    picture = np.full((100, 100, 3), 90, np.uint8)
    truth, seen = objects((DOG, (20, 20, 30, 30)), (CAT, (60, 20, 70, 30))), found((DOG, (40, 60, 50, 70), 0.9))
    fault = Fault(MISS, 0, 0, "dog", (20, 20, 30, 30), 100, None, "")
    drawn = tiles.tile(picture, fault, truth, seen)
    assert drawn.shape == (240, 240, 3)
    shown = tiles.window(fault.box, (100, 100))  # 48 pixels, 5 of the tile to each
    assert shown == tiles.Window(1, 1, 48)
    assert (np.abs(drawn.astype(int) - tiles.FOCUS).sum(axis=2) < 60).any()
    assert not (np.abs(drawn.astype(int) - tiles.FOUND).sum(axis=2) < 60).any()  # outside of the window
    wide = tiles.tile(picture, Fault(FALSE_ALARM, 0, 0, "dog", (5, 5, 95, 95), 1, 0.9, ""), truth, seen)
    for colour in (tiles.FOCUS, tiles.TRUTH, tiles.FOUND):
        assert (np.abs(wide.astype(int) - colour).sum(axis=2) < 60).any()


def test_a_large_picture_is_averaged_not_sampled():
    stripes = np.zeros((2000, 2000, 3), np.uint8)
    stripes[:, ::2] = 200
    drawn = tiles.tile(stripes, Fault(FALSE_ALARM, 0, 0, "dog", (0, 0, 2000, 2000), 1, 0.9, ""), objects(), found())
    assert abs(int(drawn[120, 60:180].mean()) - 100) < 8
    assert drawn[120, 60:180].std() < 12


@pytest.fixture
def run(tmp_path):
    data = dataset(tmp_path / "set", [objects((DOG, LARGE), (CAT, MEDIUM)), objects()])
    run = run_folder(tmp_path / "run", data)
    predict(
        run, data, {1: [found((DOG, LARGE, 0.9)), found()], 2: [found((CAT, MEDIUM, 0.8)), found((DOG, SMALL, 0.9))]}
    )
    return run


def test_command_writes_table_sheets_and_tiles_with_original_names(run, capsys):
    assert main(["gallery", "--run", str(run), "--checkpoint", "2", "--quiet"]) == 0
    assert "epoch_0002, the model's own threshold: 1 missed, 1 false alarms" in capsys.readouterr().out
    made = run / "eval" / "val" / "gallery"
    with (made / "faults.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["picture"], row["class"], row["what"]) for row in rows] == [
        ("miss", "val0.png", "dog", "not seen at all"),
        ("false alarm", "val1.png", "dog", "on nothing that is labelled"),
    ]
    assert [cv2.imread(str(made / row["tile"])).shape for row in rows] == [(240, 240, 3)] * 2
    assert json.loads((made / "about.json").read_text())["thresholds"] == {"dog": 0.7, "cat": 0.7}
    assert {path.name for path in made.glob("*.png")} == {"misses.png", "false_alarms.png"}


def test_the_chosen_thresholds_are_looked_at_unless_others_are_named(run, capsys):
    choice = {"checkpoint": "checkpoints/epoch_0002.h5", "thresholds": {"dog": 0.95}}
    (run / "choice.json").write_text(json.dumps(choice))
    main(["gallery", "--run", str(run), "--quiet"])
    assert "epoch_0002, thresholds chosen for the run: 1 missed, 0 false alarms" in capsys.readouterr().out
    main(["gallery", "--run", str(run), "--checkpoint", "1", "--score", "0.3", "--quiet"])
    assert "epoch_0001, the score asked for: 1 missed, 0 false alarms" in capsys.readouterr().out


def test_only_the_worst_are_drawn_but_all_are_listed(run):
    main(["gallery", "--run", str(run), "--checkpoint", "1", "--score", "0.95", "--limit", "1", "--quiet"])
    rows = json.loads((run / "eval" / "val" / "gallery" / "faults.json").read_text())
    assert [(row["class"], row["tile"]) for row in rows] == [("dog", "miss_001.jpg"), ("cat", "")]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--score", "1.5"], "--score 1.5"),
        (["--score", "nan"], "--score nan"),
        (["--limit", "0"], "--limit 0"),
        (["--checkpoint", "9"], "no checkpoint 9"),
    ],
)
def test_wrong_flags_are_named(run, flags, words, capsys):
    assert main(["gallery", "--run", str(run), "--quiet", *flags]) == 2
    assert words in capsys.readouterr().err


def test_a_picture_that_is_gone_is_named_and_the_old_gallery_stays(run, capsys):
    main(["gallery", "--run", str(run), "--checkpoint", "1", "--quiet"])
    made = run / "eval" / "val" / "gallery"
    before = sorted(path.name for path in made.iterdir())
    picture = next((run.parent / "set" / "images").glob("val0.png"))
    picture.write_bytes(b"x" * picture.stat().st_size)  # of the same size: its predictions are still known
    assert main(["gallery", "--run", str(run), "--checkpoint", "1", "--quiet"]) == 2
    assert "val0.png: missing or no picture" in capsys.readouterr().err
    assert sorted(path.name for path in made.iterdir()) == before


def test_names_with_formulas_in_them_are_only_names():
    sheet = tiles.sheet([(np.zeros((240, 240, 3), np.uint8), "a$b$ \\frac{.jpg\nçlöwn 笑")], "1 miss $x$")
    assert cv2.imdecode(np.frombuffer(sheet, np.uint8), cv2.IMREAD_COLOR) is not None


def test_classes_with_formulas_in_their_names_are_drawn(tmp_path):
    def draw(figure):
        figure.subplots().set_title("$\\frac 笑$")

    made = plots._drawn(tmp_path / "a.png", draw, (1, 1))  # warns of no glyph either
    assert cv2.imread(str(made)) is not None


def test_find_faults_refuses_what_does_not_belong_together():
    with pytest.raises(ValueError, match="pictures of truth"):
        find_faults([objects()], [], NAMES, LIMITS)
