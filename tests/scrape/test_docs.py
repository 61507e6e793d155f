"""What docs/scraping.md shows is there."""

import re
from pathlib import Path

import pytest

from scrape.cli import _parser
from scrape.engine_file import read_engine
from scrape.engine_list import engine_names

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "scraping.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_all_engines_are_in_the_table():
    assert set(re.findall(r"^\| (\w+)(?: \(default\))? \| (?:Chromium|API)", TEXT, re.MULTILINE)) == set(engine_names())


def test_the_examples_are_engines(tmp_path):
    whole, viewer, feed = BLOCKS
    file = tmp_path / "mine.toml"
    file.write_text(whole)
    assert read_engine(file).fields["picture"].keys == ("full",)
    file.write_text(whole.replace('picture = "@data-info.full"', "") + viewer)
    assert read_engine(file).viewer.click == "img"
    file.write_text(whole.replace('tile = "a.result"', "") + feed)
    assert read_engine(file).feed.items == "results"


@pytest.mark.parametrize("flag", sorted(set(re.findall(r"`(--[a-z-]+)", TEXT)) - {"--fix"}))
def test_every_flag_exists(flag):
    helps = [command.format_help() for command in _parser()._subparsers._group_actions[0].choices.values()]
    assert any(flag in text for text in helps)
