"""The main job on one picture: no time to link over, so every sighting above the score counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from common.detections import DetectionsWriter, FrameObjects, Header, make_detections
from common.detectors.detector import Detector
from common.image import READ_ERRORS, read_image, write_image
from infer.analyse import Look, detect, open_wanted
from infer.belonging.verdicts import Verdicts
from infer.cover import open_renderer
from infer.job import begin_report, telltales_in_words
from infer.outputs import Outputs, staged_outputs
from infer.preview import PreviewCollector
from infer.report import Report, sha256
from infer.report_files import write_report
from infer.select import Selector
from infer.settings import HideSettings
from infer.tally import Tally

# A picture has no neighbours that could confirm a weak sighting, so it is believed from lower on than in a video:
# this share of the way from the detector's floor to where it is sure.
BELIEF = 0.3


def is_picture(path: Path) -> bool:
    """Whether a file is a still picture by its content; moving GIFs and the like are videos."""
    try:
        with Image.open(path) as image:
            moving = image.format in ("GIF", "PNG", "WEBP") and getattr(image, "n_frames", 1) > 1
            return image.format != "MPEG" and not moving
    except (*READ_ERRORS, UnidentifiedImageError, Image.DecompressionBombError):
        return False


def _judged(
    found: FrameObjects, header: Header, settings: HideSettings, detector: Detector
) -> tuple[FrameObjects, Header]:
    """Keep what is hidden together with what it belongs to; the header names those classes only."""
    search = settings.search
    verdicts = Verdicts(search.belonging, search.classes, detector.classes, detector.sure)
    return verdicts.thinned(found), replace(header, classes=verdicts.classes)


def hide_picture(
    source: Path,
    target: Path,
    settings: HideSettings,
    *,
    detector: Detector | None = None,
    argv: Sequence[str] = (),
    quiet: bool = True,
) -> Report:
    """Hide things in one picture.

    Args:
        source: any picture file; orientation and transparency are kept.
        target: where the masked picture goes; its suffix decides the format.
        settings: what to hide, and how.
        detector: one of your own instead of the one that `settings.search` names.
        argv: the command line, for the report.
        quiet: taken so that pictures and videos are called alike; nothing is shown.

    Returns:
        The report, as written beside `target`.

    Raises:
        UserError: a wrong input, target or setting, or the picture could not be analysed and the run is to stop.
        DamagedSourceError: the picture is truncated or corrupt.
    """
    picture = read_image(source)
    final = Outputs.beside(target, preview=settings.preview)
    final.check((source,), overwrite=settings.overwrite)
    renderer = open_renderer(settings.cover, settings.rules.classes(settings.search.shown))
    detector = detector or open_wanted(settings.search)
    size = (picture.pixels.shape[0], picture.pixels.shape[1])
    with staged_outputs(final, overwrite=settings.overwrite) as files:
        assert files.detections is not None
        found = find(picture.pixels, detector, settings)
        header = Header(size[1], size[0], detector.classes, source.name, settings.as_json())
        if settings.search.belonging:
            found, header = _judged(found, header, settings, detector)
        with DetectionsWriter(files.detections, header) as writer:
            writer.write(found)
        selector = Selector(settings.rules, size, header.classes)
        objects = selector.select(found)
        masked = renderer.render_image(picture.pixels, objects)
        notes = write_image(files.masked, masked, picture, target=target, keep_metadata=settings.encode.keep_metadata)
        tally = Tally(selector.classes, size, sure=threshold(detector, settings))
        tally.add(objects, renderer.covered(objects, size))
        report = begin_report(source, target, settings, renderer, detector)
        report.hashes |= {
            "source": sha256(source),
            "output": sha256(files.masked),
            "detections": sha256(files.detections),
        }
        report.totals, report.argv = tally.totals(), list(argv)
        report.telltales = telltales_in_words(picture.telltales)
        report.notes = [*notes, *renderer.notes, *selector.notes()]
        write_report(report, files.report, files.page)
        if files.preview is not None:
            preview = PreviewCollector(1)
            preview.add(0, 0.0, np.ascontiguousarray(picture.pixels[..., :3]), np.ascontiguousarray(masked[..., :3]))
            preview.write(files.preview, overwrite=True)
    return report


def threshold(detector: Detector, settings: HideSettings) -> float:
    """Score from which a sighting in a picture is believed."""
    if settings.search.score is not None:
        return settings.search.score
    return detector.floor + BELIEF * (detector.sure - detector.floor)


def _believed_from(detector: Detector, settings: HideSettings) -> np.ndarray:
    """(C,) score from which a sighting of each class is believed; one that was asked for lies at the detector's."""
    common, asked = threshold(detector, settings), settings.search.scores
    return np.array([detector.sure if name in asked else common for name in detector.classes])


def find(pixels: np.ndarray, detector: Detector, settings: HideSettings) -> FrameObjects:
    """Find what is to be hidden in one picture.

    Args:
        pixels: (H, W, 3) RGB or (H, W, 4) RGBA uint8, upright.
        detector: finds.
        settings: score, and what happens when the analysis fails.

    Returns:
        The objects as those of frame 0; `whole` is set when the analysis failed.
    """
    rgb = np.ascontiguousarray(pixels[..., :3])
    found, failed = detect([Look(0, 0.0, rgb[..., 0], rgb, None)], detector, settings.search.stop_on_error)[0]
    empty = make_detections(np.zeros((0, 4)), [], [])
    if found is None:
        return FrameObjects(0, 0.0, empty, failed)
    if not len(found):
        return FrameObjects(0, 0.0, empty)
    scores = np.asarray(found.confidence)
    kept = scores >= _believed_from(detector, settings)[np.asarray(found.class_id)]
    class_ids = np.asarray(found.class_id)[kept]
    masks = None if found.mask is None else found.mask[kept]
    return FrameObjects(0, 0.0, make_detections(found.xyxy[kept], scores[kept], class_ids, masks=masks))
