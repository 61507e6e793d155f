"""A folder in, a folder out: every video and picture in it, one bad file never stopping the rest."""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.detectors.detector import Detector
from common.errors import EXIT_INCOMPLETE, EXIT_USAGE, UserError
from infer.analyse import open_wanted
from infer.picture import hide_picture, is_picture
from infer.pipeline import hide_video
from infer.report import Report, summary_lines
from infer.settings import HideSettings

_VIDEOS = (".ts", ".mxf", ".ogx", ".swf", ".rm")  # named as if they were something else
_TEXTS = (".jsonl",)  # of no registered kind: detections and truth lie beside videos
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        source: the file.
        report: of a finished output, or None.
        problem: why there is none, in one line.
        exit_code: what the file alone would have ended with.
    """

    source: Path
    report: Report | None = None
    problem: str | None = None
    exit_code: int = 0

    @property
    def summary(self) -> str:
        """One line on a finished output."""
        return summary_lines(self.report)[0] if self.report else str(self.problem)


def hide_folder(
    source: Path,
    target: Path,
    settings: HideSettings,
    *,
    detector: Detector | None = None,
    argv: Sequence[str] = (),
    quiet: bool = True,
) -> Iterator[Outcome]:
    """Hide things in every video and picture of a folder and the folders in it.

    Names are kept. Hidden files, and files whose names say that they are neither video nor picture, are passed over;
    any other file that is neither is a failure.

    Args:
        source: folder with the inputs.
        target: folder for the outputs, made where it is missing; not `source` nor a folder in it.
        settings: as for one file.
        detector: one of your own instead of the one that `settings.search` names.
        argv: the command line, for the reports.
        quiet: no progress on stderr.

    Yields:
        One outcome a file, in the order of names.

    Raises:
        UserError: `target` lies in `source`, is a file, or a setting is wrong for every file alike.
    """
    if target.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{target} lies in {source}: outputs would be taken for inputs; choose another folder")
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file; a folder as input needs a folder for the outputs")
    detector = detector or open_wanted(settings.search)
    for path in sorted(source.rglob("*")):
        if (
            path.is_file()
            and not is_other(path)
            and not any(part.startswith(".") for part in path.relative_to(source).parts)
        ):
            yield _hide(path, target / path.relative_to(source), settings, detector, argv, quiet)


def is_other(path: Path) -> bool:
    """Whether a file's name says that it is something else: a text, subtitles, a spreadsheet."""
    kind = mimetypes.guess_type(path.name)[0] or ""
    if path.suffix.lower() in _TEXTS:
        return True
    return kind.split("/")[0] in ("text", "application", "font", "audio") and path.suffix.lower() not in _VIDEOS


def _hide(
    path: Path, target: Path, settings: HideSettings, detector: Detector, argv: Sequence[str], quiet: bool
) -> Outcome:
    try:
        hide = hide_picture if is_picture(path) else hide_video
        target.parent.mkdir(parents=True, exist_ok=True)
        report = hide(path, target, settings, detector=detector, argv=argv, quiet=quiet)
    except UserError as error:
        return Outcome(path, problem=" ".join(str(error).split()), exit_code=error.exit_code)
    except OSError as error:
        return Outcome(path, problem=f"{error.strerror or error}: {error.filename or path}", exit_code=EXIT_USAGE)
    except Exception as error:
        log.exception("%s", path)
        return Outcome(
            path, problem=f"fault of the program: {type(error).__name__}: {error}", exit_code=EXIT_INCOMPLETE
        )
    return Outcome(path, report, exit_code=report.exit_code(strict=settings.strict))
