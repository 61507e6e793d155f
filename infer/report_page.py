"""The report as one page of HTML that needs nothing from outside and prints on A4."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from infer.moments import timestamp

if TYPE_CHECKING:
    from infer.report import Report
    from infer.tally import TrackSummary

TEMPLATE = Path(__file__).with_name("report.html")
TRACKS_SHOWN = 60
STRETCHES_SHOWN = 24
PNG_START = b"\x89PNG"


def page(report: Report, thumbnails: Mapping[int, bytes]) -> str:
    """Return the page.

    Args:
        report: what is shown.
        thumbnails: PNG or JPEG of the masked output by frame number.
    """
    sections = [
        ("Moments to check by eye", _moments(report, thumbnails)),
        ("What was hidden", _classes(report)),
        ("Tracks", _tracks(report.totals.tracks)),
        ("Frames", _frames(report)),
        ("Source and output", _files(report)),
        ("On the side", _on_the_side(report)),
        ("Settings", _settings(report)),
        ("Made with", _facts(report.versions.items())),
    ]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(Path(report.output).name or report.output),
        subtitle=escape(f"Report of {report.created} on what is hidden in this file."),
        verdict=_verdict(report.review),
        figures=_figures(report),
        sections="\n".join(f"<section><h2>{escape(title)}</h2>{body}</section>" for title, body in sections if body),
    )


def _verdict(review: Sequence[str]) -> str:
    if not review:
        return (
            '<div class="verdict">Nothing in this run asks for a review. A look at the output is still worth it.</div>'
        )
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in review)
    return f'<div class="verdict review"><b>Needs review before it goes out</b><ul>{reasons}</ul></div>'


def _figures(report: Report) -> str:
    totals = report.totals
    hidden = (str(sum(totals.objects.values())), "tracks hidden")
    if not totals.objects:
        hidden = (str(sum(totals.appearances.values())), "times something is hidden")
    figures = [
        (str(totals.frames), f"frames, {timestamp(totals.duration)}"),
        hidden,
        (str(totals.empty_frames), "frames with nothing hidden"),
        (str(sum(totals.whole_frames.values())), "frames covered whole"),
        (f"{100 * totals.mean_share:.1f} %", f"of the picture covered, at most {100 * totals.highest_share:.1f} %"),
    ]
    return "".join(f"<div><b>{escape(figure)}</b><span>{escape(what)}</span></div>" for figure, what in figures)


def _moments(report: Report, thumbnails: Mapping[int, bytes]) -> str:
    rows = []
    for moment in report.totals.moments:
        tracks = ", ".join(map(str, moment.tracks))
        cells = [escape(timestamp(moment.time)), str(moment.index), escape(moment.reason), tracks]
        if thumbnails:
            cells.append(_picture(thumbnails.get(moment.index)))
        rows.append(['<span class="tick"></span>', *cells])
    if not rows:
        return "<p>None stood out.</p>"
    return _table(["seen", "time", "frame", "why", "tracks", *(["output"] if thumbnails else [])], rows, numbers=(2,))


def _picture(data: bytes | None) -> str:
    if data is None:
        return ""
    kind = "png" if data.startswith(PNG_START) else "jpeg"
    return f'<img alt="" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def _classes(report: Report) -> str:
    totals = report.totals
    rows = [
        [escape(name), str(totals.objects.get(name, 0)), str(appearances)]
        for name, appearances in sorted(totals.appearances.items())
    ]
    if not rows:
        return "<p>Nothing was found.</p>"
    return _table(["class", "tracks", "times hidden, over all frames"], rows, numbers=(1, 2))


def _tracks(tracks: Sequence[TrackSummary]) -> str:
    if not tracks:
        return ""
    rows = []
    for track in tracks[:TRACKS_SHOWN]:
        scores = "" if track.mean_score is None else f"{track.mean_score:.2f} ({track.lowest_score:.2f})"
        times = f"{timestamp(track.first_time)} – {timestamp(track.last_time)}"
        frames = [str(track.frames.get(origin, 0)) for origin in ("detected", "propagated", "manual")]
        rows.append([str(track.number), escape(track.name), times, *frames, scores])
    heads = ["track", "class", "from – to", "frames seen", "followed", "by hand", "score: mean (lowest)"]
    more = f"<p>{len(tracks) - TRACKS_SHOWN} more in the JSON report.</p>" if len(tracks) > TRACKS_SHOWN else ""
    return _table(heads, rows, numbers=(0, 3, 4, 5)) + more


def _frames(report: Report) -> str:
    totals = report.totals
    facts = [("covered whole", f"{count} × {reason}") for reason, count in totals.whole_frames.items()]
    if totals.empty_stretches:
        shown = [f"{timestamp(first)} – {timestamp(last)}" for first, last in totals.empty_stretches[:STRETCHES_SHOWN]]
        more = len(totals.empty_stretches) - len(shown)
        facts.append(("nothing hidden", ", ".join(shown) + (f" and {more} stretches more" if more else "")))
    if totals.highest_share:
        facts.append(("most covered", f"{100 * totals.highest_share:.1f} % at {timestamp(totals.highest_time)}"))
    return _facts(facts)


def _files(report: Report) -> str:
    facts = [("source", report.source), ("output", report.output)]
    facts += [(f"SHA-256 of {name}", digest) for name, digest in report.hashes.items()]
    facts.append(("damage", report.damage or "none found"))
    facts += [("note", note) for note in report.notes]
    return _facts(facts)


def _on_the_side(report: Report) -> str:
    if not report.telltales:
        return "<p>No place, device or picture was found on the side of the source.</p>"
    what = "kept on request" if report.telltales_kept else "found and dropped"
    return _facts((what, telltale) for telltale in report.telltales)


def _settings(report: Report) -> str:
    facts = [("effect", report.effect), ("makes unrecognisable", report.anonymises), ("detector", report.model)]
    if report.argv:
        facts.append(("command", shlex.join(report.argv)))
    facts += [(f"time for {part}", f"{seconds:.1f} s") for part, seconds in report.seconds.items()]
    return _facts(facts + [(name, _in_words(value)) for name, value in report.settings.items()])


def _in_words(value: Any) -> str:
    """Settings in a line; what is not set is left out."""
    if isinstance(value, Mapping):
        parts = ((key, _in_words(item)) for key, item in value.items())
        return ", ".join(f"{key} {words}" for key, words in parts if words)
    if value is None or value == []:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(fact))}</td></tr>" for name, fact in facts if fact)
    return f'<table class="facts">{rows}</table>' if rows else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; columns in `numbers` are set to the right."""

    def cell(tag: str, column: int, content: str) -> str:
        kind = ' class="number"' if column in numbers else ""
        return f"<{tag}{kind}>{content}</{tag}>"

    lines = ["".join(cell("th", column, escape(head)) for column, head in enumerate(heads))]
    lines += ["".join(cell("td", column, content) for column, content in enumerate(row)) for row in rows]
    return '<table class="list">' + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
