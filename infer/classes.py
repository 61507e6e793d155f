"""What can be hidden by name, and which detector finds it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from common.errors import UserError
from infer.belonging.rule import Belonging
from mrcnn.class_names import COCO
from mrcnn.detectors import MODEL

# Detector by name, with the classes that it finds; of two that find the same the first is the default.
BUILT_IN: Mapping[str, tuple[str, ...]] = {"centerface": ("face",), "haar": ("face",), MODEL: COCO}

TRAINED = ("clown", "nface", "color")

COCO_MODEL = "Mask R-CNN with COCO weights"
OWN_MODEL = "a model trained for it"
# What finds a class that nothing at hand finds, and what to do about it.
WAITING: Mapping[str, tuple[str, str]] = {name: (COCO_MODEL, "add --weights coco") for name in COCO} | {
    name: (OWN_MODEL, "add --weights RUN, the folder or checkpoint of a training") for name in TRAINED
}

OTHER_NAMES: Mapping[str, str] = {
    "aeroplane": "airplane",
    "bike": "bicycle",
    "colour": "color",
    "human": "person",
    "knives": "knife",
    "men": "person",
    "mice": "mouse",
    "mobile": "cell phone",
    "mobile phone": "cell phone",
    "monitor": "tv",
    "motorbike": "motorcycle",
    "people": "person",
    "phone": "cell phone",
    "plain face": "nface",
    "screen": "tv",
    "smartphone": "cell phone",
    "sofa": "couch",
    "teddy": "teddy bear",
    "television": "tv",
    "women": "person",
}

SHOWN = 12  # names in an error
PRESETS_FILE = Path(__file__).with_name("presets.json")


@dataclass(frozen=True)
class Preset:
    """Classes under one name.

    Attributes:
        name: as the user writes it.
        classes: what is hidden.
        about: one line.
        covers: class of what these belong to and that is hidden with them, see `infer.belonging.rule`; "": none.
        unless: class of what speaks against it; "": none.
    """

    name: str
    classes: tuple[str, ...]
    about: str = ""
    covers: str = ""
    unless: str = ""


@dataclass(frozen=True)
class Selection:
    """What is to be hidden.

    Attributes:
        classes: class names in the order in which they were asked for, each once.
        finders: for each class that is looked for the detector that finds it, as `open_detector` names it.
        presets: those that were named.
        belonging: what is hidden together with what it belongs to; `infer.owners` adds these.
    """

    classes: tuple[str, ...]
    finders: Mapping[str, str]
    presets: tuple[Preset, ...] = ()
    belonging: tuple[Belonging, ...] = ()

    @property
    def detectors(self) -> tuple[str, ...]:
        """The detectors that are needed, each once."""
        return tuple(dict.fromkeys(self.finders.values()))


def resolve(
    names: Sequence[str],
    detector: str | None = None,
    available: Mapping[str, tuple[str, ...]] = BUILT_IN,
    preset_file: str | Path | None = None,
) -> Selection:
    """Find out what is to be hidden, and what finds it.

    Args:
        names: classes and presets, each text may hold several with commas between; case, plural, and whether words are
            joined by a space, "-" or "_" make no difference.
        detector: the one to be used; None takes the first that finds a class.
        available: detectors that can be opened, with their classes.
        preset_file: the user's own presets, see `read_presets`.

    Raises:
        UserError: a name is unknown (the nearest ones are suggested), or no detector finds it.
    """
    presets = _all_presets(available, preset_file)
    detector = None if detector is None else _known_detector(detector, available)
    finders: dict[str, str] = {}
    used: list[Preset] = []
    for name in _split(names):
        exact = any(_plain(name) == _plain(known) for classes in available.values() for known in classes)
        preset = None if exact else presets.get(_plain(name))
        class_name = None if preset else match_class(name, available)
        if preset is None and class_name is None:
            named = [] if MODEL in available else [each for found in available.values() for each in found]
            _unknown(name, [*(each.name for each in presets.values()), *_class_names(available)], found=named)
        wanted = [match_class(each, available) or each for each in preset.classes] if preset else [class_name or ""]
        missing = [each for each in wanted if _finder(each, detector, available) is None]
        if missing:
            _not_found(missing, preset, detector, available)
        finders |= {each: _finder(each, detector, available) or "" for each in wanted}
        used += [preset] if preset else []
    return Selection(tuple(finders), finders, tuple(used))


def listing(
    preset_file: str | Path | None = None, available: Mapping[str, tuple[str, ...]] = BUILT_IN
) -> Iterator[tuple[str, str, str]]:
    """Yield (name, found by, status) of all presets and classes; what is ready comes first."""
    presets = [
        (preset.name, "preset", f"{_status(_needed(preset), available)}: {_content(preset)}")
        for preset in _all_presets(available, preset_file).values()
    ]
    classes = [
        (name, " or ".join(finders(name, available)) or WAITING[name][0], _status([name], available))
        for name in _class_names(available)
    ]
    yield from sorted(presets + classes, key=lambda row: not row[2].startswith("ready"))


def finders(name: str, available: Mapping[str, tuple[str, ...]] = BUILT_IN) -> list[str]:
    """Detectors that find a class, the default first."""
    return [detector for detector, classes in available.items() if name in classes]


def match_class(name: str, available: Mapping[str, tuple[str, ...]] = BUILT_IN) -> str | None:
    """Return the class that a user's word means, or None."""
    by_plain = {_plain(known): known for known in reversed(_class_names(available))}
    plain = _plain(name)
    for candidate in (plain, plain.removesuffix("s"), plain.removesuffix("es")):
        for meant in (candidate, OTHER_NAMES.get(candidate, candidate)):
            if meant in by_plain:
                return by_plain[meant]
    return None


