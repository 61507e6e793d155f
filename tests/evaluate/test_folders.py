"""Folders that results go into."""

import pytest

from common.errors import UserError
from evaluate.folders import check_replaceable, made_folder


def test_a_folder_that_nothing_was_written_to_is_taken_away_again(tmp_path):
    target = tmp_path / "a" / "b" / "c"
    with pytest.raises(ZeroDivisionError), made_folder(target):
        assert target.is_dir()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_or_holds_something_stays(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ZeroDivisionError), made_folder(tmp_path / "a" / "b" / "c"):
        (tmp_path / "a" / "b" / "table.csv").touch()
        raise ZeroDivisionError
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["table.csv"]
    with pytest.raises(ZeroDivisionError), made_folder(tmp_path / "a"):
        raise ZeroDivisionError
    assert (tmp_path / "a").is_dir()
    with made_folder(tmp_path / "kept"):
        pass
    assert (tmp_path / "kept").is_dir()


def test_no_folder_can_be_made_inside_of_a_file(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"cannot make the folder .*choose another with -o"),
        made_folder(tmp_path / "file" / "x"),
    ):
        raise AssertionError


def test_only_what_was_made_here_is_replaced(tmp_path):
    ours = r"miss_\d+\.jpg|about\.json"
    check_replaceable(tmp_path / "missing", ours)
    check_replaceable(tmp_path, ours)
    for name in ("about.json", "miss_001.jpg", ".DS_Store"):
        (tmp_path / name).touch()
    check_replaceable(tmp_path, ours)
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(UserError, match=r"holds holiday\.jpg, which was not made here"):
        check_replaceable(tmp_path, ours)
    with pytest.raises(UserError, match="is a file, where a folder is to be written"):
        check_replaceable(tmp_path / "holiday.jpg", ours)
