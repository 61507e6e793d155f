"""Two trainings in one folder: the second one is told so at once, whatever became of the first."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import UserError
from train.run_lock import LOCK, check_free, held

HOLD = """
import sys
from pathlib import Path
from train.run_lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    check_free(run)
    with held(run):
        for again in (lambda: check_free(run), lambda: held(run).__enter__()):
            with pytest.raises(UserError, match="one: another training works in it; wait for its end, or choose"):
                again()
        with held(run.with_name("two")):
            pass
    check_free(run)
    with held(run):
        (run / "settings.json").write_text("{}")
    assert [path.name for path in run.iterdir()] == ["settings.json"]


def test_what_is_made_and_stays_empty_is_taken_away(tmp_path: Path) -> None:
    with held(tmp_path / "runs" / "clowns" / "one"):
        assert (tmp_path / "runs" / "clowns" / "one" / LOCK).is_file()
        (tmp_path / "runs" / "kept").mkdir()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["kept"]


def test_a_killed_owner_holds_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-c", HOLD, str(run)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None and owner.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another training works in it"):
            check_free(run)
        owner.kill()
        owner.wait()
        assert (run / LOCK).is_file()
        check_free(run)
        with held(run):
            pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"cannot write to .*run: Not a directory; choose another folder with -o"):
        held(tmp_path / "file" / "run").__enter__()
