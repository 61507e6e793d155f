"""A video behind an address, fetched through yt-dlp into a folder that goes away again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from common.connections import only_to
from common.errors import UserError
from common.progress import Progress
from common.staging import temporary_folder

LARGEST = 20 * 2**30  # bytes; more is refused unless asked for
TIMEOUT = 30  # seconds without a byte from the server
MEGABYTE = 1e6

# One file that holds sound and picture comes first: joining two takes an ffmpeg program, which may be absent.
FORMAT_ALONE = "b/bv*"
FORMAT_JOINED = "bv*+ba/b/bv*"


def is_url(text: str) -> bool:
    """Whether a source is an address and not a file: it begins with a scheme and "://"."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


@contextmanager
def fetched(
    source: str,
    folder: Path,
    *,
    limit: int = LARGEST,
    quiet: bool = False,
    may_connect: Callable[[str], bool] | None = None,
) -> Iterator[Path]:
    """Fetch the video at an address; the file is there until the block ends.

    Reads no settings of yt-dlp's command line, keeps no cache, asks for no login.

    Args:
        source: http or https address of a video file, or of a page on any site that yt-dlp knows.
        folder: where the temporary file may be: beside the output, which needs the room anyway.
        limit: bytes that the video may have.
        quiet: no progress on stderr.
        may_connect: whether an IP address may be connected to, asked of every connection, also behind redirects; None:
            to all.

    Yields:
        The fetched file; its name before the suffix is what the site calls the video.

    Raises:
        UserError: not http(s), no video there, a playlist, a live stream, too large, or the server answers with an
            error.
    """
    if not _can_be_fetched(source):
        raise UserError(f"{shown(source)} is not an http or https address; give one, or a file")
    with temporary_folder(folder) as place:
        with Progress("fetching", unit="MB", quiet=quiet) as progress:
            path = _Download(source, place, limit, progress).run(may_connect)
        yield path


def shown(source: str) -> str:
    """An address as it may be shown and reported: without a name and password in it."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@", r"\1", source)


def _can_be_fetched(source: str) -> bool:
    try:
        parts = urlsplit(source)
    except ValueError:  # not even an address, e.g. a bracket that does not close
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)


class _Download:
    """One download; yt-dlp's errors become the user's."""

    def __init__(self, source: str, place: Path, limit: int, progress: Progress) -> None:
        self.source = source
        self.place = place
        self.limit = limit
        self.progress = progress
        self.megabytes = 0

    def run(self, may_connect: Callable[[str], bool] | None = None) -> Path:
        """Look what is there, then fetch it."""
        import yt_dlp

        with ExitStack() as stack:
            refused = stack.enter_context(only_to(may_connect)) if may_connect else []
            try:
                with yt_dlp.YoutubeDL(self.options()) as downloader:
                    found = downloader.extract_info(self.source, download=False)
                    self.check(found)
                    done = downloader.process_ie_result(found, download=True)
            except yt_dlp.utils.YoutubeDLError as error:
                if refused:
                    self.fail(f"it leads to {refused[0]}, which is not public; --allow-private allows it")
                self.fail(str(error))
        files = [Path(part["filepath"]) for part in done.get("requested_downloads") or [] if "filepath" in part]
        present = [path for path in files if path.is_file()]
        if not present:
            self.fail("nothing was fetched")
        return present[0]

    def options(self) -> dict[str, Any]:
        """Parameters of `yt_dlp.YoutubeDL`."""
        return {
            "format": FORMAT_JOINED if shutil.which("ffmpeg") else FORMAT_ALONE,
            "outtmpl": {"default": str(self.place).replace("%", "%%") + "/%(id).100B.%(ext)s"},
            "extract_flat": "in_playlist",
            "noplaylist": True,
            "cachedir": False,
            "logger": _Silent(),
            "noprogress": True,
            "progress_hooks": [self.advance],
            "fixup": "never",
            "socket_timeout": TIMEOUT,
            "retries": 3,
            "fragment_retries": 3,
            "extractor_retries": 1,
            "skip_unavailable_fragments": False,
            "color": "never",
        }

    def check(self, found: dict[str, Any] | None) -> None:
        """Refuse what is no single video of bounded size."""
        if not found:
            self.fail("there is no video")
        if found.get("_type") in ("playlist", "multi_video"):
            count = len(list(found.get("entries") or []))
            self.fail(f"that is a list of {count or 'several'} videos; give the address of one of them")
        if found.get("is_live"):
            self.fail("that is a live broadcast, which has no end; give a finished video")
        size = found.get("filesize") or found.get("filesize_approx") or 0
        if size > self.limit:
            self.too_large(size)

    def advance(self, state: dict[str, Any]) -> None:
        """Show progress and hold the limit: not every server says beforehand how much it will send."""
        so_far = state.get("downloaded_bytes") or 0
        if max(so_far, state.get("total_bytes") or 0) > self.limit:
            self.too_large(max(so_far, state.get("total_bytes") or 0))
        total = state.get("total_bytes") or state.get("total_bytes_estimate")
        self.progress.total = round(total / MEGABYTE) if total else None
        megabytes = int(so_far / MEGABYTE)
        if megabytes > self.megabytes:
            self.progress.advance(megabytes - self.megabytes)
            self.megabytes = megabytes

    def too_large(self, size: float) -> NoReturn:
        """Raise for a video beyond the limit."""
        self.fail(f"it has at least {size / MEGABYTE:.3g} MB, the limit is {self.limit / MEGABYTE:.3g} MB")

    def fail(self, why: str) -> NoReturn:
        """Raise the user's error in one line."""
        raise UserError(f"cannot fetch {shown(self.source)}: {_in_short(why).replace(self.source, shown(self.source))}")


def _in_short(message: str) -> str:
    """Take yt-dlp's prefix, colours and advice for its own users off a message."""
    message = re.sub(r"\x1b\[[0-9;]*m", "", message)
    message = re.sub(r"^(ERROR: )?(\[[\w:+-]+\] ([^\s:]+: )?)?", "", message.strip())
    message = re.split(r";? please report this issue|\(caused by |;? see https?://", message, flags=re.IGNORECASE)[0]
    if message.startswith("Unsupported URL"):
        return "no video was found on that page; give the address of a page or file with one"
    return " ".join(message.split()).rstrip(" .;")


class _Silent:
    """Takes yt-dlp's messages: what matters comes as an error."""

    def debug(self, message: str) -> None:
        """Drop it."""

    info = warning = error = debug
