import subprocess
import sys
from pathlib import Path

import pytest

from common import staging
from common.errors import UserError
from common.staging import staged


def test_the_file_appears_under_its_name_only_when_the_block_ends(tmp_path):
    target = tmp_path / "out.mp4"
    with staged(target) as path:
        path.write_bytes(b"half")
        assert path.parent == tmp_path
        assert path.suffix == ".mp4"
        assert not target.exists()
        path.write_bytes(b"whole")
    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="broken"), staged(tmp_path / "out.mp4") as path:
        path.write_bytes(b"half")
        raise ValueError("broken")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced_only_on_request(tmp_path):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    with pytest.raises(UserError, match="--overwrite"), staged(target):
        pass
    with pytest.raises(ValueError), staged(target, overwrite=True) as path:
        path.write_bytes(b"half")
        raise ValueError
    assert target.read_bytes() == b"old"
    with staged(target, overwrite=True) as path:
        path.write_bytes(b"new")
    assert target.read_bytes() == b"new"


def test_what_a_killed_run_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path):
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from common.staging import staged\n"
        "with staged(Path(sys.argv[1])) as path:\n"
        "    path.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.mp4")], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert not (tmp_path / "a.mp4").exists()
    with staged(tmp_path / "b.mp4") as living:
        assert list(tmp_path.iterdir()) == [living]
        with staged(tmp_path / "c.mp4"):
            assert living.exists()


@pytest.mark.parametrize("target", ["", "missing/out.mp4"])
def test_a_folder_or_a_missing_folder_is_refused(tmp_path, target):
    with pytest.raises(UserError), staged(tmp_path / target):
        pass


def test_a_sweep_between_making_and_locking_takes_no_file_away(tmp_path, monkeypatch):
    swept = []
    lock = staging.fcntl.flock

    def late_lock(handle, how):
        if not swept:
            swept.extend(tmp_path.glob(".hiding-*"))
            for path in swept:
                path.unlink()
        lock(handle, how)

    monkeypatch.setattr(staging.fcntl, "flock", late_lock)
    with staged(tmp_path / "out.mp4") as path:
        assert len(swept) == 1
        path.write_bytes(b"whole")
        staging.sweep(tmp_path)
        assert path.exists()  # the second name is locked like the first
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.mp4", b"whole")]


def test_an_unwritable_disk_is_told_in_one_line(tmp_path, monkeypatch):
    def full(**_):
        raise OSError(staging.errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(staging.tempfile, "mkstemp", full)
    with pytest.raises(UserError, match="the disk is full"), staged(tmp_path / "out.mp4"):
        pass


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(UserError, match="bytes too long"), staged(tmp_path / ("n" * 250 + ".detections.jsonl")):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="a folder in which nobody can make files")
@pytest.mark.parametrize("folder", ["/sys", "/proc"])
def test_a_folder_that_refuses_is_one_line(folder):
    with pytest.raises(UserError, match="cannot write to"), staged(Path(folder) / "out.mp4"):
        pass
