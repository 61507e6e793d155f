"""One source on its way to one masked output: checks before, the second pass, the report after."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from common.detections import Header, read_detections, read_header
from common.detectors.detector import Detector
from common.errors import DamagedSourceError, UserError
from common.progress import Progress
from common.telltale import Telltale
from common.video.damage import Damage
from common.video.frame import upright
from common.video.info import VideoInfo, probe
from common.video.plan import check_plan
from common.video.writer import EncodeSettings, VideoWriter
from infer.belonging.verdicts import DECIDED
from infer.clip import Clip
from infer.effects import EFFECTS
from infer.effects.renderer import Renderer
from infer.outputs import Outputs
from infer.preview import PreviewCollector
from infer.render import Rendered, rendered, show_whole_clip
from infer.report import GIVEN, Report, sha256, versions
from infer.report_files import write_report
from infer.select import Selector
from infer.settings import HideSettings
from infer.tally import Tally, Totals, weak_frames

GIVEN_SURE = 0.5  # score below which a given detection is worth a look
PREVIEW_FRAMES = 8  # pairs on the sheet besides the weakest moments


class VideoJob:
    """One video on its way to its masked output.

    Args:
        source: any video file.
        target: final name of the masked video.
        settings: what to hide, and how.
        argv: the command line, for the report.
        quiet: no progress on stderr.

    Raises:
        UserError: the source is no video, or the fragment is none.

    Attributes:
        sha256: hash of the source.
    """

    def __init__(
        self, source: Path, target: Path, settings: HideSettings, argv: Sequence[str] = (), quiet: bool = True
    ) -> None:
        self.info: VideoInfo = probe(source)
        self._state = _state(source)
        self.sha256 = sha256(source)
        self.source, self.target, self.settings = source, target, settings
        self.clip = Clip(source, settings.start, settings.end)
        self.seconds: dict[str, float] = {}
        self._argv, self._quiet = list(argv), quiet
        self._damages: list[str] = []

    def check(self, outputs: Outputs, renderer: Renderer, classes: Sequence[str], inputs: Sequence[Path] = ()) -> None:
        """Refuse what cannot work before the first frame is analysed.

        Raises:
            UserError: an output exists, is an input or cannot be written; the container cannot hold the source; a rule
                speaks of a class or a place that there is not.
        """
        outputs.check((self.source, *inputs), overwrite=self.settings.overwrite)
        Selector(self.settings.rules, self.info.display_size, classes)
        check_plan(self.info, self.target, self._encode_settings(renderer), self.settings.start)

    def header(self, classes: Sequence[str]) -> Header:
        """First line of a detections file of this clip."""
        height, width = self.info.display_size
        return Header(width, height, tuple(classes), self.source.name, self.settings.as_json(), self.sha256)

    def refuse(self, damage: Damage) -> None:
        """Stop at a damaged source unless the settings allow it.

        Raises:
            DamagedSourceError: the source is damaged.
        """
        if damage.describe() and damage.describe() not in self._damages:
            self._damages.append(damage.describe())
        if damage and not self.settings.allow_damaged:
            raise DamagedSourceError(
                f"{self.source} is damaged: {damage.describe()}; nothing was written. "
                "Get the file again, or add --allow-damaged: frames that cannot be trusted are covered whole then"
            )

    def render(
        self,
        files: Outputs,
        detections: Path,
        renderer: Renderer,
        detector: Detector | None,
        called: str | None = None,
    ) -> Report:
        """Second pass: cover, encode, report.

        Args:
            files: staged names of the outputs.
            detections: the detections file of the clip.
            renderer: covers.
            detector: what found the objects; None when the file came from elsewhere.
            called: name of the source in the report, default its path.

        Returns:
            The report, as written to `files`.
        """
        header = read_header(detections)
        if header.sha256 and header.sha256 != self.sha256:
            raise UserError(
                f"{detections} was made from another file than {self.source}; use the one that was made from it, or "
                'take "sha256" out of its first line if you know that it fits'
            )
        sure = detector.sure if detector else GIVEN_SURE

        show_whole_clip(self.clip, detections, renderer, self._selector(header))
        pictures = self._collector(detections, self._selector(header), sure)
        selector = self._selector(header)
        tally = Tally(selector.classes, self.info.display_size, sure=sure)
        with self.timed("hiding"):
            notes, damage = self._encode(files.masked, detections, renderer, selector, tally, pictures)
        self.refuse(damage)
        if _state(self.source) != self._state:
            raise UserError(f"{self.source} was changed while it was being read; nothing was written, run again")
        report = begin_report(called or self.source, self.target, self.settings, renderer, detector)
        with self.timed("hashing"):
            report.hashes |= {
                "source": self.sha256,
                "output": sha256(files.masked),
                "detections": sha256(detections),
            }
        report.totals = tally.totals()
        report.argv, report.seconds = self._argv, self.seconds
        report.damage = "; ".join(self._damages) or None
        report.telltales = telltales_in_words(self.info.telltales)
        report.notes = [*notes, *renderer.notes, *selector.notes(), *decisions(header)]
        write_report(report, files.report, files.page, pictures.thumbnails())
        if files.preview is not None:
            pictures.write(files.preview, overwrite=True)
        return report

    def _selector(self, header: Header) -> Selector:
        return Selector(self.settings.rules, self.info.display_size, header.classes)

    def _collector(self, detections: Path, selector: Selector, sure: float) -> PreviewCollector:
        """Collects the pictures for report and preview; the weakest moments are known before anything is rendered."""
        weakest = weak_frames(
            selector(read_detections(detections)), selector.classes, self.info.display_size, sure=sure
        )
        aspect = self.info.sample_aspect_ratio or 1
        return PreviewCollector(
            count=PREVIEW_FRAMES if self.settings.preview else 0,
            total_hint=self.clip.expected_frames(self.info),
            wanted=weakest,
            pixel_aspect=float(aspect if self.info.rotation % 2 == 0 else 1 / aspect),
        )

    def _encode(
        self,
        path: Path,
        detections: Path,
        renderer: Renderer,
        selector: Selector,
        tally: Tally,
        pictures: PreviewCollector,
    ) -> tuple[list[str], Damage]:
        settings = self.settings
        encode = self._encode_settings(renderer)
        expected = self.clip.expected_frames(self.info)
        with (
            VideoWriter(path, self.target, self.info, encode, settings.start, settings.end) as writer,
            Progress("hiding", expected, quiet=self._quiet) as progress,
            rendered(self.clip, detections, renderer, selector) as clip,
        ):
            for item in progress.count(clip.items):
                tally.add(item.objects, item.covered)
                if pictures.wants(item.frame.index):
                    before = item.frame.rgb() if settings.preview else None
                    pictures.add(item.frame.index, item.frame.time, before, _rgb(item))
                writer.write(item.picture, item.frame)
        clip.damage.messages += writer.damaged
        return writer.notes, clip.damage

    def _encode_settings(self, renderer: Renderer) -> EncodeSettings:
        return replace(self.settings.encode, alpha=renderer.effect.needs_alpha)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Note how long a part of the work takes."""
        begin = time.monotonic()
        yield
        self.seconds[part] = round(time.monotonic() - begin, 3)


