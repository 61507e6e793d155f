"""What a training is asked for: the flags with a preset's numbers where none was given."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import UserError
from mrcnn.config import Config

PRESETS = Path(__file__).with_name("presets.json")
STANDARD = "standard"
NO_AUGMENT = "none"
WEIGHT_DECAY = {"sgd": 1e-4, "adamw": 0.01}
WORDS = ("coco", "imagenet", "none")
# A run goes on with what it began with; these alone may change.
MAY_CHANGE = frozenset(
    "data epochs out early_stopping validate_every val_pictures keep_last resume tensorboard quiet dry_run device "
    "workers devices machines deterministic".split()
)
# What is shown is no part of a training: each command says it anew.
SHOWN = ("quiet", "tensorboard")
CLASS_NAMES = "class_names"  # stands beside the settings in a run's config.json


@dataclass(frozen=True)
class TrainSettings:
    """What a training is asked for; see `flags.parser` for what each means.

    Attributes:
        config: settings of the model that the preset and --config bring.
        config_counts: whether these count also where weights bring settings of their own: they were asked for.
        own: settings of the model that were given one by one.
    """

    data: Path
    epochs: int
    out: Path | None = None
    preset: str = STANDARD
    weights: str = "coco"
    backbone: str | None = None
    image_size: int | None = None
    classes: tuple[str, ...] | None = None
    layers: str | None = None
    train_bn: str = "auto"
    precision: str = "float32"
    batch_size: int = 2
    steps: int | None = None
    optimizer: str = "sgd"
    learning_rate: float = 0.001
    schedule: str = "constant"
    warm_up: int = 0
    clip_norm: float = 5.0
    weight_decay: float = 1e-4
    augment: str = "none"
    negatives: bool = False
    early_stopping: int | None = None
    seed: int = 0
    deterministic: bool = False
    validate_every: int = 1
    val_pictures: int = 200
    keep_last: int = 3
    resume: bool = False
    overfit: int | None = None
    dry_run: bool = False
    tensorboard: bool = False
    device: str = "auto"
    workers: int | None = None
    devices: str | None = None
    machines: str | None = None
    quiet: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    config_counts: bool = False
    own: Mapping[str, Any] = field(default_factory=dict)

    @property
    def total_layers(self) -> str:
        """The layers; where none were named, all of a network without trained heads, else the heads."""
        if self.layers is not None:
            return self.layers
        return "all" if self.weights in ("none", "imagenet") else "heads"

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        plain = dataclasses.asdict(self)
        return {name: str(value) if isinstance(value, Path) else value for name, value in plain.items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TrainSettings:
        """Read what `to_json` wrote; names that are not known any more are left out."""
        known = {each.name for each in dataclasses.fields(cls)}
        given = {name: value for name, value in stored.items() if name in known}
        given["data"] = Path(given["data"])
        given["out"] = None if given.get("out") is None else Path(given["out"])
        given["classes"] = None if given.get("classes") is None else tuple(given["classes"])
        return cls(**given)

    @classmethod
    def of_run(cls, stored: Mapping[str, Any], run: Path) -> TrainSettings:
        """Read the settings of a run that is to be taken up from what its settings.json holds.

        Raises:
            UserError: they are not those of such a run.
        """
        try:
            if [*stored["argv"]][:1] == ["smile"]:
                raise UserError(
                    f"{run}: a run of `train smile`, which cannot be taken up; `train smile --weights {run}` starts a "
                    "new one from its best checkpoint"
                )
            stored["dataset"]["fingerprint"]
            made = cls.from_json(stored["flags"])
            if not made.data.is_dir():  # a relative path, and this is another folder than the one it began in
                made = dataclasses.replace(made, data=Path(stored["dataset"].get("path", made.data)))
            for each in dataclasses.fields(cls):
                kind, value = type(each.default), getattr(made, each.name)
                if kind in (str, int, bool, float) and not isinstance(value, (float, int) if kind is float else kind):
                    raise TypeError(f"{each.name} is {value!r}")
            return _checked(made)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{run / 'settings.json'}: not the settings of a training ({type(error).__name__}: {error}), so it "
                f"cannot be taken up; start a new run with another -o, from its weights with --weights {run}"
            ) from error


def presets() -> dict[str, Any]:
    """Return what presets.json holds."""
    return dict(json.loads(PRESETS.read_text(encoding="utf-8")))


def resolve(given: Mapping[str, Any], before: TrainSettings | None = None) -> TrainSettings:
    """Fill up flags.

    Args:
        given: the flags that were given, by their names in `TrainSettings`, and `set`, a list of NAME=VALUE.
        before: of the run that is taken up again; its settings count where no flag was given.

    Raises:
        UserError: an unknown preset, a number out of range, data or epochs missing.
    """
    given = {name: value for name, value in given.items() if value is not None and value is not False}
    given["own"] = _own(given.pop("set", ()))
    if before is not None:
        if not given["own"]:
            del given["own"]
        shown = dict.fromkeys(SHOWN, False)
        return _checked(dataclasses.replace(before, **{**shown, **_with_config(given, before.config)}))
    for name in ("data", "epochs"):
        if name not in given:
            raise UserError(f"--{name} is missing: give --data DATASET and --epochs N")
    name = given.get("preset", STANDARD)
    known = presets()
    if name not in known:
        raise UserError(f"no preset {name!r}: expected one of {', '.join(known)}")
    chosen = {**known[name]["flags"], **_with_config(given, known[name]["config"])}
    chosen["config_counts"] = "preset" in given or "config" in given
    chosen.setdefault("weight_decay", WEIGHT_DECAY[chosen["optimizer"]])
    if "overfit" in chosen:
        if given.get("augment", NO_AUGMENT) != NO_AUGMENT:
            raise UserError(f"--overfit learns pictures as they are: leave out --augment {given['augment']}")
        chosen["augment"] = NO_AUGMENT
    return _checked(TrainSettings(**chosen))


def _with_config(given: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    path = given.get("config")
    return {**given, "config": {**config, **(_read_config(Path(path)) if path is not None else {})}}


def _read_config(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); expected what `Config.save` writes") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected settings by name, as `Config.save` writes them")
    content.pop(CLASS_NAMES, None)
    if unknown := unknown_settings(content):
        raise UserError(f"{path}: {unknown}")
    return content


def unknown_settings(names: Iterable[str]) -> str:
    """Say which names are no settings of the model, and which ones may be meant; "" where there are none."""
    known = Config().to_dict()
    told = []
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name.upper(), known, 1)
            told.append(f"{name} (meant is {near[0]}?)" if near else name)
    return f"no setting {', '.join(told)}; `mrcnn.config.Config` lists them" if told else ""


def _own(texts: Any) -> dict[str, Any]:
    own = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isupper():
            raise UserError(f"--set {text}: expected NAME=VALUE, e.g. RPN_NMS_THRESHOLD=0.8")
        try:
            own[name.strip()] = json.loads(value)
        except ValueError:
            own[name.strip()] = value.strip()
    return own


def _checked(settings: TrainSettings) -> TrainSettings:
    least = {"epochs": 1, "batch_size": 1, "steps": 1, "warm_up": 0, "val_pictures": 1, "keep_last": 0}
    least |= {"early_stopping": 1, "overfit": 1, "validate_every": 0, "clip_norm": 0, "weight_decay": 0, "seed": 0}
    least["workers"] = 0
    for name, lowest in least.items():
        value = getattr(settings, name)
        if value is not None and not lowest <= value < math.inf:  # nor what is no number
            raise UserError(f"--{name.replace('_', '-')} must be {lowest} or more, got {value}")
    if settings.classes is not None and not 0 < len(settings.classes) == len(set(settings.classes)):
        raise UserError(f"--classes {','.join(settings.classes)}: expected one or more names, each once")
    if settings.overfit is not None and (not settings.validate_every or settings.machines is not None):
        other = "--machines" if settings.validate_every else "--validate-every 0"
        raise UserError(f"--overfit looks at what was found; {other} leaves that out: drop one of them")
    if settings.seed >= 2**32:
        raise UserError(f"--seed must be below 2^32, got {settings.seed}")
    if not 0 < settings.learning_rate < 100:
        raise UserError(f"--learning-rate must be above 0, got {settings.learning_rate}")
    if settings.image_size is not None and (settings.image_size < 64 or settings.image_size % 64):
        raise UserError(f"--image-size must be a multiple of 64, got {settings.image_size}")
    return settings


def changed(before: TrainSettings, now: TrainSettings) -> list[str]:
    """Name what a run that is taken up again would do otherwise than before: "--layers was heads, now is all"."""
    # Other epochs in all would part a schedule of layers in other places.
    free = MAY_CHANGE - {"epochs"} if before.layers == "schedule" else MAY_CHANGE
    fields = [each.name for each in dataclasses.fields(TrainSettings) if each.name not in free]
    return [
        f"--{name.replace('_', '-')} was {getattr(before, name)}, now is {getattr(now, name)}"
        for name in fields
        if getattr(before, name) != getattr(now, name)
    ]
