"""Output under a temporary name beside its target, renamed when it is whole.

A file that carries the final name is finished. What a killed run left behind is swept by the next run that writes
into the same folder.

A file takes the place of another in one step. For folders Linux can do that, too, on most file systems; elsewhere the
old one is renamed out of the way first, and a run that is killed in between leaves both under temporary names: then the
next sweep gives the new one, which is whole, its name.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import UserError

_PREFIX = ".hiding-"
_TRIES = 100  # more names than any number of sweeps takes away in a row
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NEW, _OLD = "new", "old"  # folders in a temporary folder: the one that is made, and the one whose place it takes
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux' fcntl.h

logger = logging.getLogger(__name__)


@contextmanager
def staged(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary name beside `target`; rename to `target` when the block ends without an error.

    Args:
        target: where the finished file belongs.
        overwrite: replace an existing file; otherwise an existing target is refused before any work.

    Raises:
        UserError: the target exists, its folder is missing or cannot be written, or the disk is full.
    """
    target = Path(target)
    check_target(target, overwrite=overwrite)
    sweep(target.parent)
    try:
        with _full_disk_told(target):
            handle, temporary = _owned(lambda: _new_file(target))
            try:
                temporary.chmod(0o666 & ~_umask())
                yield temporary
                os.fsync(handle)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
                os.close(handle)
    except OSError as error:
        if error.errno in _FORBIDDEN:
            raise UserError(f"cannot write to {target.parent}: {error.strerror}; choose another folder") from error
        raise


@contextmanager
def _full_disk_told(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise UserError(f"the disk is full: {target} was not written; free some space and run again") from error


def _new_file(target: Path) -> tuple[int, Path]:
    handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=target.suffix, dir=target.parent)
    return handle, Path(name)


def _new_folder(parent: Path) -> tuple[int, Path]:
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    return os.open(folder, os.O_RDONLY), folder


def _owned(make: Callable[[], tuple[int, Path]]) -> tuple[int, Path]:
    """Make a temporary file or folder and lock it; returns the handle that holds the lock, and its name.

    The lock tells a sweep that there is an owner; the kernel lets go of it however the owner ends. A sweep of another
    run may come between the making and the lock and take away the name: then a new one is made.
    """
    for _ in range(_TRIES):
        try:
            handle, path = make()
        except FileNotFoundError:
            continue  # a folder, swept away before it could be opened
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle, path
        except FileNotFoundError:
            pass
        except OSError:
            os.close(handle)
            raise
        os.close(handle)
    raise PermissionError(errno.EACCES, "no file can be made there")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_target(target: Path, *, overwrite: bool = False) -> None:
    """Refuse a target that cannot be written, before any work is done.

    Raises:
        UserError: the target is a folder or exists without `overwrite`; its folder is missing or not writable; its
            name is too long.
    """
    if not target.parent.is_dir():
        raise UserError(f"the folder {target.parent} does not exist; create it first")
    longest, length = os.pathconf(target.parent, "PC_NAME_MAX"), len(os.fsencode(target.name))
    if length > longest:
        raise UserError(f"the name {target.name} is {length - longest} bytes too long; give a shorter one")
    if target.is_dir():
        raise UserError(f"{target} is a folder; give the name of a file")
    if target.exists() and not overwrite:
        raise UserError(f"{target} exists already; choose another name or add --overwrite")
    if not os.access(target.parent, os.W_OK):
        raise UserError(f"cannot write to {target.parent}: permission denied; choose another folder")


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Give an empty folder in `parent` that is removed in the end, or by the next sweep after a kill.

    Raises:
        UserError: `parent` cannot be written.
    """
    sweep(parent)
    try:
        handle, folder = _owned(lambda: _new_folder(parent))
    except OSError as error:
        raise UserError(f"cannot write to {parent}: {error.strerror}; choose another folder") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


@contextmanager
def staged_folder(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder beside `target`; it takes the name `target` when the block ends without an error.

    Args:
        target: where the finished folder belongs; an empty folder there is taken as none.
        overwrite: replace a folder that holds something; otherwise it is refused before any work.

    Raises:
        UserError: the target exists, is a file, or its folder is missing or cannot be written; or the disk is full.
    """
    target = Path(target)
    if target.name in ("", ".."):
        target = target.resolve()
    if not target.parent.is_dir():
        raise UserError(f"there is no folder {target.parent}; make it first, or choose another place")
    sweep(target.parent)  # may give a folder back that a killed run had out of the way
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file; name a folder")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise UserError(f"{target} exists and is not empty; choose another folder, or add --overwrite")
    with _full_disk_told(target), temporary_folder(target.parent) as folder:
        made = folder / _NEW / target.name
        made.mkdir(parents=True)
        (folder / _OLD).mkdir()
        yield made
        if target.is_dir():
            _replace(target, made, folder / _OLD / target.name)
        else:
            made.rename(target)


def _replace(target: Path, made: Path, old: Path) -> None:
    """Put the folder `made` in the place of `target`; what was there ends under a temporary name."""
    if _exchanged(made, target):
        return
    try:
        target.rename(old)
        made.rename(target)
    except BaseException:  # Ctrl-C, too
        if old.exists() and not target.exists():
            old.rename(target)
        raise


def _exchanged(first: Path, second: Path) -> bool:
    """Whether two folders have exchanged their names, in one step: False where the system cannot."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE) == 0


def sweep(folder: Path) -> None:
    """Remove temporary files and folders in `folder` whose owner is gone; what it had out of the way comes back."""
    for leftover in folder.glob(f"{_PREFIX}*"):
        try:
            handle = os.open(leftover, os.O_RDONLY)
        except OSError:
            continue  # not ours to remove
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if leftover.is_dir():
                if _gave_back(leftover, folder):
                    shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
        except OSError:
            continue  # somebody is writing it
        finally:
            os.close(handle)


def _gave_back(leftover: Path, folder: Path) -> bool:
    """Finish what was interrupted between two renames; False where something of another has taken the name since."""
    for old in leftover.glob(f"{_OLD}/*"):
        made, target = leftover / _NEW / old.name, folder / old.name
        if not made.exists():
            continue  # it has its name
        if target.exists():
            logger.warning("%s was being replaced by %s when a run ended; keep what you need of them", old, made)
            return False
        made.rename(target)
    return True
