"""The real engines, asked by hand: `LIVE_ENGINES=1 pytest -m live tests/scrape/test_live.py`.

A failure's message names what fits an engine's pages or answers no more, and the engine's file is then mended.
"""

import os
from itertools import islice

import pytest
import requests
from chromium import MISSING

from scrape.engine_list import engine_names, load_engine
from scrape.search import Searcher, SearchSettings

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.environ.get("LIVE_ENGINES") != "1", reason="asks the real engines: set LIVE_ENGINES=1"),
]


@pytest.mark.parametrize("name", engine_names())
def test_an_engine_still_is_as_its_file_says(name):
    engine = load_engine(name)
    if not engine.licences and MISSING:
        pytest.skip("no Chromium with ChromeDriver here")
    with Searcher(engine, SearchSettings(patience=8.0)) as searcher:
        search = searcher.search("red bicycle")
        found = list(islice(search, 25))
    assert search.problem is None, str(search.problem)
    assert len(found) == 25, f"{name} ran dry after {len(found)}: what asks for more fits no more"
    assert all(one.page for one in found), f"{name}: the pages of pictures are not read any more"
    assert not engine.licences or all(one.licence for one in found), f"{name}: licences are not read any more"
    first = requests.head(found[0].url, timeout=20, allow_redirects=True)
    assert first.headers.get("Content-Type", "").startswith("image/"), f"{name}: {found[0].url} is no picture"
