"""Weight files from the network: whole and checked, or not at all.

A file comes under a name of its own beside the wanted one and is renamed when it is complete and its checksum agrees; a
download that broke off goes on where it stopped, in this run or in the next.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from common.errors import UserError

COCO_MODEL_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
CACHE_VARIABLE = "HIDE_IN_VIDEO_CACHE"
PIECE = 1 << 20
TIMEOUT = 60  # seconds without a byte
_COMPLETE = 416  # "range not satisfiable": the part is as long as the file, or longer


@dataclass(frozen=True)
class Remote:
    """A file on the network.

    Attributes:
        url: where it is.
        size: bytes; None: unknown.
        md5: checksum in hexadecimal; None: unknown.
    """

    url: str
    size: int | None = None
    md5: str | None = None


# The release's page gives no checksum. This MD5 stands in NVIDIA's TensorRT samples (sampleUffMaskRCNN) and in
# Alibaba's ai-matrix benchmark, for this very address; the size is what servers announce for it.
KNOWN: Mapping[str, Remote] = {"coco": Remote(COCO_MODEL_URL, 257_557_808, "e98aaff6f99e307b5e2a8a3ff741a518")}


def cache_folder() -> Path:
    """Folder for downloaded files: $HIDE_IN_VIDEO_CACHE, else hide-in-video in the user's cache."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hide-in-video"


def cached(name: str = "coco") -> Path:
    """Where a file of `KNOWN` lies once it is there."""
    return cache_folder() / KNOWN[name].url.rsplit("/", 1)[-1]


def known_weights(name: str = "coco", quiet: bool = False) -> Path:
    """Return the path of a file of `KNOWN`, fetched on first use.

    Args:
        name: key of `KNOWN`.
        quiet: no progress on stderr.

    Raises:
        UserError: it is not there and cannot be fetched; says what to put where.
    """
    path = cached(name)
    fetch(KNOWN[name], path, quiet)
    return path


def download_trained_weights(coco_model_path: str | Path, verbose: int = 1, url: str = COCO_MODEL_URL) -> None:
    """Fetch the weights trained on COCO.

    Args:
        coco_model_path: where to; a file that is there stays.
        verbose: 0 shows no progress.
        url: where from; the size and checksum of the release are demanded of its own address only.

    Raises:
        UserError: the download failed; says what to put where.

    Source: original `utils.download_trained_weights`.
    """
    remote = KNOWN["coco"] if url == COCO_MODEL_URL else Remote(url)
    fetch(remote, Path(coco_model_path), not verbose)


def fetch(remote: Remote, path: Path, quiet: bool = False) -> None:
    """Fetch a file unless it is there.

    Of two runs that want the same file at once the second waits for the first.

    Args:
        remote: the file.
        path: where to; its folder is made.
        quiet: no progress on stderr.

    Raises:
        UserError: it cannot be fetched or written, or what came is something else; says what to put where.
    """
    if path.exists():
        return
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists():
                return
            _complete(remote, file, part, quiet)
            _check(remote, part, path)
            part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        if part.is_file() and not part.stat().st_size:
            part.unlink()
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise UserError(
            f"{remote.url} cannot be fetched ({reason}); fetch it elsewhere and put it at {path}"
        ) from error


def _complete(remote: Remote, file: BinaryIO, part: Path, quiet: bool) -> None:
    """Fetch what is missing; as long as something comes, a connection that is cut is made again."""
    with tqdm(total=remote.size, unit="B", unit_scale=True, desc=part.stem, disable=quiet) as bar:
        while True:
            have = part.stat().st_size
            expected = _fetch_from(remote, file, have, bar)
            came = part.stat().st_size
            if expected is None or came == expected:
                return
            if came <= have:
                raise UserError(
                    f"{remote.url}: the connection broke off after {came} of {expected} bytes; run it again, "
                    "it goes on from there"
                )


def _fetch_from(remote: Remote, file: BinaryIO, have: int, bar: tqdm) -> int | None:
    """Append to a file what follows its first bytes; return how long it is to become, None if nobody knows."""
    request = urllib.request.Request(remote.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != _COMPLETE:
            raise
        return have  # whether it is the file, the checksum tells
    with answer:
        if answer.status != http.client.PARTIAL_CONTENT and have:
            file.truncate(0)  # a server that cannot go on begins again
            have = 0
        length = answer.headers.get("Content-Length")
        expected = int(length) + have if length else remote.size
        bar.total = expected
        bar.update(have - bar.n)
        try:
            while piece := answer.read(PIECE):
                file.write(piece)
                bar.update(len(piece))
        except (ConnectionError, TimeoutError, http.client.IncompleteRead):
            if expected is None:
                raise
        finally:
            file.flush()
    return expected


def _check(remote: Remote, part: Path, path: Path) -> None:
    """Compare size and checksum; what is something else is removed, so that the next run begins anew."""
    size = part.stat().st_size
    wrong = f"{size} bytes instead of {remote.size}" if remote.size not in (None, size) else ""
    if not wrong and remote.md5 is not None:
        with part.open("rb") as file:
            md5 = hashlib.file_digest(file, "md5").hexdigest()
        wrong = f"MD5 {md5} instead of {remote.md5}" if md5 != remote.md5 else ""
    if wrong:
        part.unlink()
        raise UserError(
            f"{remote.url}: what came is not the file that was expected ({wrong}); it was removed. Run it again, or "
            f"fetch it elsewhere and put it at {path}"
        )
