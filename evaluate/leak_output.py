"""Leaks as tables, files and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from common.figure_names import plain_names
from common.staging import staged
from evaluate.leak import VideoLeak
from evaluate.leak_totals import Totals, sentence, totals
from evaluate.summary import UNKNOWN
from evaluate.writing import write_json, write_table

HEADINGS = (
    "",
    "never bare",
    "at least",
    "appearances covered",
    "leaking frames",
    "longest leak",
    "bare pixels",
    "false cover",
    "false alarms/min",
    "flicker",
)
STRIPS = 60  # on the timeline: more than some hundreds are higher than a PNG may be, and nobody looks at them


def table(videos: Sequence[VideoLeak], classes: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the rows of the table: each video, each class where there are several, all together."""
    rows = [cells(video.name, totals([video])) for video in videos]
    if len(classes) > 1:
        rows += [cells(f"class {name}", totals(videos, name)) for name in classes]
    if len(videos) > 1:
        rows.append(cells("all", totals(videos)))
    return rows


def cells(name: str, of_all: Totals) -> tuple[str, ...]:
    """Return one row as texts, as `HEADINGS` names them."""
    visits = UNKNOWN if of_all.visits is None else f"{of_all.never_bare}/{of_all.visits}"
    leaking = UNKNOWN if of_all.leak_frames is None else f"{of_all.leak_frames}/{of_all.frames}"
    return (
        name,
        visits,
        _percent(of_all.never_bare_at_least),
        _percent(of_all.covered_share),
        leaking,
        _longest(of_all),
        _percent(of_all.bare_share),
        _percent(of_all.false_cover),
        UNKNOWN if of_all.false_alarms_per_minute is None else f"{of_all.false_alarms_per_minute:.1f}",
        UNKNOWN if of_all.flicker is None else f"{of_all.flicker:.2f}",
    )


def _longest(of_all: Totals) -> str:
    if of_all.longest is None:
        return UNKNOWN
    return f"{of_all.longest} frames, {of_all.longest_seconds:.2f} s" if of_all.longest else "none"


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{share:.2%}"


def as_json(videos: Sequence[VideoLeak], classes: Sequence[str], about: dict[str, Any]) -> dict[str, Any]:
    """Return all totals as plain values.

    Args:
        videos: that were judged.
        classes: that were to be hidden.
        about: how: what was judged, thresholds.
    """
    return {
        **about,
        "classes": list(classes),
        "sentence": sentence(totals(videos), classes),
        "all": _plain(totals(videos)),
        "by_class": {name: _plain(totals(videos, name)) for name in classes},
        "videos": {video.name: _plain(totals([video])) for video in videos},
    }


def _plain(of_all: Totals) -> dict[str, Any]:
    derived = (
        *("covered_share", "never_bare_share", "never_bare_at_least", "bare_share"),
        *("false_alarms_per_minute", "flicker"),
    )
    return asdict(of_all) | {name: getattr(of_all, name) for name in derived}


def write(folder: Path, videos: Sequence[VideoLeak], classes: Sequence[str], about: dict[str, Any]) -> list[Path]:
    """Write leak.json, leak_frames and leak_visits (CSV and JSON) and leak.png, replacing those of before.

    Args:
        folder: exists.
        videos: that were judged.
        classes: that were to be hidden.
        about: see `as_json`.

    Returns:
        The files.

    Raises:
        UserError: the folder cannot be written.
    """
    frames = [{"video": video.name, **asdict(row)} for video in videos for row in video.rows]
    visits = [{"video": video.name, **asdict(visit)} for video in videos if video.tracked for visit in video.visits]
    write_json(folder / "leak.json", as_json(videos, classes, about))
    write_table(folder, "leak_frames", frames)
    write_table(folder, "leak_visits", visits)
    with staged(folder / "leak.png", overwrite=True) as path:
        path.write_bytes(timeline(videos))
    return [folder / name for name in ("leak.json", "leak_frames.csv", "leak_visits.csv", "leak.png")]


@plain_names()
def timeline(videos: Sequence[VideoLeak]) -> bytes:
    """Draw bare pixels, leaking frames and false cover over time: PNG, one strip a video, those that leak most."""
    from io import BytesIO

    from matplotlib.figure import Figure

    if len(videos) > STRIPS:
        leaks = [sum(row.leaking > 0 for row in video.rows) for video in videos]
        most = sorted(np.argsort(np.negative(leaks), kind="stable")[:STRIPS])
        videos = [videos[place] for place in most]
    figure = Figure(figsize=(10, 0.9 + 1.5 * len(videos)), layout="constrained")
    axes = figure.subplots(len(videos), 1, squeeze=False)[:, 0]
    for axis, video in zip(axes, videos, strict=True):
        times = [row.time for row in video.rows]
        bare = [100 * row.bare / row.pixels if row.pixels else 0.0 for row in video.rows]
        axis.fill_between(times, bare, step="post", color="#c62828", alpha=0.8, label="object pixels bare")
        false = [100 * row.false_cover for row in video.rows]
        axis.plot(times, false, color="#607d8b", linewidth=1, label="picture covered falsely")
        leaking = [row.time for row in video.rows if row.leaking]
        # An empty line that is not clipped has no extent, and the layout breaks.
        ticks = {"color": "#c62828", "markersize": 5, "clip_on": not leaking, "label": "frame leaks"}
        axis.plot(leaking, [103.0] * len(leaking), "|", **ticks)
        axis.set(ylim=(0, 100), xlim=(times[0], max(times[-1], times[0] + 0.04)), ylabel="%")
        axis.set_title(video.name, fontsize=9, loc="left", pad=9)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("seconds")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, fontsize=8)
    out = BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()