def remedy(name: str) -> str:
    """Say in brackets what to do about a class that nothing at hand finds; empty where nobody knows."""
    return f" ({WAITING[name][1]})" if name in WAITING else ""


def read_presets(path: str | Path, available: Mapping[str, tuple[str, ...]] = BUILT_IN) -> list[Preset]:
    """Read presets from a JSON file.

    The file: {"presets": {"my office": {"classes": ["face", "laptop"], "about": "one line, optional"}}}. Names of
    classes are matched as on the command line; a preset holds classes, not other presets. With "covers": "person" the
    person is hidden whose face it is; "unless": "nface" names what speaks against that.

    Raises:
        UserError: the file cannot be read or is not of that form; the message names the line.
    """
    return _PresetFile(Path(path), available).read()


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _split(names: Sequence[str]) -> list[str]:
    split = [part.strip() for name in names for part in name.split(",")]
    if not any(split):
        raise UserError(
            "nothing to hide: name classes or presets, e.g. --hide face; `python -m infer classes` lists them"
        )
    return [part for part in split if part]


def _class_names(available: Mapping[str, tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys([*(name for classes in available.values() for name in classes), *WAITING]))


def _all_presets(available: Mapping[str, tuple[str, ...]], preset_file: str | Path | None) -> dict[str, Preset]:
    """Presets by plain name: those that ship, then the user's."""
    presets = {_plain(preset.name): preset for preset in read_presets(PRESETS_FILE)}
    if preset_file is not None:
        for preset in read_presets(preset_file, available):
            if _plain(preset.name) in presets:
                raise UserError(f'{preset_file}: "{preset.name}" is the name of a built-in preset; choose another')
            presets[_plain(preset.name)] = preset
    return presets


def _known_detector(name: str, available: Mapping[str, tuple[str, ...]]) -> str:
    for known in available:
        if _plain(known) == _plain(name):
            return known
    _unknown(name, available, "detector")


def _finder(name: str, detector: str | None, available: Mapping[str, tuple[str, ...]]) -> str | None:
    found = finders(name, available)
    if detector is not None:
        return detector if detector in found else None
    return found[0] if found else None


def _status(names: Sequence[str], available: Mapping[str, tuple[str, ...]]) -> str:
    waiting = list(dict.fromkeys(WAITING[name] for name in names if not finders(name, available)))
    return "; ".join(f"needs {finder} ({remedy})" for finder, remedy in waiting) if waiting else "ready"


def _needed(preset: Preset) -> list[str]:
    return [*preset.classes, *([preset.covers] if preset.covers else [])]


def _content(preset: Preset) -> str:
    classes = ", ".join(preset.classes)
    return f"{classes} and the {preset.covers} it belongs to" if preset.covers else classes


def _unknown(
    name: str, known: Sequence[str] | Mapping[str, Any], what: str = "class or preset", found: Sequence[str] = ()
) -> NoReturn:
    plain = {_plain(each): each for each in known}
    close = [plain[each] for each in difflib.get_close_matches(_plain(name), plain, 3)]
    if close:
        hint = f"did you mean {' or '.join(close)}?"
    elif what == "detector":
        hint = f"known are {', '.join(known)}"
    else:
        hint = f"found are {_few(found)}" if found else "`python -m infer classes` lists what there is"
    raise UserError(f'unknown {what} "{name}"; {hint}')


def _not_found(
    missing: Sequence[str], preset: Preset | None, detector: str | None, available: Mapping[str, tuple[str, ...]]
) -> NoReturn:
    """Say what cannot be found, what it waits for and what can be done."""
    subject = f'the part {", ".join(missing)} of preset "{preset.name}"' if preset else f'"{missing[0]}"'
    elsewhere = list(dict.fromkeys(other for name in missing for other in finders(name, available)))
    if detector is not None and elsewhere:
        raise UserError(
            f"the detector {detector} does not find {subject}; use --detector {elsewhere[0]}, or leave it away"
        )
    waits = "; ".join(
        f"needs {finder} ({remedy})" for finder, remedy in dict.fromkeys(WAITING[name] for name in missing)
    )
    ready = [name for name in preset.classes if finders(name, available)] if preset else []
    now = ready or list(dict.fromkeys(name for classes in available.values() for name in classes))
    raise UserError(f"{subject} {waits}; {'of this preset ' if ready else ''}what can be hidden without: {_few(now)}")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


class _PresetFile:
    """Reads one file and finds the line of what is wrong in it."""

    def __init__(self, path: Path, available: Mapping[str, tuple[str, ...]]) -> None:
        self.path = path
        self.available = available
        self.text = ""

    def fail(self, what: str, *words: str) -> NoReturn:
        """Raise the user's error for the line on which `words` stand as strings, each after the one before."""
        place = 0
        for word in words:
            place = max(self.text.find(json.dumps(word, ensure_ascii=False), place), place)
        raise UserError(f"{self.path}, line {self.text.count(chr(10), 0, place) + 1}: {what}")

    def read(self) -> list[Preset]:
        """Read and check the file."""
        try:
            self.text = self.path.read_text(encoding="utf-8-sig")
            content = json.loads(self.text)
        except OSError as error:
            raise UserError(f"cannot read the presets {self.path}: {error.strerror}; give a JSON file") from error
        except UnicodeDecodeError as error:
            raise UserError(f"the presets {self.path} are not UTF-8 text; save the file as UTF-8") from error
        except json.JSONDecodeError as error:
            raise UserError(
                f"{self.path}, line {error.lineno}: not JSON at column {error.colno} ({error.msg})"
            ) from error
        presets = content.get("presets") if isinstance(content, dict) else None
        if not isinstance(presets, dict) or set(content) != {"presets"}:
            self.fail('expected {"presets": {NAME: {"classes": [NAMES]}}} and nothing beside')
        return [self.preset(name, entry) for name, entry in presets.items()]

    def preset(self, name: str, entry: Any) -> Preset:
        """Check one preset."""
        if not _plain(name) or "," in name:
            self.fail(f'"{name}" cannot be the name of a preset: it must have letters and no comma', name)
        if match_class(name, self.available) == name:
            self.fail(f'"{name}" is the name of a class; call the preset something else', name)
        if not isinstance(entry, dict) or not set(entry) <= {"classes", "about", "covers", "unless"}:
            self.fail(
                f'preset "{name}" must be {{"classes": [NAMES], "about": "one line, optional"}}, and "covers": NAME, '
                '"unless": NAME where it has owners',
                name,
            )
        classes = entry.get("classes")
        if not isinstance(classes, list) or not classes or not all(isinstance(each, str) for each in classes):
            self.fail(f'"classes" of preset "{name}" must be a list of class names', name, "classes")
        hidden = tuple(self.class_name(name, each) for each in classes)
        about, covers, unless = (str(entry.get(key, "")) for key in ("about", "covers", "unless"))
        if unless and not covers:
            self.fail(
                f'"unless" of preset "{name}" needs "covers" beside it: the class that is hidden too', name, "unless"
            )
        covers, unless = (
            self.class_name(name, each, key) if each else "" for key, each in (("covers", covers), ("unless", unless))
        )
        for key, each in (("covers", covers), ("unless", unless)):
            if each and each in (*hidden, covers if key == "unless" else ""):
                self.fail(f'"{key}" of preset "{name}" names {each}, which has another part in it', name, key)
        return Preset(name, hidden, about, covers, unless)

    def class_name(self, preset: str, name: str, key: str = "classes") -> str:
        """Return the class that a preset means."""
        known = match_class(name, self.available)
        if known is None:
            close = difflib.get_close_matches(_plain(name), _class_names(self.available), 3)
            hint = (
                f"; did you mean {' or '.join(close)}?" if close else "; `python -m infer classes` lists what there is"
            )
            self.fail(f'preset "{preset}" names an unknown class "{name}"{hint}', preset, key, name)
        return known
