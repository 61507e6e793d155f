"""Opening a video file: any name, no surprises, and one clear line where it is not a video."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from common.errors import UserError

# Demuxers that "succeed" on what is no video: text files, single pictures, and lists that point to other files.
_TEXT = frozenset({"tty", "srt", "webvtt", "ass", "lrc", "microdvd", "subviewer", "ffmetadata"})
_LISTS = frozenset({"hls", "concat", "dash", "sdp", "imf"})
_COVER = Disposition.attached_pic | Disposition.timed_thumbnails


def url(path: Path) -> str:
    """The path as FFmpeg takes it literally: no ':' is a protocol, no '%' a pattern, no leading '-' an option."""
    return f"file:{path}"


def open_source(path: Path) -> InputContainer:
    """Open a video file for reading.

    Raises:
        UserError: the file is missing, a folder, empty, unreadable, a text, a picture, a playlist, or nothing that
            FFmpeg can open.
    """
    path = Path(path)
    _check_file(path)
    try:
        container = av.open(url(path), metadata_errors="replace", container_options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read as a video ({_reason(error)}); expected a file such as .mp4, .mov or .mkv. "
            "If it is one, its download or recording may be incomplete"
        ) from error
    try:
        _check_kind(path, container)
    except UserError:
        container.close()
        raise
    return container


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream that a player would show: never a cover picture.

    Raises:
        UserError: there is none, or this build has no decoder for it.
    """
    real = [stream for stream in container.streams.video if not is_cover(stream)]
    if not real:
        held = "only sound" if container.streams.audio else "no video"
        raise UserError(f"{path}: holds {held}; expected a file with a video stream")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in real else real[0]
    if stream.codec_context is None:
        raise UserError(f"{path}: no decoder for its video codec; convert it to H.264 first")
    return stream


def is_cover(stream: VideoStream) -> bool:
    """Whether the stream is a cover picture or a strip of thumbnails, not the video itself."""
    return bool(stream.disposition & _COVER)


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise UserError(f"{path}: is a folder; expected a video file")
        if not path.exists():
            raise UserError(f"{path}: no such file; check the name")
        if path.is_file() and path.stat().st_size == 0:
            raise UserError(f"{path}: is empty (0 bytes); expected a video file")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be opened ({error}); check the name and the rights") from error


def _check_kind(path: Path, container: InputContainer) -> None:
    names = set(container.format.name.split(","))
    if names & _TEXT:
        raise UserError(f"{path}: is a text file; expected a video file")
    if names & _LISTS:
        raise UserError(f"{path}: is a playlist that points to other files; give the video itself")
    if "image2" in names or container.format.name.endswith("_pipe"):
        raise UserError(f"{path}: is a single picture; expected a video file (`python -m infer image` takes pictures)")


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().lower()
