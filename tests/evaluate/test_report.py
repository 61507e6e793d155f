"""The report: one file that needs nothing else, whatever files and classes are called."""

import base64
import json
import re

import cv2
import numpy as np
import pytest
from lxml import html
from made_run import dataset, found, objects, predict, run_folder

from common.cli import run as at_the_edge
from common.errors import UserError
from evaluate import page, report
from evaluate.cli import main

DOG, CAT = 1, 2
LARGE, MEDIUM, SMALL = (50, 50, 90, 90), (20, 0, 40, 20), (0, 0, 10, 10)
HOSTILE = "<img src=x onerror=alert(1)>&\"'"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two epochs on two pictures; the second is the chosen one; leaks and a comparison lie beside the tables."""
    folder = tmp_path_factory.mktemp("report")
    data = dataset(folder / "set", [objects((DOG, LARGE), (CAT, MEDIUM)), objects()])
    run = run_folder(folder / "run", data)
    first = [found((DOG, LARGE, 0.9)), found()]
    second = [found((DOG, LARGE, 0.8), (CAT, MEDIUM, 0.75)), found((DOG, SMALL, 0.9))]
    predict(run, data, {1: first, 2: second})
    choice = {"checkpoint": "checkpoints/epoch_0002.h5", "thresholds": {"dog": 0.85, "cat": 0.5}}
    (run / "choice.json").write_text(json.dumps(choice))
    lines = [{"epoch": 1, "loss": 2.5, "val_loss": None}, {"epoch": 2, "loss": 1.25, "val_loss": 1.5}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = json.loads((run / "settings.json").read_text())
    settings |= {"argv": ["--data", HOSTILE], "seed": 7, "versions": {"keras": "3.x"}}
    (run / "settings.json").write_text(json.dumps(settings))
    split = run / "eval" / "val"
    (split / "leak").mkdir(parents=True)
    numbers = {"visits": 4, "never_bare": 3, "never_bare_share": 0.75, "longest": 2}
    leak = {
        "sentence": "3 of 4 visits.",
        "judged": "so",
        "all": numbers,
        "by_class": {HOSTILE: numbers, "dog": numbers},
        "videos": {},
    }
    (split / "leak" / "leak.json").write_text(json.dumps(leak))
    (split / "compare").mkdir()
    (split / "compare" / "compare.json").write_text(json.dumps({"rows": [{"detector": "haar", "recall": 0.25}]}))
    assert main(["report", "--run", str(run), "--quiet"]) == 0
    return run


@pytest.fixture(scope="module")
def text(run):
    return (run / "eval" / "val" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tree(text):
    return html.fromstring(text)


def table(tree, heading, place=0):
    """Rows of a table of a section, first the headings, as texts."""
    (section,) = [each for each in tree.iter("section") if each.findtext("h2").startswith(heading)]
    found = section.findall(".//table")[place]
    return [[cell.text_content() for cell in row] for row in found.iter("tr")]


def test_it_is_one_file_that_asks_for_nothing(text, tree):
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", text).replace("data:", "")
    assert "url(" not in text
    assert tree.find(".//meta[@http-equiv]").get("content").startswith("default-src 'none'; img-src data:;")
    assert not list(tree.iter("link"))


def test_every_picture_is_inside_and_can_be_read(tree):
    sources = [each.get("src") for each in tree.iter("img")]
    assert len(sources) == 7  # five plots; one miss, one false alarm
    for source in sources:
        kind, data = source.split(",", 1)
        assert kind in ("data:image/png;base64", "data:image/jpeg;base64")
        assert cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR) is not None


def test_sections_and_links_to_them_agree(tree):
    links = {each.get("href").lstrip("#"): each.text for each in tree.find(".//nav")}
    assert links == {each.get("id"): each.findtext("h2") for each in tree.iter("section")}
    assert {"Epochs", "Training", "The run", "What slips through on video", "Beside other detectors"} <= {
        *links.values()
    }


def test_the_chosen_point_with_its_price(tree):
    head, dog, cat = table(tree, "The chosen point")
    assert head[:3] == ["class", "threshold", "recall"]
    assert dog[:3] == ["dog", "0.850", "0.0%"]
    assert dog[-3:] == ["0.500", "1", "1"]  # false alarms a picture, misses, false alarms
    assert cat[:3] == ["cat", "0.500", "100.0%"]


def test_tables_hold_what_was_measured(tree):
    assert [row[0] for row in table(tree, "Epochs")] == ["checkpoint", "epoch_0001", "epoch_0002"]
    assert table(tree, "What is taken")[0][1:] == ["dog", "cat", "missed"]
    assert table(tree, "Training")[1:] == [["1", "2.500", "–"], ["2", "1.250", "1.500"]]
    assert table(tree, "What slips through")[-1][1:4] == ["4", "3", "75.0%"]
    assert table(tree, "Beside other")[1][:5] == ["haar", "–", "–", "–", "25.0%"]
    assert ["seed", "7"] in table(tree, "The run")


def test_the_chosen_rows_stand_out(tree):
    marked = [row[0].text_content() for row in tree.findall(".//tr[@class='chosen']") if len(row) > 3]
    assert set(marked) == {"epoch_0002", "all"}


def test_misses_and_false_alarms_carry_their_file_names(tree):
    captions = [each.text_content() for each in tree.iter("figcaption")]
    assert captions == ["val0.pngdogseen with 0.800, below 0.850", "val1.pngdog 0.90on nothing that is labelled"]


def test_cells_carry_what_they_are_sorted_by(tree):
    row = tree.find(".//table[@class='list']/tbody/tr")
    assert row[1].get("data-value") == "0.85"
    missing = [cell for cell in tree.iter("td") if cell.text == "–"]
    assert missing
    assert {cell.get("data-value") for cell in missing} == {""}


def test_names_are_text_whatever_is_in_them(text, tree):
    assert HOSTILE not in text
    assert not [each for each in tree.iter("img") if each.get("onerror")]
    assert f"class {HOSTILE}" in [row[0] for row in table(tree, "What slips through")]
    made = page.page(HOSTILE, HOSTILE, [(HOSTILE, page.tiles([(b"\x89PNG", [HOSTILE, HOSTILE])]) + page.text(HOSTILE))])
    made += page.table([{HOSTILE: HOSTILE}]) + page.facts([(HOSTILE, HOSTILE)]) + page.figures([(HOSTILE, HOSTILE)])
    made += page.plot(b"x", HOSTILE) + page.key({HOSTILE: HOSTILE}) + page.heading(HOSTILE)
    assert "<img src=x" not in made
    assert "$" not in re.sub(r"<script>.*?</script>", "", page.page("a", "b", [("c", "<p>d</p>")]), flags=re.S)


def test_a_dollar_in_a_name_is_a_dollar():
    assert "$title ${x} $$" in page.page("$title ${x} $$", "", [])


@pytest.mark.parametrize(
    ("value", "share", "shown"),
    [
        (3, False, "3"),
        (3.0, False, "3"),
        (0.51234, False, "0.512"),
        (0.01234, False, "0.0123"),
        (1560.4, False, "1560"),
        (0.5, True, "50.0%"),
        (None, False, "–"),
        (float("nan"), True, "–"),
    ],
)
def test_numbers_as_people_read_them(value, share, shown):
    assert page.number(value, share=share) == shown


def test_without_an_evaluation_it_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match=r"holds no evaluation; run `python -m evaluate --run"):
        report.open_folder(tmp_path, tmp_path / "eval" / "val")


def test_an_epoch_that_is_being_written_is_not_read(run, tmp_path):
    folder = report.open_folder(run, run / "eval" / "val")
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "loss": 2.5}\n{"epoch": 2, "lo')
    shown = report.training(report.Folder(tmp_path, folder.split, folder.summary))
    assert [each.text_content() for each in html.fromstring(shown).iter("td")] == ["1", "2.500"]


def test_damaged_lines_of_the_training_are_named_and_take_nothing_with_them(run, tmp_path):
    folder = report.open_folder(run, run / "eval" / "val")
    torn = b'{"epoch": 1, "loss": 2.5}\n{"epoch": 2, "lo\n\n5\n\xff\n{"epoch": 3, "loss": 1.5}\n'
    (tmp_path / "metrics.jsonl").write_bytes(torn)
    shown = html.fromstring(f"<div>{report.training(report.Folder(tmp_path, folder.split, folder.summary))}</div>")
    assert "damaged in line 2, 4, 5, which is left out" in shown.text_content()
    assert [each.text_content() for each in shown.iter("td")] == ["1", "2.500", "3", "1.500"]


def test_tables_at_the_models_own_threshold_say_so(run):
    """The chosen point above them has other misses."""
    folder = report.open_folder(run, run / "eval" / "val")
    for section in (report.confusion, report.sizes):
        assert "from score 0.700 on, the model's own" in html.fromstring(f"<div>{section(folder)}</div>").text_content()


def test_a_gallery_that_was_not_made_here_is_refused_before_anything_is_written(run, tmp_path, capsys):
    stranger = tmp_path / "out" / "val" / "gallery" / "holiday.jpg"
    stranger.parent.mkdir(parents=True)
    stranger.touch()
    argv = ["report", "--run", str(run), "-o", str(tmp_path / "out"), "--data", str(run.parent / "set"), "--quiet"]
    for kept in (run / "eval" / "predictions").iterdir():  # known there, so that no network is asked for
        (tmp_path / "out" / "predictions").mkdir(exist_ok=True)
        (tmp_path / "out" / "predictions" / kept.name).write_bytes(kept.read_bytes())
    assert at_the_edge(main, argv) == 2
    assert "holds holiday.jpg, which was not made here" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out" / "val").iterdir()] == ["gallery"]
    assert stranger.exists()
    stranger.unlink()
    assert at_the_edge(main, argv) == 0
    assert at_the_edge(main, argv) == 0  # its own gallery is replaced


def test_files_that_cannot_be_read_are_named(run, tmp_path):
    broken = tmp_path / "run"
    broken.mkdir()
    (broken / "summary.json").write_text("{")
    with pytest.raises(UserError, match=r"summary.json: cannot be read .*evaluate again"):
        report.open_folder(broken, broken)
