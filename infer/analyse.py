"""First pass: from decoded frames to observations, the detector seeing whole batches while the decoder runs ahead.

Fail closed: a frame that could not be decoded or analysed becomes an observation with a reason, which is covered
whole later on; it never becomes a frame without objects.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import supervision as sv

from common.detections import DetectionsWriter, Header
from common.detectors import open_detector, options_of
from common.detectors.detector import Detector
from common.errors import UserError
from common.progress import Progress
from common.pump import prefetched
from common.video.damage import Damage
from common.video.frame import Frame
from infer.belonging.verdicts import Verdicts, judged
from infer.checked import checked
from infer.clip import Clip
from infer.settings import Finder, HideSettings, Search
from infer.several import Several
from infer.tracking.crop import compacted
from infer.tracking.link import LinkSettings, link
from infer.tracking.observation import Observation
from infer.wanted import Wanted
from mrcnn.choice import thresholds_of
from mrcnn.detectors import DETECTORS
from mrcnn.sharing import share_trunks

log = logging.getLogger(__name__)

PROXY_LENGTH = 320  # longer side of the gray pictures that flow and scene cuts are computed on, pixels
BATCH = 4  # pictures a call of the detector
WEAK = 0.5  # share of `sure` from which sightings in a row are believed without a sure one
SUDDEN_CHANGE = 25.0  # mean absolute difference of successive proxies, grey levels, that calls for a look of its own


@dataclass
class Look:
    """A frame prepared for analysis: what the detector needs, without the decoded picture.

    Attributes:
        index, time: as in `Frame`.
        proxy: (h, w) uint8 gray, display orientation, longer side `PROXY_LENGTH`.
        rgb: (H, W, 3) uint8 display picture, or None where the frame is not to be analysed.
        failed: why the frame cannot be trusted, or None.
    """

    index: int
    time: float
    proxy: np.ndarray
    rgb: np.ndarray | None
    failed: str | None


def proxy_size(display_size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the proxy of a display picture."""
    scale = min(1.0, PROXY_LENGTH / max(display_size))
    height, width = (max(16, round(side * scale)) for side in display_size)
    return height, width


def prepare(frames: Iterable[Frame], every: int = 1) -> Iterator[Look]:
    """Convert frames for analysis; with `every` = K each K-th and every frame after a sudden change is analysed.

    Where such a frame is corrupt, the next good one is analysed in its place.
    """
    previous: np.ndarray | None = None
    due = True
    for frame in frames:
        proxy = frame.gray(proxy_size(frame.display_size))
        due = due or frame.index % every == 0 or _changed(previous, proxy)
        previous = proxy
        analysed = due and frame.corrupt is None
        due = due and not analysed
        yield Look(frame.index, frame.time, proxy, frame.rgb() if analysed else None, frame.corrupt)


def _changed(previous: np.ndarray | None, proxy: np.ndarray) -> bool:
    if previous is None or previous.shape != proxy.shape:
        return True
    return float(np.abs(previous.astype(np.int16) - proxy).mean()) > SUDDEN_CHANGE


def observe(
    frames: Iterable[Frame],
    detector: Detector,
    *,
    every: int = 1,
    batch: int = 1,
    stop_on_error: bool = False,
) -> Iterator[Observation]:
    """Run the detector over the frames.

    Args:
        frames: in presentation order.
        detector: finds objects in RGB pictures.
        every: analyse each K-th frame; the others become observations without detections.
        batch: pictures a call of the detector.
        stop_on_error: raise when a frame cannot be analysed instead of having it covered whole.

    Yields:
        One observation a frame, in order.

    Raises:
        UserError: a frame could not be analysed and `stop_on_error` is set.
    """
    with prefetched(prepare(frames, every), depth=2 * batch + 2) as looks:
        yield from _fail_closed(_analysed(looks, detector, every, batch, stop_on_error))


def _analysed(
    looks: Iterator[Look], detector: Detector, every: int, batch: int, stop_on_error: bool
) -> Iterator[Observation]:
    for chunk in _chunks(looks, batch, batch * every):
        found = detect([look for look in chunk if look.rgb is not None], detector, stop_on_error)
        for look in chunk:
            detections, failed = found.get(look.index, (None, look.failed))
            yield Observation(look.index, look.time, detections, look.proxy, failed)


def _chunks(looks: Iterator[Look], pictures: int, frames: int) -> Iterator[list[Look]]:
    """Cut into runs of at most so many pictures to analyse, and so many frames."""
    chunk: list[Look] = []
    for look in looks:
        chunk.append(look)
        if len(chunk) == frames or sum(each.rgb is not None for each in chunk) == pictures:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _fail_closed(observations: Iterable[Observation]) -> Iterator[Observation]:
    """Frames passed over on purpose stand between two that were analysed; where one of these failed, so did they."""
    passed_over: list[Observation] = []
    failed: str | None = None
    for observation in observations:
        if observation.detections is None and observation.failed is None:
            observation.failed = failed
            passed_over.append(observation)
            continue
        failed = observation.failed
        for earlier in passed_over:
            earlier.failed = earlier.failed or failed
        yield from passed_over
        passed_over.clear()
        yield observation
    yield from passed_over


