"""`python -m train` within a test's own process: a network of a few small layers, run step by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tiny_training import run_eagerly, shrink


@contextmanager
def quick() -> Iterator[None]:
    """Small networks inside the block, and nothing compiled."""
    from mrcnn import network

    before = network.application_stages
    shrink()
    run_eagerly(True)
    try:
        yield
    finally:
        network.application_stages = before
        run_eagerly(False)
