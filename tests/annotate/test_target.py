"""What `--overwrite` may replace: what was made here, never the labels and pictures themselves."""

import label_files
import pytest

from annotate.cli import main


def run(*arguments):
    return main([str(argument) for argument in (*arguments, "--overwrite", "--quiet")])


@pytest.fixture
def folder(tmp_path):
    label_files.labelled(tmp_path / "own", {f"p{n}": [("dog", 10, 20, 30, 40)] for n in range(4)})
    return tmp_path / "own"


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("place", [".", "labels", "images", "labels/../images"])
def test_labels_and_pictures_are_never_replaced(folder, capsys, place):
    before = files(folder)
    labels, target = folder / "labels", folder / place
    assert run("convert", labels, "-o", target) == 2
    assert run("check", labels, "--fix", target) == 2
    assert run("export", labels, "-o", target, "--to", "voc") == 2
    assert capsys.readouterr().err.count("holds the labels or pictures that are read") == 3
    assert files(folder) == before


def test_a_folder_that_was_not_made_here_is_never_replaced(folder, capsys):
    (folder / "letters").mkdir()
    (folder / "letters" / "mother.txt").write_text("dear")
    before = files(folder)
    assert run("convert", folder / "labels", "-o", folder / "letters") == 2
    assert run("check", folder / "labels", "--fix", folder / "letters") == 2
    assert run("export", folder / "labels", "-o", folder / "letters", "--to", "coco") == 2
    assert capsys.readouterr().err.count("replaces only what was made here") == 3
    assert files(folder) == before


def test_what_was_made_here_is_replaced(folder):
    for command in (
        ("convert", folder / "labels", "-o", folder / "dataset"),
        ("check", folder / "labels", "--fix", folder / "mended"),
        ("export", folder / "labels", "-o", folder / "coco", "--to", "coco"),
    ):
        assert run(*command) == 0
        made = files(folder)
        assert run(*command) == 0
        assert files(folder) == made
