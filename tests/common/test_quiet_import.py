"""What a library writes while it is imported."""

import importlib
import importlib.util
import sys

import pytest

from common.quiet_import import QuietImport

NOISE = """\
import os, sys
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
os.write(2, b"I0000 00:00:1795280238.606937 4120 port.cc:153] oneDNN custom operations are on.\\n")
os.write(2, b"E0000 00:00:1795280238.606937 4120 cuda.cc:1] the driver is too old\\n")
print("imported twice?", file=sys.stderr)
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A module that has not been imported."""

    def made(text):
        (tmp_path / "noisy_library.py").write_text(text)
        importlib.invalidate_caches()
        return "noisy_library"

    monkeypatch.syspath_prepend(str(tmp_path))
    yield made
    sys.modules.pop("noisy_library", None)


def test_information_is_held_back_and_the_rest_is_passed_on(library, capfd):
    name, before = library(NOISE), len(sys.meta_path)
    QuietImport.of(name)
    QuietImport.of(name)
    assert len(sys.meta_path) == before + 1
    assert importlib.util.find_spec(name) is not None  # somebody only asks whether it is there
    module = importlib.import_module(name)
    assert sorted(capfd.readouterr().err.splitlines()) == [
        "E0000 00:00:1795280238.606937 4120 cuda.cc:1] the driver is too old",
        "imported twice?",
    ]
    assert module.__name__ == name
    assert len(sys.meta_path) == before
    QuietImport.of(name)  # it has been imported
    assert len(sys.meta_path) == before
    sys.stderr.write("still there\n")
    assert capfd.readouterr().err == "still there\n"


def test_what_fails_fails_as_ever(library, capfd):
    name = library(NOISE + "raise ZeroDivisionError")
    QuietImport.of(name)
    with pytest.raises(ZeroDivisionError):
        importlib.import_module(name)
    assert "driver is too old" in capfd.readouterr().err
    QuietImport.of("no_such_library")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        importlib.import_module("no_such_library")
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, QuietImport)]
