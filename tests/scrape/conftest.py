from concurrent.futures import ThreadPoolExecutor

import pytest
from picture_server import picture_server

from scrape.decoders import Decoders


@pytest.fixture
def site():
    with picture_server() as server:
        yield server


@pytest.fixture
def threads(monkeypatch):
    """Decode in threads: what a test is not about need not start processes."""
    monkeypatch.setattr(Decoders, "_new", lambda self, workers: ThreadPoolExecutor(workers))
