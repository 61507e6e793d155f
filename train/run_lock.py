"""One training at a time works in a run folder: a lock tells, which the kernel lets go of however its owner ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.errors import UserError

LOCK = "lock"


def check_free(run: Path) -> None:
    """Check that no training works in a folder, which need not be there.

    Raises:
        UserError: one does.
    """
    try:
        handle = os.open(run / LOCK, os.O_RDONLY)
    except OSError:
        return  # no lock; what else may be wrong shows when the folder is taken
    try:
        _take(handle, run)
    finally:
        os.close(handle)


@contextmanager
def held(run: Path) -> Iterator[None]:
    """Work in a folder alone; it is made where there is none, and taken away again if it stays empty.

    Raises:
        UserError: another training works in it, or it cannot be written.
    """
    run = run.absolute()
    try:
        made = [each for each in (run, *run.parents) if not each.exists()]
        run.mkdir(parents=True, exist_ok=True)
        handle = _locked(run)
    except OSError as error:
        raise UserError(f"cannot write to {run}: {error.strerror}; choose another folder with -o") from error
    try:
        yield
    finally:
        # Removed while it is held: who opened it meanwhile sees that it is another one's, see `_locked`.
        with suppress(OSError):
            (run / LOCK).unlink()
        os.close(handle)
        for folder in made:
            with suppress(OSError):  # there is something in it
                folder.rmdir()


def _locked(run: Path) -> int:
    """Return the handle that holds the lock."""
    while True:
        handle = os.open(run / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _take(handle, run)
            if os.path.samestat(os.fstat(handle), (run / LOCK).stat()):
                return handle
        except FileNotFoundError:
            pass  # removed by its owner between the opening and the lock
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _take(handle: int, run: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(
            f"{run}: another training works in it; wait for its end, or choose another folder with -o"
        ) from error