def detect(
    looks: list[Look], detector: Detector, stop_on_error: bool
) -> dict[int, tuple[sv.Detections | None, str | None]]:
    """Analyse prepared frames; by frame index the detections, or why there are none.

    Raises:
        UserError: the analysis failed and `stop_on_error` is set.
    """
    if not looks:
        return {}
    try:
        pictures = [look.rgb for look in looks if look.rgb is not None]
        return {
            look.index: (_kept(result, len(detector.classes), picture.shape), None)
            for look, picture, result in zip(looks, pictures, detector(pictures), strict=True)
        }
    except Exception as error:
        if len(looks) > 1:  # only the frames that really fail are to be covered
            return {key: value for look in looks for key, value in detect([look], detector, stop_on_error).items()}
        look = looks[0]
        reason = f"analysis failed: {type(error).__name__}: {' '.join(str(error).split())}"
        if stop_on_error:
            raise UserError(
                f"frame {look.index} at {look.time:.3f} s: {reason}; --on-error cover covers such frames whole"
            ) from error
        log.warning("frame %d at %.3f s is covered whole: %s", look.index, look.time, reason)
        return {look.index: (None, reason)}


def _kept(result: sv.Detections, classes: int, shape: tuple[int, ...]) -> sv.Detections:
    """Check an answer and bring it to a form that takes little memory: linking holds hundreds of frames."""
    size = (shape[0], shape[1])
    return compacted(checked(result, classes, size), size)


def open_wanted(search: Search) -> Detector:
    """Open the detectors that a search names, for the classes that it asks for.

    Raises:
        UserError: no such detector, class, option or device.
    """
    also = {name for finder in search.also for name in finder.classes}
    first = Finder(search.detector, tuple(name for name in search.looked_for if name not in also), search.options)
    finders = [finder for finder in (first, *search.also) if finder.classes]
    opened = [_open(finder, search) for finder in finders]
    wanted = [
        Wanted(detector, finder.classes, _scores(finder, search))
        for detector, finder in zip(opened, finders, strict=True)
    ]
    if len(wanted) == 1:
        return wanted[0]
    shared = share_trunks(opened)
    together = Several(wanted, at_once=shared.batch if shared else None)
    if shared is not None:
        together.device += f", {shared.words}"
    return Wanted(together, search.looked_for)


def _scores(finder: Finder, search: Search) -> dict[str, float]:
    return {name: score for name, score in search.scores.items() if name in finder.classes}


def _open(finder: Finder, search: Search) -> Detector:
    options, scores = dict(finder.options), _scores(finder, search)
    if "thresholds" in options_of(finder.detector, DETECTORS):
        if search.score is not None:
            options["thresholds"] = {}  # the score that was asked for counts, not those that evaluation chose
        elif scores:
            chosen = thresholds_of(finder.options.get("weights"))
            options["thresholds"] = {name: value for name, value in chosen.items() if name not in scores}
    return open_detector(
        finder.detector,
        device=search.device,
        floor=search.floor,
        sure=search.score,
        lowest=min(scores.values(), default=None),
        entries=DETECTORS,
        **options,
    )


def analyse(
    clip: Clip, detector: Detector, settings: HideSettings, header: Header, target: Path, quiet: bool
) -> Damage:
    """Find and link the objects of a clip and write them to `target`, a line a frame.

    Args:
        clip: what to look at.
        detector: finds.
        settings: how to search.
        header: first line of the file, with the detector's classes; rules about what belongs together reduce these.
        target: the detections file.
        quiet: no progress on stderr.

    Returns:
        What is wrong with the source.

    Raises:
        UserError: the clip holds no frame, or a frame could not be analysed and the search is to stop then.
    """
    search = settings.search
    with (
        clip.open() as reader,
        Progress("finding", clip.expected_frames(reader.info), quiet=quiet) as progress,
        prefetched(
            observe(reader, detector, every=search.every, batch=BATCH, stop_on_error=search.stop_on_error), 2 * BATCH
        ) as observations,
    ):
        # Counted before linking, which hands out nothing before it has seen some hundred frames.
        linked = link(progress.count(observations), header.size, linking(detector, search))
        if search.belonging:
            judged(linked, Verdicts(search.belonging, search.classes, detector.classes, detector.sure), header, target)
        else:
            with DetectionsWriter(target, header) as writer:
                for objects in linked:
                    writer.write(objects)
        return reader.damage


def linking(detector: Detector, search: Search) -> LinkSettings:
    """Thresholds of the detector, whether frames are linked at all, and which classes are evidence about each other."""
    named = {name for rule in search.belonging for name in (rule.part, rule.owner, rule.unless)}
    apart = frozenset(place for place, name in enumerate(detector.classes) if name in named)
    weak = WEAK * detector.sure
    return LinkSettings(floor=detector.floor, sure=detector.sure, associate=search.link, apart=apart, weak=weak)
