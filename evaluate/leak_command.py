"""`python -m evaluate leak`: flags in, table out."""

from __future__ import annotations

import logging
from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator
from typing import TYPE_CHECKING

from common.errors import EXIT_OK, UserError
from common.path_flag import StorePath
from evaluate.lines import aligned, say

if TYPE_CHECKING:
    from common.detectors.detector import Detector
    from evaluate.leak import Covered
    from evaluate.leak_files import Case

log = logging.getLogger(__name__)

NOISY = 0.05  # share of the picture covered falsely from which encoding may have been taken for cover
EPILOG = """An appearance is one object in one frame; it leaks when less than --threshold of its visible pixels is
covered. A visit is one object from coming into view to going out of view; the share of visits without a leaking frame
is the number to sign. False cover is the share of the picture covered further from every object than --margin of that
object's longer side; a false alarm is a track (or a patch of cover) that never, from coming to going, lies on an
object. Flicker: changes between covered and leaking per 100 pairs of frames."""


def add(commands: _SubParsersAction) -> None:
    """Add the command to a parser."""
    what = "what slips through on videos with truth"
    parser = commands.add_parser("leak", help=what, description=what, epilog=EPILOG)
    parser.add_argument(
        "videos",
        nargs="+",
        action=StorePath,
        metavar="VIDEO",
        help="a video, a truth file, or a folder of NAME.truth.jsonl",
    )
    parser.add_argument(
        "--truth",
        nargs="+",
        action=StorePath,
        default=[],
        metavar="FILE",
        help="truth (default: NAME.truth.jsonl beside)",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--detections",
        nargs="+",
        action=StorePath,
        metavar="PATH",
        help="files that infer wrote beside its output, or a folder",
    )
    source.add_argument(
        "--masked",
        nargs="+",
        action=StorePath,
        metavar="PATH",
        help="masked videos, or their folder; compared by pixels",
    )
    source.add_argument(
        "--detector", metavar="NAME", help="each frame alone: centerface, haar, a run folder, a checkpoint, a graph"
    )
    parser.add_argument("--class", dest="only", metavar="NAMES", help="of the truth, to be hidden, with commas")
    parser.add_argument(
        "--same",
        action="append",
        default=[],
        metavar="FOUND=TRUTH",
        help="the detector's name for a class of the truth",
    )
    parser.add_argument("--score", type=float, help="with --detector: score that counts (default: the detector's own)")
    parser.add_argument("--device", default="auto", help="for --detector (default %(default)s)")
    parser.add_argument(
        "--threshold", type=float, default=0.9, help="share that counts as covered (default %(default)s)"
    )
    parser.add_argument(
        "--margin", type=float, default=0.25, help="rim that is not false, share of the size (default %(default)s)"
    )
    parser.add_argument("--visible", type=float, default=0.5, help="least visible share that counts (%(default)s)")
    parser.add_argument("--height", type=float, default=10, help="least height that counts, pixels (%(default)s)")
    parser.add_argument(
        "--tolerance", type=int, default=8, help="with --masked: levels that encoding changes (%(default)s)"
    )
    parser.add_argument("-o", "--out", action=StorePath, metavar="DIR", help="write JSON, CSV and a timeline there")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(flags: Namespace) -> int:
    """Judge the videos; print the table and the sentence to sign."""
    from evaluate.folders import made_folder

    _check(flags)
    with made_folder(flags.out):
        _judge(flags)
    return EXIT_OK


def _judge(flags: Namespace) -> None:
    from dataclasses import asdict

    from common.detections import read_detections
    from common.progress import Progress
    from evaluate import leak_output
    from evaluate.leak import Rule, measure_video
    from evaluate.leak_files import find_cases
    from evaluate.leak_totals import sentence, totals

    cases = find_cases(flags.videos, flags.truth)
    sources = _Sources(flags, cases)
    rule = Rule(
        sources.classes,
        visible=flags.visible,
        height=flags.height,
        threshold=flags.threshold,
        margin=flags.margin,
    )
    videos = []
    with Progress("judging", quiet=flags.quiet) as progress:
        for place, case in enumerate(cases):
            truth, covers = progress.count(read_detections(case.truth)), sources.covers(place)
            videos.append(measure_video(case.name, case.header, truth, covers, rule, part=sources.part(place)))
    of_all = totals(videos)
    say(*aligned(leak_output.HEADINGS, leak_output.table(videos, rule.classes)))
    say("", sentence(of_all, rule.classes), sources.words)
    if flags.masked and (of_all.false_cover or 0) > NOISY:
        log.warning("much of the picture changed away from every object; raise --tolerance if it was not covered")
    if flags.out:
        about = {"judged": sources.words, "rule": asdict(rule)}
        say(*leak_output.write(flags.out, videos, rule.classes, about))


