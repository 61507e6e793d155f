"""What gives people away beside the picture: where, when, by what device and by whom a video was made (row I21).

A telltale is named, its value never repeated: the report that lists it may travel with the masked video.

Told: every tag that is not known to be neutral (unknown tags count as telling), data tracks (telemetry, time code),
cover pictures and thumbnails, further video streams (they are not covered), attached files that are no fonts, and
texts, captions or time codes inside the picture stream.
Not told, because they say nothing about people or are what the viewer picks from: languages and titles of sound and
subtitle tracks, chapters, generic handler and encoder names, brands, durations, statistics, rotation.
"""

from __future__ import annotations

import re

from av.container import InputContainer
from av.stream import AttachmentStream, Discard, Disposition, Stream
from av.video.stream import VideoStream

from common.telltale import Telltale

# Tags of which nobody learns anything: layout of the file, language, statistics that muxers write.
_NEUTRAL = re.compile(
    r"(major_brand|minor_version|compatible_brands|language|duration|bps|number_of_(frames|bytes)|_statistics_.*|"
    r"rotate|alpha_mode|stereo_mode|vendor_id|mimetype|filename|loop|variant_bitrate|service_provider|service_name|"
    r"source_id|has_b_frames|is_default|track|disc|gapless_playback|media_type|hd_video|cpil|pgap|tmpo)(-[a-z]{3})?",
    re.IGNORECASE,
)
# Names that programs write into every file alike. A camera's own name ("GoPro AVC") does not match.
_GENERIC_NAME = re.compile(
    r"lav[fc]\b.*|lav[fc]\d.*|(?:.*\b)?x26[45]\b.*|.*svt-?av1.*|libaom.*|libvpx.*|.*rav1e.*|"
    r"(video|sound|audio|subtitle|text|data|timecode|time code|metadata|hint|chapter)[ _]?(media)?[ _]?handler|"
    r"core media (video|audio|metadata|data handler|text|timecode|time code).*|apple .*handler|"
    r"iso media file.*|l-smash.*|gpac.*|mainconcept.*|bento4.*|mp4box.*|\W*",
    re.IGNORECASE,
)
_NAMES_OF_PROGRAMS = frozenset(
    {"encoder", "handler_name", "software", "writing_application", "muxing_application", "encoded_by", "encoding_tool"}
)
_KINDS = (
    ("location", r"location|iso6709|gps|xyz|latitude|longitude|geo|loci|altitude|place"),
    ("time", r"creation|date|year|time_?code|^time$|timestamp|modif|tdrc|tyer|^day"),
    (
        "device",
        r"make|model|device|manufactur|software|firm|serial|camera|lens|host|android|product|encoder|encoded|"
        r"handler_name|quicktime|gopro|dji|samsung|sony|muid|^came$|version|tool|swr",
    ),
)


def find_telltales(container: InputContainer, video: VideoStream, side_data: dict[str, bytes]) -> tuple[Telltale, ...]:
    """All telltales of an opened file.

    Args:
        container: the file.
        video: its video stream.
        side_data: of the first picture, by name.
    """
    found = list(_tags("file", container.metadata))
    for stream in container.streams:
        where = f"{stream.type} track {stream.index}"
        found += _track(container, stream, video, where)
        kept = {"title", "name"} if stream.type in ("audio", "subtitle") else set()
        if stream.type != "attachment":
            found += _tags(where, {key: value for key, value in stream.metadata.items() if key not in kept})
    found += _inside(f"video track {video.index}", side_data)
    return tuple(dict.fromkeys(found))


def tag_kind(key: str, value: str) -> str | None:
    """Which kind of telltale a tag is, None when it tells nothing."""
    if not value.strip() or _NEUTRAL.fullmatch(key):
        return None
    name = key.lower()
    if name in _NAMES_OF_PROGRAMS and _GENERIC_NAME.fullmatch(value.strip()):
        return None
    for kind, pattern in _KINDS:
        if re.search(pattern, name):
            return kind
    return "text"


_IN_WORDS = {
    "location": "place of recording",
    "time": "time of recording",
    "device": "device or program",
    "text": "text",
}


def _tags(where: str, metadata: dict[str, str]) -> list[Telltale]:
    found = []
    for key, value in metadata.items():
        kind = tag_kind(key, value)
        if kind is not None:
            found.append(Telltale(kind, where, f"{_IN_WORDS[kind]} (tag {key})"))
    return found


def _track(container: InputContainer, stream: Stream, video: VideoStream, where: str) -> list[Telltale]:
    if isinstance(stream, VideoStream):
        return [] if stream.index == video.index else [_picture(stream, where)]
    if isinstance(stream, AttachmentStream):
        mimetype = (stream.mimetype or "").lower()
        is_font = "font" in mimetype or mimetype in ("application/vnd.ms-opentype", "application/x-truetype")
        return [] if is_font else [Telltale("attachment", where, f"attached file ({mimetype or 'unknown type'})")]
    if stream.type != "data" or _is_chapter_text(container, stream):
        return []
    names = f"{stream.name or ''} {stream.metadata.get('handler_name', '')}".lower()
    if "timecode" in stream.metadata or "timecode" in names.replace(" ", ""):
        return [Telltale("timecode", where, "time code track")]
    return [Telltale("telemetry", where, "data track (telemetry such as positions, motion or camera settings)")]


def _picture(stream: VideoStream, where: str) -> Telltale:
    if stream.disposition & Disposition.attached_pic:
        return Telltale("cover", where, "cover picture")
    if stream.disposition & Disposition.timed_thumbnails:
        return Telltale("cover", where, "thumbnails")
    return Telltale("second video", where, "another video stream, which is not covered")


def _is_chapter_text(container: InputContainer, stream: Stream) -> bool:
    """QuickTime keeps chapter titles in a text track of their own; FFmpeg marks it as not to be read."""
    return stream.discard == Discard.all and bool(container.chapters())


def _inside(where: str, side_data: dict[str, bytes]) -> list[Telltale]:
    found = []
    if "A53_CC" in side_data:
        found.append(Telltale("captions", where, "closed captions inside the pictures"))
    if "S12M_TIMECODE" in side_data:  # MPEG-2's own count (GOP_TIMECODE) begins at zero and tells nothing
        found.append(Telltale("timecode", where, "time code inside the pictures"))
    hidden = side_data.get("SEI_UNREGISTERED")
    if hidden is not None and not _is_encoder_text(hidden):
        found.append(Telltale("hidden data", where, "user data inside the pictures (SEI)"))
    return found


def _is_encoder_text(data: bytes) -> bool:
    """Whether user data (16 bytes of UUID, then free) is what x264 and x265 write about their own settings."""
    text = data[16:].split(b"\0")[0].decode("ascii", "replace")
    return text.startswith(("x264 - core", "x265 (build")) or not data[16:]
