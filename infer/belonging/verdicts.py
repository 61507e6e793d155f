"""From linked objects to those that are hidden: tracks are judged by the whole clip, then frames are thinned out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import supervision as sv

from common.detections import DetectionsWriter, FrameObjects, Header, read_detections
from common.errors import UserError
from common.staging import temporary_folder
from infer.belonging.judge import Judge
from infer.belonging.rule import Belonging, may_be_hidden

DECIDED = "decided"  # in the settings of a detections file: what came of the rules, in words


class Verdicts:
    """Judges the objects of a clip by what belongs to what.

    Show it every frame with `hear`, then take the frames from `thinned`. Memory holds a ballot a track. Objects without
    a track, as in pictures, are judged by their own frame.

    Args:
        rules: what belongs to what.
        hidden: classes that are hidden; owners that are not among them are hidden only where a rule says so.
        classes: class names as `class_id` in the frames counts them; all that the rules name.
        sure: score from which one sighting is believed.

    Raises:
        UserError: a class that a rule names is not looked for.
    """

    def __init__(self, rules: Sequence[Belonging], hidden: Sequence[str], classes: Sequence[str], sure: float) -> None:
        self.rules = rules
        self._sure = sure
        self._ids = [_class_ids(rule, classes) for rule in rules]
        self._judges = [Judge(ids, sure) for ids in self._ids]
        self._owners: list[set[int]] = [set() for _ in rules]  # all tracks of owners
        parts = {part for part, _, _ in self._ids}
        self._always = np.array([name in hidden and place not in parts for place, name in enumerate(classes)])
        self._kept = may_be_hidden(classes, hidden, rules)
        self._places = np.array([self._kept.index(name) if name in self._kept else -1 for name in classes])

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names as `class_id` counts them in thinned frames."""
        return self._kept

    def hear(self, frame: FrameObjects) -> None:
        """Take in what one frame says about its tracks."""
        found = frame.detections
        if not len(found):
            return
        tracks, class_ids = np.asarray(found.tracker_id), np.asarray(found.class_id)
        for judge, owners in zip(self._judges, self._owners, strict=True):
            owners.update(tracks[(class_ids == judge.class_ids[1]) & (tracks >= 0)].tolist())
            judge.hear(found, tracks.tolist(), frame.index)

    def thinned(self, frame: FrameObjects) -> FrameObjects:
        """Return the frame with what is to be hidden only; doubts about a track are said at its clearest sighting."""
        found = frame.detections
        doubts = [*frame.doubts, *self._doubts.get(frame.index, ())]
        if not len(found):
            return replace(frame, doubts=tuple(doubts))
        tracks, class_ids = np.asarray(found.tracker_id), np.asarray(found.class_id)
        keep = self._always[class_ids]
        for judge in self._judges:
            keep |= self._hidden_by(judge, found, tracks >= 0, tracks.tolist())
            if (tracks < 0).any():
                alone = Judge(judge.class_ids, self._sure)
                places = list(range(len(found)))
                alone.hear(found, places, frame.index)
                keep |= self._hidden_by(alone, found, tracks < 0, places)
        kept: sv.Detections = found[keep]  # type: ignore[assignment]
        if len(kept):
            kept.class_id = self._places[np.asarray(kept.class_id)]
        return replace(frame, detections=kept, doubts=tuple(doubts))

    @staticmethod
    def _hidden_by(judge: Judge, found: sv.Detections, chosen: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        """(N,) bool: which of the chosen objects a judge hides."""
        part, owner, _ = judge.class_ids
        hidden = np.zeros(len(found), bool)
        for place, class_id in enumerate(np.asarray(found.class_id).tolist()):
            if chosen[place] and class_id in (part, owner):
                verdict = judge.hides_part if class_id == part else judge.hides_owner
                hidden[place] = verdict(numbers[place])
        return hidden

    def notes(self) -> list[str]:
        """Say for each rule how many tracks it hid and left."""
        notes = []
        for rule, judge, owners in zip(self.rules, self._judges, self._owners, strict=True):
            counts = Counter(
                "hidden" if judge.hides_owner(track) else "against" if track in judge.ballots else "other"
                for track in owners
            )
            text = f"{rule.owner} hidden as the owner of {rule.part}: {counts['hidden']}"
            if rule.unless is not None:
                text += f"; left visible because {rule.unless} fits better: {counts['against']}"
            notes.append(f"{text}; without {rule.part}: {counts['other']}")
        return notes

    @cached_property
    def _doubts(self) -> dict[int, list[str]]:
        """Frame -> what somebody should look at; asked for when all frames were heard."""
        doubts: dict[int, list[str]] = {}
        for rule, judge, owners in zip(self.rules, self._judges, self._owners, strict=True):
            for track, ballot in judge.ballots.items():
                if not ballot.contested or judge.has_owner(track):
                    continue
                is_owner = track in owners
                hidden = judge.hides_owner(track) if is_owner else judge.hides_part(track)
                text = (
                    f"{rule.owner if is_owner else rule.part} {'hidden' if hidden else 'left visible'}: "
                    f"{rule.part} and {rule.unless} were both seen there (track {track})"
                )
                doubts.setdefault(ballot.frame, []).append(text)
        return doubts


def judged(frames: Iterable[FrameObjects], verdicts: Verdicts, header: Header, target: Path) -> Header:
    """Write the frames to a detections file, less what the rules leave visible.

    The frames wait on disk until all of them were heard: memory does not grow with the clip.

    Args:
        frames: linked.
        verdicts: judges; fresh.
        header: of the file, with the classes as `class_id` in the frames counts them. As written its classes are those
            that may be hidden, and "decided" in its settings says what came of the rules.
        target: the file.

    Returns:
        The header as written.
    """
    with temporary_folder(target.parent) as folder:
        waiting = folder / "linked.jsonl"
        with DetectionsWriter(waiting, header) as writer:
            for frame in frames:
                verdicts.hear(frame)
                writer.write(frame)
        final = replace(header, classes=verdicts.classes, settings={**header.settings, DECIDED: verdicts.notes()})
        with DetectionsWriter(target, final) as writer:
            for frame in read_detections(waiting):
                writer.write(verdicts.thinned(frame))
    return final


def _class_ids(rule: Belonging, classes: Sequence[str]) -> tuple[int, int, int | None]:
    unknown = [name for name in (rule.part, rule.owner, rule.unless) if name is not None and name not in classes]
    if unknown:
        raise UserError(f"{rule}: {unknown[0]} is not looked for, but {', '.join(classes)}; choose other detectors")
    against = None if rule.unless is None else classes.index(rule.unless)
    return classes.index(rule.part), classes.index(rule.owner), against
