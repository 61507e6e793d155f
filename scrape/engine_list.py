"""The engines there are: one file each in the folder `engines`, or a file of the user's own."""

from __future__ import annotations

import importlib
from importlib import resources
from pathlib import Path

from common.errors import UserError
from scrape.api_search import ApiEngine
from scrape.engine_file import BrowserEngine, read_engine

Engine = BrowserEngine | ApiEngine


def engine_names() -> list[str]:
    """Names that `load_engine` takes, in the order of the alphabet."""
    files = [Path(entry.name) for entry in resources.files("scrape").joinpath("engines").iterdir()]
    return sorted(file.stem for file in files if file.suffix in (".toml", ".py") and file.stem != "__init__")


def load_engine(name: str) -> Engine:
    """Find an engine.

    Args:
        name: one of `engine_names`, or the path of a TOML file.

    Raises:
        UserError: there is no such engine, or its file is wrong.
    """
    if name.endswith(".toml"):
        return read_engine(Path(name))
    if name not in engine_names():
        raise UserError(f"no engine {name}; there are {', '.join(engine_names())}, or give a .toml file of your own")
    file = resources.files("scrape").joinpath("engines", f"{name}.toml")
    if file.is_file():
        with resources.as_file(file) as path:
            return read_engine(path)
    engine: ApiEngine = importlib.import_module(f"scrape.engines.{name}").ENGINE
    return engine
