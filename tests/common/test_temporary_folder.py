import subprocess
import sys

import pytest

from common import staging
from common.errors import UserError
from common.staging import staged, temporary_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from common.staging import temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_folder_goes_away_also_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="broken"), temporary_folder(tmp_path) as folder:
        (folder / "file").write_bytes(b"x")
        raise ValueError("broken")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_swept_and_a_living_one_is_not(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with temporary_folder(tmp_path) as living:
        assert list(tmp_path.iterdir()) == [living]
        with staged(tmp_path / "out.mp4"):
            assert living.is_dir()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot write to"), temporary_folder(tmp_path / "absent"):
        pass


@pytest.mark.parametrize("place", ["open", "flock"])
def test_a_sweep_between_making_and_locking_takes_no_folder_away(place, tmp_path, monkeypatch):
    module = {"open": staging.os, "flock": staging.fcntl}[place]
    real, swept = getattr(module, place), []

    def late(*arguments, **named):
        if not swept and (leftovers := list(tmp_path.glob(".hiding-*"))):
            swept.extend(leftovers)
            for path in leftovers:
                path.rmdir()
        return real(*arguments, **named)

    monkeypatch.setattr(module, place, late)
    with temporary_folder(tmp_path) as folder:
        assert len(swept) == 1
        assert folder.is_dir()
        staging.sweep(tmp_path)
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []
