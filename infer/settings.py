"""Everything that decides what is looked for and how it is hidden."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.region import DEFAULT_GROW, USUAL_GROW
from common.video.writer import EncodeSettings
from infer.belonging.rule import Belonging, looked_for, may_be_hidden
from infer.select import Rules


@dataclass(frozen=True)
class Finder:
    """A detector and what it looks for.

    Attributes:
        detector: key of `mrcnn.detectors.DETECTORS`.
        classes: class names that it is to find.
        options: its options besides device, floor and score, e.g. {"weights": "runs/dog"}.
    """

    detector: str
    classes: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """What is looked for, and how sure one has to be.

    Attributes:
        detector: key of `mrcnn.detectors.DETECTORS`.
        classes: class names to hide.
        score: score from which one sighting is believed; None takes the detector's own.
        floor: lowest score that linking may use; None takes the detector's own.
        options: further options of the detector.
        also: further detectors, for those of the classes that the first does not find.
        belonging: which objects are hidden together with what they belong to.
        scores: class name -> score from which one sighting of it is believed, where `score` is not meant for it.
        device: "auto", "cpu", "cuda", …
        every: analyse each K-th frame; optical flow fills in the others.
        stop_on_error: stop when a frame cannot be analysed instead of covering it whole.
        link: link objects over the whole clip; otherwise each frame stands alone.
    """

    detector: str = "centerface"
    classes: tuple[str, ...] = ("face",)
    score: float | None = None
    floor: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    device: str = "auto"
    every: int = 1
    stop_on_error: bool = False
    link: bool = True
    also: tuple[Finder, ...] = ()
    belonging: tuple[Belonging, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UserError: frames are to be passed over and nothing would fill them, or the floor lies above the score.
        """
        if self.score is not None and self.floor is not None and self.floor > self.score:
            raise UserError(f"--floor {self.floor:g} lies above --score {self.score:g}; expected it below")
        for name, score in self.scores.items():
            if name not in self.looked_for:
                raise UserError(f"--score {name}={score:g}: {name} is not looked for, but {', '.join(self.looked_for)}")
            if self.floor is not None and self.floor > score:
                raise UserError(f"--floor {self.floor:g} lies above --score {name}={score:g}; expected it below")
        if self.every > 1 and not self.link:
            raise UserError(
                "--detect-every leaves frames to be filled by linking, which --no-track switches off; choose one"
            )

    @property
    def looked_for(self) -> tuple[str, ...]:
        """All classes that detectors have to find: what is hidden, its owners, and what speaks against."""
        return looked_for(self.classes, self.belonging)

    @property
    def shown(self) -> tuple[str, ...]:
        """The classes of the detections file: those that may be hidden."""
        return may_be_hidden(self.looked_for, self.classes, self.belonging)


@dataclass(frozen=True)
class Cover:
    """How what was found is covered; None takes the renderer's own default.

    Attributes:
        effect: name as `infer.effects.open_effect` knows it.
        options: options of the effect.
        shape: "mask", "box" or "ellipse".
        grow: widening of each object, e.g. "15%" of its size or "8px", instead of the default for its shape.
        more: widening on top of that.
        feather: width of a soft edge outside of that, likewise.
    """

    effect: str = "pixelate"
    options: dict[str, Any] = field(default_factory=dict)
    shape: str | None = None
    grow: str | None = None
    feather: str | None = None
    more: str | None = None


@dataclass(frozen=True)
class HideSettings:
    """Settings of one run over a video, a picture or a folder.

    Attributes:
        search: what is looked for.
        cover: how it is covered.
        encode: how the output is written.
        rules: tracks, classes, zones and times that are kept or left out.
        start, end: fragment of the source in seconds, end exclusive; None: all of it.
        allow_damaged: write an output although the source is damaged.
        strict: end with exit code 4 when the report names moments to check.
        overwrite: replace existing outputs.
        preview: file for the before/after sheet, or None. It shows what is hidden.
    """

    search: Search = field(default_factory=Search)
    cover: Cover = field(default_factory=Cover)
    encode: EncodeSettings = field(default_factory=EncodeSettings)
    rules: Rules = field(default_factory=Rules)
    start: float | None = None
    end: float | None = None
    allow_damaged: bool = False
    strict: bool = False
    overwrite: bool = False
    preview: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Settings as plain values, for the report and the detections file."""
        plain: dict[str, Any] = _plain(asdict(self))
        plain["cover"][USUAL_GROW] = {kind: str(length) for kind, length in DEFAULT_GROW.items()}
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Path | Fraction):
        return str(value)
    return value
