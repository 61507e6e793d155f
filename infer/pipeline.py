"""The main job on one video: look at the whole clip, decide, then render.

First pass: decode, detect, link over the clip; the result goes to the detections file, a line a frame. Second pass:
decode again, cover, encode, copy sound and subtitles. Both passes stream: memory does not grow with the clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.detections import check_size, read_header
from common.detectors.detector import Detector
from common.staging import staged
from infer.analyse import analyse, open_wanted
from infer.cover import open_renderer
from infer.job import VideoJob
from infer.outputs import Outputs, check_output, staged_outputs
from infer.report import Report
from infer.settings import HideSettings


def hide_video(
    source: Path,
    target: Path,
    settings: HideSettings,
    *,
    detector: Detector | None = None,
    called: str | None = None,
    argv: Sequence[str] = (),
    quiet: bool = True,
) -> Report:
    """Hide things in a video.

    Beside `target` come its detections (`NAME.detections.jsonl`) and the report to sign (`NAME.report.json`, `.html`).
    Nothing carries its final name before everything is finished; the video is renamed last.

    Args:
        source: any video file.
        target: where the masked video goes; its suffix decides the container.
        settings: what to hide, and how.
        detector: one of your own instead of the one that `settings.search` names.
        called: what the report names as the source where that is not its path, e.g. an address.
        argv: the command line, for the report.
        quiet: no progress on stderr.

    Returns:
        The report, as written.

    Raises:
        UserError: a wrong input, target or setting.
        DamagedSourceError: the source is damaged and `settings.allow_damaged` is not set.
    """
    job = VideoJob(source, target, settings, argv, quiet)
    final = Outputs.beside(target, preview=settings.preview)
    renderer = open_renderer(settings.cover, settings.rules.classes(settings.search.shown))
    job.check(final, renderer, settings.search.shown)
    detector = detector or open_wanted(settings.search)
    with staged_outputs(final, overwrite=settings.overwrite) as files:
        assert files.detections is not None
        with job.timed("finding"):
            header = job.header(detector.classes)
            damage = analyse(job.clip, detector, settings, header, files.detections, quiet)
        job.refuse(damage)
        return job.render(files, files.detections, renderer, detector, called)


def render_video(
    source: Path,
    detections: Path,
    target: Path,
    settings: HideSettings,
    *,
    argv: Sequence[str] = (),
    quiet: bool = True,
) -> Report:
    """Hide what a detections file lists, e.g. after it was edited by hand; nothing is analysed.

    Args:
        source: the video that the file was made from.
        detections: the detections file.
        target: where the masked video goes.
        settings: how to hide; what to search for is not looked at.
        argv: the command line, for the report.
        quiet: no progress on stderr.

    Raises:
        UserError: a wrong input, target or setting, or a faulty line.
        DamagedSourceError: the source is damaged and `settings.allow_damaged` is not set.
    """
    job = VideoJob(source, target, settings, argv, quiet)
    final = Outputs.beside(target, detections=False, preview=settings.preview)
    header = read_header(detections)
    check_size(detections, header, job.info.display_size)
    renderer = open_renderer(settings.cover, settings.rules.classes(header.classes))
    job.check(final, renderer, header.classes, (detections,))
    with staged_outputs(final, overwrite=settings.overwrite) as files:
        return job.render(files, detections, renderer, None)


def detect_video(
    source: Path,
    target: Path,
    settings: HideSettings,
    *,
    detector: Detector | None = None,
    quiet: bool = True,
) -> int:
    """Write the detections file of a video, and nothing else.

    Returns:
        The number of frames.
    """
    job = VideoJob(source, target, settings, quiet=quiet)
    check_output(target, (source,), overwrite=settings.overwrite)
    detector = detector or open_wanted(settings.search)
    with staged(target, overwrite=settings.overwrite) as path:
        damage = analyse(job.clip, detector, settings, job.header(detector.classes), path, quiet)
        job.refuse(damage)
    return damage.decoded + damage.corrupt