def _check(flags: Namespace) -> None:
    for name, low, high in (("threshold", 0, 1), ("margin", 0, 100), ("visible", 0, 1), ("height", 0, 1e6)):
        if not low <= getattr(flags, name) <= high:
            raise UserError(f"--{name} {getattr(flags, name):g}: expected {low} to {high:g}")
    if not 0 <= flags.tolerance <= 255:
        raise UserError(f"--tolerance {flags.tolerance}: expected levels, 0 to 255")
    if flags.detector is None and (flags.score is not None or flags.same):
        raise UserError("--score and --same belong to --detector")
    if flags.score is not None and not 0 < flags.score < 1:
        raise UserError(f"--score {flags.score:g}: expected a score between 0 and 1")


class _Sources:
    """What was covered in each video, by the flags; opened once."""

    def __init__(self, flags: Namespace, cases: list[Case]) -> None:
        from common.detections import read_header
        from evaluate.leak_covers import hidden_classes
        from evaluate.leak_files import check_source, classes_to_hide, made_of
        from evaluate.run_command import class_names

        self._flags, self._cases = flags, cases
        self._detector: Detector | None = None
        self._headers = []
        covers: tuple[str, ...] = ()
        if flags.detections:
            self._made = made_of(cases, flags.detections, "detections")
            self._headers = [read_header(path) for path in self._made]
            for case, path, header in zip(cases, self._made, self._headers, strict=True):
                check_source(case, path, header)
            covers = hidden_classes(self._headers)
            self.words = "Judged: the cover that the runs recorded; soft edges count as bare."
        elif flags.masked:
            self._made = made_of(cases, flags.masked, "masked")
            self.words = f"Judged: pixels that changed by more than {flags.tolerance} levels; coarse, see the docs."
        else:
            self._detector = self._opened()
            covers = tuple(self._same.get(name, name) for name in self._detector.classes)
            score = self._detector.sure if flags.score is None else flags.score
            self.words = f"Judged: {self._detector.name} on every frame alone, score {score:g}, no linking."
        self.classes = classes_to_hide(cases, class_names(flags.only) or (), covers)
        if not flags.detections:
            missing = [case.name for case in cases if case.video is None]
            if missing:
                raise UserError(f"{missing[0]}: the video is not beside its truth; give the video, and --truth FILE")

    def part(self, place: int) -> bool:
        """Whether the cover is of a fragment."""
        from evaluate.leak_covers import of_fragment

        return bool(self._headers) and of_fragment(self._headers[place])

    def covers(self, place: int) -> Iterator[Covered]:
        """Return the cover of a video."""
        from evaluate import leak_covers

        if self._headers:
            return leak_covers.recorded(self._made[place], self._headers[place])
        video = self._cases[place].video
        assert video is not None
        if self._detector is None:
            return leak_covers.rendered(video, self._made[place], self._flags.tolerance)
        wanted = tuple(name for name in self._detector.classes if self._same.get(name, name) in self.classes)
        if not wanted:
            raise UserError(f"{self._detector.name} finds {', '.join(self._detector.classes)}; add --same FOUND=TRUTH")
        return leak_covers.detected(video, self._detector, wanted, self._flags.score)

    def _opened(self) -> Detector:
        from mrcnn.detectors import open_named

        pairs = [text.partition("=") for text in self._flags.same]
        if not all(found and equals and truth for found, equals, truth in pairs):
            raise UserError(f"--same {self._flags.same[0]}: expected FOUND=TRUTH, e.g. face=nface")
        self._same = {found: truth for found, _, truth in pairs}
        return open_named(self._flags.detector, device=self._flags.device, sure=self._flags.score)
