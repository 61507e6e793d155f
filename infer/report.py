"""The report beside an output: what was done with what, what was hidden, and where to look before it goes out."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from common.errors import EXIT_OK, EXIT_REVIEW
from infer.moments import timestamp
from infer.tally import Totals

REVIEW_FROM = 0.5  # severity of a moment that somebody has to see before the output goes out
GIVEN = "given detections"  # in place of a model
MOMENTS_SHOWN = 5  # in the summary; the report lists them all
PACKAGES = ("hide-in-video", "av", "numpy", "onnxruntime", "opencv-python", "scipy", "supervision")


@dataclass
class Report:
    """Everything that belongs on record about one output.

    Attributes:
        source: what was masked, as given.
        output: the masked file.
        totals: what was hidden.
        effect: how it was hidden.
        anonymises: "yes", "no", or in what way not quite.
        settings: all settings as plain values.
        argv: the command line.
        versions: of the program and what it stands on; see `versions`.
        hashes: SHA-256 by what it is of, e.g. {"source": …, "output": …, "model": …}.
        model: name of the detector, and where it ran.
        damage: what is wrong with the source in one line, or None.
        telltales: what was found on the side (place, device, covers), in words.
        telltales_kept: they were kept because somebody asked for it.
        notes: what differs from the source and why, and what the rules left visible.
        seconds: how long each part of the work took.
        created: when, ISO 8601 with zone.
    """

    source: str
    output: str
    totals: Totals
    effect: str = ""
    anonymises: str = "yes"
    settings: dict[str, Any] = field(default_factory=dict)
    argv: Sequence[str] = ()
    versions: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    model: str = ""
    damage: str | None = None
    telltales: list[str] = field(default_factory=list)
    telltales_kept: bool = False
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).astimezone().isoformat(timespec="seconds"))

    @property
    def review(self) -> list[str]:
        """Why somebody has to look at the output before it goes out; empty when nothing says so."""
        totals = self.totals
        reasons = []
        if not totals.appearances and not totals.whole_frames:
            reasons.append("nothing was found and nothing is hidden")
        if self.damage:
            reasons.append(f"the source is damaged: {self.damage}")
        if totals.whole_frames:
            count = sum(totals.whole_frames.values())
            reasons.append(
                f"{_number(count, 'frame')} could not be judged and {'is' if count == 1 else 'are'} covered whole"
            )
        severe = [moment for moment in totals.moments if moment.severity >= REVIEW_FROM]
        if severe:
            reasons.append(f"{_number(len(severe), 'moment')} to check by eye")
        if self.anonymises != "yes":
            weak = "does not make anything unrecognisable" if self.anonymises == "no" else f"is {self.anonymises}"
            reasons.append(f"the effect {self.effect} {weak}")
        if self.telltales_kept and self.telltales:
            reasons.append(f"kept on request: {', '.join(self.telltales)}")
        return reasons

    @property
    def never_hidden(self) -> list[str]:
        """Classes that were asked for and are hidden nowhere, where others are; what hides its owner has its name."""
        search = self.settings.get("search", {})
        if self.model == GIVEN or search.get("belonging") or not self.totals.appearances:
            return []
        return [name for name in search.get("classes", ()) if name not in self.totals.appearances]

    def exit_code(self, strict: bool) -> int:
        """Exit code of a run that ended with this report: 4 when `strict` and a review is asked for."""
        return EXIT_REVIEW if strict and self.review else EXIT_OK

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {"format": "hide-in-video report", "version": 1, **asdict(self), "review": self.review}


def summary_lines(report: Report) -> list[str]:
    """A few lines for the end of a run: what was hidden, frames with nothing, the weakest moments."""
    totals = report.totals
    lines = [f"{report.output}: {_number(totals.frames, 'frame')}, {hidden_in_words(totals)}"]
    lines.append(
        f"frames with nothing hidden: {totals.empty_frames} of {totals.frames}; "
        f"covered: {percent(totals.mean_share)} of the picture on average, {percent(totals.highest_share)} at most"
    )
    if report.never_hidden:
        lines.append(f"asked for and hidden nowhere: {', '.join(report.never_hidden)}")
    for reason, count in totals.whole_frames.items():
        lines.append(f"covered whole: {_number(count, 'frame')} ({reason})")
    if report.damage:
        lines.append(f"the source is damaged: {report.damage}")
    if report.telltales:
        lines.append(f"{'kept' if report.telltales_kept else 'dropped'}: {', '.join(report.telltales)}")
    lines += [f"note: {note}" for note in report.notes]
    if totals.moments:
        shown = totals.moments[:MOMENTS_SHOWN]
        more = f", {len(totals.moments) - len(shown)} more in the report" if len(totals.moments) > len(shown) else ""
        lines.append(f"weakest moments, to check by eye{more}:")
        lines += [f"  {timestamp(moment.time)}  {moment.reason}{tracks_in_words(moment.tracks)}" for moment in shown]
    if report.review:
        lines.append(f"needs review: {'; '.join(report.review)}")
    return lines


def hidden_in_words(totals: Totals) -> str:
    """Say what was hidden: objects by class, or appearances where there are no tracks."""
    if not totals.appearances:
        return "nothing hidden"
    parts = []
    for name, appearances in sorted(totals.appearances.items()):
        objects = totals.objects.get(name)
        times = _number(appearances, "time")
        parts.append(f"{name} {times}" if objects is None else f"{_number(objects, f'{name} track')} ({times})")
    return "hidden: " + ", ".join(parts)


def tracks_in_words(tracks: Sequence[int]) -> str:
    """Write ", track 3" or ", tracks 3, 5 and 12 more"; empty for none."""
    if not tracks:
        return ""
    shown = ", ".join(map(str, tracks[:6])) + (f" and {len(tracks) - 6} more" if len(tracks) > 6 else "")
    return f", track{'s' if len(tracks) > 1 else ''} {shown}"


def percent(share: float) -> str:
    """Write a share of 1 as percent with one digit."""
    return f"{100 * share:.1f} %"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def sha256(path: str | Path) -> str:
    """SHA-256 of a file as hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions of this program and of what it stands on, FFmpeg's among them."""
    import av

    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    found["ffmpeg"] = str(av.ffmpeg_version_info)
    return found
