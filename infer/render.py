"""Second pass: decode again, cover, encode; sound and subtitles are copied by the writer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import av

from common.detections import FrameObjects, read_detections
from common.errors import UserError
from common.pump import prefetched
from common.video.damage import Damage
from common.video.frame import Frame
from common.video.reader import FrameReader
from infer.clip import Clip
from infer.effects.renderer import Renderer
from infer.select import Selector

DEPTH = 8  # pictures between decoder, renderer and encoder
SAME_TIME = 0.002  # seconds; detections files round times to the millisecond
_EXPECTED = "expected the file that was made from this video, with the same --start and --end"


@dataclass
class Rendered:
    """One frame on its way to the encoder.

    Attributes:
        frame: as decoded.
        objects: what was to be hidden.
        picture: what goes out.
        covered: share of the picture that is covered, 0..1.
    """

    frame: Frame
    objects: FrameObjects
    picture: av.VideoFrame
    covered: float


@dataclass
class RenderedClip:
    """The frames of a clip, covered."""

    items: Iterator[Rendered]
    reader: FrameReader

    @property
    def damage(self) -> Damage:
        """What is wrong with the source; complete when all frames were taken."""
        return self.reader.damage


@contextmanager
def rendered(clip: Clip, detections: Path, renderer: Renderer, selector: Selector) -> Iterator[RenderedClip]:
    """Decode and cover in threads of their own, at most a few pictures ahead.

    Args:
        clip: what to decode.
        detections: the detections file of exactly this clip.
        renderer: covers the objects.
        selector: says which of them.
    """
    with (
        clip.open() as reader,
        prefetched(reader, DEPTH) as frames,
        prefetched(_covered(paired(frames, detections, selector), renderer), DEPTH) as items,
    ):
        yield RenderedClip(items, reader)


def paired(frames: Iterable[Frame], detections: Path, selector: Selector) -> Iterator[tuple[Frame, FrameObjects]]:
    """Bring each frame together with its line of the detections file, less what the rules leave out.

    Raises:
        UserError: the file does not have exactly one line for each frame, at its time.
    """
    for frame, objects in zip_longest(frames, read_detections(detections)):
        if frame is None or objects is None:
            problem = "fewer" if objects is None else "more"
            raise UserError(f"{detections} has {problem} frames than the video; {_EXPECTED}")
        if objects.index != frame.index or abs(objects.time - frame.time) > SAME_TIME:
            raise UserError(
                f"{detections}: frame {objects.index} at {objects.time:.3f} s meets frame {frame.index} at "
                f"{frame.time:.3f} s of the video; {_EXPECTED}"
            )
        objects = selector.select(objects)
        yield frame, replace(objects, whole=objects.whole or frame.corrupt)


def _covered(pairs: Iterable[tuple[Frame, FrameObjects]], renderer: Renderer) -> Iterator[Rendered]:
    for frame, objects in pairs:
        picture = renderer.render(frame, objects)
        covered = 1.0 if objects.whole else renderer.covered(objects, frame.display_size)
        yield Rendered(frame, objects, picture, covered)


def show_whole_clip(clip: Clip, detections: Path, renderer: Renderer, selector: Selector) -> None:
    """Let an effect that needs it see the whole clip before rendering."""
    if renderer.effect.needs_preparation:
        with clip.open() as reader, prefetched(reader, DEPTH) as frames:
            renderer.prepare(paired(frames, detections, selector))
