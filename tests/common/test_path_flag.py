"""An empty path is nobody's."""

import argparse
from pathlib import Path

import pytest

from common.errors import UserError
from common.path_flag import StorePath

ROOT = Path(__file__).parents[2]


def parsed(*argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("videos", nargs="*", action=StorePath, metavar="VIDEO")
    parser.add_argument("-o", "--out", action=StorePath)
    parser.add_argument("--list", action=StorePath, type=str, default="-")
    parser.add_argument("--truth", nargs="+", action=StorePath, default=[])
    return vars(parser.parse_args(argv))


def test_paths_are_stored_one_or_several():
    assert parsed() == {"videos": [], "out": None, "list": "-", "truth": []}
    found = parsed("a.mp4", "b.mp4", "-o", ".", "--list", "names", "--truth", "a")
    assert found == {"videos": [Path("a.mp4"), Path("b.mp4")], "out": Path(), "list": "names", "truth": [Path("a")]}


@pytest.mark.parametrize(
    ("argv", "name"), [(["-o", ""], "-o/--out"), (["--truth", "a", ""], "--truth"), (["a", ""], "VIDEO")]
)
def test_an_empty_one_is_refused_by_name(argv, name):
    with pytest.raises(UserError) as raised:
        parsed(*argv)
    assert str(raised.value) == f'{name} "": an empty path; name a file or folder (. is the folder you are in)'


@pytest.mark.parametrize("package", ["annotate", "data", "evaluate", "infer", "mrcnn", "scrape", "train"])
def test_no_command_reads_paths_otherwise(package):
    assert not [path for path in (ROOT / package).rglob("*.py") if "type=Path" in path.read_text(encoding="utf-8")]
