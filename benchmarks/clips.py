"""Made clips whose truth is known to the pixel, rendered to real video files and kept in a cache folder.

What counts as an appearance: at least half of the face is visible (inside the picture and behind nothing) and what is
visible is at least 10 pixels high. What is shown but does not count has the class "ignored": covering it is neither
asked for nor counted as false cover.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks import crowd, singles
from common.detections import DetectionsWriter, FrameObjects, Header, read_detections
from common.staging import staged
from data.clip_file import ClipFile
from data.made_frame import MadeFrame

CLASSES = ("face", "ignored")
FACE, IGNORED = 0, 1
MINIMUM_SHARE = 0.5
MINIMUM_HEIGHT = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How a made clip comes about.

    Attributes:
        name: on the command line.
        about: one line.
        frames: renders it.
        crf: x264's quality of the file.
        needs: a file without which it cannot be made, or None.
    """

    name: str
    about: str
    frames: Callable[[], Iterator[MadeFrame]]
    crf: float = 23
    needs: Path | None = None

    @property
    def missing(self) -> str | None:
        """Why the clip cannot be made here, or None."""
        return f"{self.needs} is absent" if self.needs is not None and not self.needs.exists() else None


@dataclass(frozen=True)
class Clip:
    """A video file and the file with its truth (detections JSONL of the classes `CLASSES`, with masks)."""

    name: str
    video: Path
    truth: Path

    def objects(self) -> Iterator[FrameObjects]:
        """Read the truth, one `FrameObjects` a frame."""
        return read_detections(self.truth)


PLANS = {
    plan.name: plan
    for plan in (
        Plan("crowd", "19 faces in a street: shaky, whip pans, focus, noise", crowd.frames, 30, crowd.PHOTOGRAPH),
        Plan("dusk", "the same street at nightfall", crowd.dusk, 30, crowd.PHOTOGRAPH),
        Plan("occlusion", "a face goes behind a column and comes back", singles.occlusion),
        Plan("exits", "a face leaves the picture and comes back", singles.exits),
        Plan("crossing", "two people pass each other", singles.crossing),
        Plan("turn", "a head turns to both profiles", singles.turn),
        Plan("dark", "the light goes almost out", singles.dark, 27),
        Plan("cuts", "hard cuts", singles.cuts),
        Plan("zoom", "33 pixels to full picture and back", singles.zoom),
        Plan("vfr", "uneven frame times", singles.vfr),
    )
}


def made(plan: Plan, cache: Path) -> Clip:
    """Return a clip, rendered now unless the cache has it.

    Args:
        plan: of the clip.
        cache: folder; made when missing. Names carry a fingerprint of the code and pictures that go into a clip, so a
            change of either renders anew.
    """
    cache.mkdir(parents=True, exist_ok=True)
    stem = cache / f"{plan.name}-{_fingerprint(plan)}"
    clip = Clip(plan.name, stem.with_suffix(".mp4"), stem.with_suffix(".jsonl"))
    if not (clip.video.exists() and clip.truth.exists()):
        _log.info("rendering %s", plan.name)
        with staged(clip.video, overwrite=True) as video, staged(clip.truth, overwrite=True) as truth:
            render(plan, video, truth)
    return clip


def render(plan: Plan, video: Path, truth: Path, frames: int | None = None) -> None:
    """Write the video and its truth; only the first `frames` frames when given."""
    height, width = crowd.SIZE
    header = Header(width=width, height=height, classes=CLASSES, source=plan.name)
    with ClipFile(video, crowd.SIZE, Fraction(30), crf=plan.crf, preset="fast") as file:
        with DetectionsWriter(truth, header) as writer:
            for frame in plan.frames():
                if frame.objects.index == frames:
                    break
                file.write(frame.picture, frame.objects.time)
                writer.write(counted(frame.objects))


def counted(objects: FrameObjects) -> FrameObjects:
    """Mark as ignored what is too small or too little visible to count as an appearance."""
    detections = objects.detections
    heights = detections.xyxy[:, 3] - detections.xyxy[:, 1]
    too_little = (np.asarray(detections.confidence) < MINIMUM_SHARE) | (heights < MINIMUM_HEIGHT)
    detections.class_id = np.where(too_little, IGNORED, np.asarray(detections.class_id))
    return objects


def _fingerprint(plan: Plan) -> str:
    digest = hashlib.sha256(f"{plan.name} {plan.crf}".encode())
    here = Path(__file__).parent
    sources = [here / "clips.py", here / "city_faces.json", Path(inspect.getfile(plan.frames))]
    names = ("camera.py", "clip_file.py", "ellipse.py", "gallery.py", "made_frame.py")
    sources += [here.parent / "data" / name for name in names]
    for source in [*sources, *([plan.needs] if plan.needs else [])]:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]