def _state(path: Path) -> tuple[int, int]:
    """What changes when a file is written to."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def begin_report(
    source: str | Path, target: Path, settings: HideSettings, renderer: Renderer, detector: Detector | None
) -> Report:
    """Everything of a report that is known without the frames."""
    cover = renderer.settings()
    plain = {**settings.as_json(), "cover": cover}
    if detector is not None:  # the thresholds in force, whether given or the detector's own
        plain["search"] |= {"score": detector.sure, "floor": detector.floor}
    return Report(
        source=str(source),
        output=str(target),
        totals=Totals(),
        effect=cover["effect"],
        anonymises="yes" if cover["anonymises"] is True else EFFECTS[renderer.effect.name].anonymises,
        settings=plain,
        versions=versions(),
        model=f"{detector.name} on {detector.device}" if detector else GIVEN,
        telltales_kept=settings.encode.keep_metadata,
        hashes=_model_hashes(detector),
    )


def _model_hashes(detector: Detector | None) -> dict[str, str]:
    files = getattr(detector, "files", ())
    return {"model" if len(files) == 1 else f"model {file.name}": sha256(file) for file in files}


def decisions(header: Header) -> list[str]:
    """What came of the rules about what belongs together, as the detections file tells."""
    decided = header.settings.get(DECIDED, [])
    return [str(each) for each in decided] if isinstance(decided, list) else []


def telltales_in_words(telltales: Sequence[Telltale]) -> list[str]:
    """What was found on the side, a phrase each."""
    return [f"{telltale.what} ({telltale.where})" for telltale in telltales]


def _rgb(item: Rendered) -> np.ndarray:
    picture: av.VideoFrame = item.picture
    return upright(picture.to_ndarray(format="rgb24"), item.frame.rotation)
