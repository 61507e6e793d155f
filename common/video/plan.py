"""What writing would refuse, found out before any work is done."""

from __future__ import annotations

from pathlib import Path

from common.video.codecs import Wanted, choose_encoding
from common.video.info import VideoInfo
from common.video.tracks import Choice, chosen_tracks
from common.video.writer import EncodeSettings


def check_plan(info: VideoInfo, target: Path, settings: EncodeSettings) -> None:
    """Refuse a container, an encoder or a track that the writer would refuse.

    Args:
        info: the source.
        target: final name of the output.
        settings: as the writer will get them.

    Raises:
        UserError: something of the source cannot be kept in this container or by this encoder.
    """
    wanted = Wanted(settings.codec, settings.crf, settings.preset, settings.lossless)
    encoding = choose_encoding(info, target, alpha=settings.alpha, wanted=wanted)
    choice = Choice(settings.audio == "copy", settings.subtitles == "copy", settings.keep_metadata)
    chosen_tracks(info, encoding.container, choice)
