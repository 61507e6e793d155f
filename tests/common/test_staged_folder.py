"""A folder takes the place of another: whole, and never with both lost."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common import staging
from common.errors import UserError
from common.staging import staged, staged_folder, sweep

# Killed at the moment before the n-th rename, on a system that can exchange folders or on one that cannot.
KILLED = """
import os, signal, sys
from pathlib import Path
from common import staging
target, exchanges, last = Path(sys.argv[1]), sys.argv[2] == "exchange", int(sys.argv[3])
renames, rename, exchanged = [], Path.rename, staging._exchanged
def counted(done):
    def step(*paths, **more):
        renames.append(paths)
        if len(renames) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return done(*paths, **more)
    return step
Path.rename = counted(rename)
staging._exchanged = counted(exchanged) if exchanges else lambda *paths: False
staging.shutil.rmtree = counted(staging.shutil.rmtree)
with staging.staged_folder(target, overwrite=True) as folder:
    (folder / "content").write_text("new")
"""
WHOLE = {"old", "new"}


def killed(target, system, last):
    """Replace `target` in a process that is killed before its step number `last`."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), system, str(last)], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.fixture
def target(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "content").write_text("old")
    return tmp_path / "set"


def contents(folder):
    return {path.read_text() for path in folder.rglob("content")}


def test_the_folder_appears_under_its_name_only_when_the_block_ends(tmp_path):
    (tmp_path / "set").mkdir()  # an empty one is none
    with staged_folder(tmp_path / "set") as folder:
        (folder / "content").write_text("new")
        assert folder.name == "set" and not list((tmp_path / "set").iterdir())
    assert contents(tmp_path / "set") == {"new"} and list(tmp_path.iterdir()) == [tmp_path / "set"]


def test_the_folder_one_works_in_may_be_named_by_a_dot(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    monkeypatch.chdir(tmp_path / "set")
    with staged_folder(Path()) as folder:
        (folder / "content").write_text("new")
    assert contents(tmp_path / "set") == {"new"}


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_is_replaced_only_on_request_and_only_by_a_whole_one(target, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(staging, "_exchanged", lambda *paths: False)
    with pytest.raises(UserError, match="--overwrite"), staged_folder(target):
        pass
    with pytest.raises(ValueError, match="broken"), staged_folder(target, overwrite=True) as folder:
        (folder / "content").write_text("half")
        raise ValueError("broken")
    assert contents(target) == {"old"}
    with staged_folder(target, overwrite=True) as folder:
        (folder / "content").write_text("new")
    assert contents(target) == {"new"} and list(target.parent.iterdir()) == [target]


def test_a_link_to_a_folder_is_replaced_and_the_folder_stays(target):
    link = target.with_name("link")
    link.symlink_to(target)
    with staged_folder(link, overwrite=True) as folder:
        (folder / "content").write_text("new")
    assert (contents(link), contents(target), link.is_symlink()) == ({"new"}, {"old"}, False)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot exchange two folders")
def test_folders_are_exchanged_in_one_step(target, tmp_path):
    (tmp_path / "other").mkdir()
    assert staging._exchanged(target, tmp_path / "other"), "broken, or a file system that cannot exchange two folders"
    assert contents(tmp_path / "other") == {"old"} and not contents(target)
    assert not staging._exchanged(target, tmp_path / "nowhere") and target.is_dir()


@pytest.mark.parametrize(("system", "last"), [("exchange", 1), ("exchange", 2), ("two", 1), ("two", 2), ("two", 3)])
def test_a_run_that_is_killed_at_any_step_leaves_the_old_or_the_new_folder(target, system, last):
    killed(target, system, last)
    if (system, last) == ("two", 2):
        assert not target.exists() and contents(target.parent) == WHOLE  # exactly between the two renames
    else:
        assert contents(target) < WHOLE
    sweep(target.parent)  # every run that writes there begins so
    expected = "old" if last == 1 else "new"
    assert contents(target) == {expected} and list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_next_run_of_the_same_command_finds_the_folder(target, overwrite):
    killed(target, "two", 2)
    if overwrite:
        with pytest.raises(ValueError, match="broken"), staged_folder(target, overwrite=True):
            raise ValueError("broken")
    else:
        with pytest.raises(UserError, match="not empty"), staged_folder(target):
            pass
    assert contents(target) == {"new"}


def test_what_has_taken_the_name_since_stays_and_nothing_is_lost(target, caplog):
    killed(target, "two", 2)
    target.mkdir()
    (target / "content").write_text("another")
    with staged(target.parent / "file"):
        pass
    assert contents(target) == {"another"} and contents(target.parent) == {"old", "new", "another"}
    assert "was being replaced" in caplog.text
    shutil.rmtree(target)
    sweep(target.parent)
    assert contents(target) == {"new"}


@pytest.mark.parametrize("step", [1, 2])
def test_an_interruption_between_the_renames_puts_the_old_folder_back(target, monkeypatch, step):
    rename, renames = Path.rename, []

    def interrupted(path, place):
        renames.append(path)
        if len(renames) == step:
            raise KeyboardInterrupt
        return rename(path, place)

    monkeypatch.setattr(staging, "_exchanged", lambda *paths: False)
    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), staged_folder(target, overwrite=True) as folder:
        (folder / "content").write_text("new")
    assert contents(target) == {"old"} and list(target.parent.iterdir()) == [target]


def test_a_full_disk_is_told_in_one_line(target):
    with pytest.raises(UserError, match="the disk is full"), staged_folder(target, overwrite=True):
        raise OSError(staging.errno.ENOSPC, os.strerror(staging.errno.ENOSPC))
    assert contents(target) == {"old"} and list(target.parent.iterdir()) == [target]
