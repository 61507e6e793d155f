"""Leaks of masked videos by the cover that the runs recorded: the one call for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.detections import read_detections, read_header
from evaluate.leak import Rule, VideoLeak, measure_video
from evaluate.leak_covers import hidden_classes, of_fragment, recorded
from evaluate.leak_files import check_source, classes_to_hide, find_cases, made_of


def recorded_leaks(
    videos: Sequence[Path], detections: Sequence[Path], classes: Sequence[str] = ()
) -> tuple[list[VideoLeak], tuple[str, ...]]:
    """Judge what runs of `python -m infer video` covered.

    Args:
        videos: videos, truth files, or folders of them, see `find_cases`.
        detections: files that the runs wrote beside their outputs, or their folder.
        classes: of the truth, to be hidden; empty: those that the runs were asked to hide.

    Returns:
        What slipped through each video, and the classes.

    Raises:
        UserError: see `find_cases`, `made_of`, `check_source`, `classes_to_hide`, `recorded` and `measure_video`.
    """
    cases = find_cases(videos)
    made = made_of(cases, detections, "detections")
    headers = [read_header(path) for path in made]
    for case, path, header in zip(cases, made, headers, strict=True):
        check_source(case, path, header)
    rule = Rule(classes_to_hide(cases, classes, hidden_classes(headers)))
    judged = [
        measure_video(
            case.name,
            case.header,
            read_detections(case.truth),
            recorded(path, header),
            rule,
            part=of_fragment(header),
        )
        for case, path, header in zip(cases, made, headers, strict=True)
    ]
    return judged, rule.classes
