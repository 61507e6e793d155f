"""An evaluation as one HTML page: everything that its folder holds, read back, with pictures inside."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.staging import staged
from evaluate import gallery, page
from evaluate.compare_output import COLUMNS
from evaluate.faults import FALSE_ALARM, MISS
from evaluate.page import Row

NAME = "report.html"
SHARES = frozenset(
    "recall precision f1 accuracy share_hit recall_low recall_high precision_low precision_high ratio "
    "covered_share never_bare_share never_bare_at_least bare_share false_cover input_wait".split()
)
ALL = "all"


@dataclass(frozen=True)
class Folder:
    """What an evaluation left behind.

    Attributes:
        run: the run folder.
        split: RUN/eval/SPLIT, the tables and plots.
        summary: of the evaluation.
    """

    run: Path
    split: Path
    summary: dict[str, Any]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return a table; [] where it was not made."""
        content = read_json(self.split / f"{name}.json")
        return content if isinstance(content, list) else []

    def bytes(self, name: str) -> bytes | None:
        """Return a picture; None where it was not made."""
        path = self.split / name
        return path.read_bytes() if path.is_file() else None

    @property
    def best(self) -> str:
        """Name of the checkpoint that most of the page is about: the chosen one, else the best."""
        choice = self.summary.get("choice")
        return str(choice["checkpoint"] if isinstance(choice, dict) else self.summary.get("best"))


def read_json(path: Path) -> Any:
    """Read a file of ours; None where there is none.

    Raises:
        UserError: it cannot be read.
    """
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); evaluate again") from error


def open_folder(run: Path, split: Path) -> Folder:
    """Open what `python -m evaluate --run RUN` wrote.

    Raises:
        UserError: it did not.
    """
    summary = read_json(split / "summary.json")
    if not isinstance(summary, dict):
        raise UserError(f"{split}: holds no evaluation; run `python -m evaluate --run {run}` first")
    return Folder(run, split, summary)


def write_report(folder: Folder) -> Path:
    """Write report.html beside the tables; one that is there is replaced.

    Returns:
        The file.
    """
    target = folder.split / NAME
    with staged(target, overwrite=True) as path:
        path.write_text(report(folder), encoding="utf-8")
    return target


def report(folder: Folder) -> str:
    """Return the page."""
    makers: Sequence[tuple[str, Callable[[Folder], str]]] = (
        ("At a glance", glance),
        ("The chosen point, and what it costs", chosen),
        ("Epochs", epochs),
        ("Thresholds", sweep),
        ("Frames", frames),
        ("Counts", counts),
        ("What is taken for what", confusion),
        ("Are the scores to be believed?", calibration),
        ("By size", sizes),
        ("Misses, the largest of each class first", lambda each: shown(each, MISS)),
        ("False alarms, the most confident of each class first", lambda each: shown(each, FALSE_ALARM)),
        ("What slips through on video", leaks),
        ("Beside other detectors", compared),
        ("Training", training),
        ("The run", about),
    )
    summary = folder.summary
    subtitle = f"Split {summary.get('split')} of {summary.get('dataset')}"
    title = f"Evaluation of {folder.run.resolve().name}"
    return page.page(title, subtitle, [(heading, make(folder)) for heading, make in makers])


def glance(folder: Folder) -> str:
    """Large numbers of the chosen or best checkpoint."""
    row = next((row for row in _of(folder, "epochs") if row["class"] == ALL), None)
    if row is None:
        return ""
    numbers = [(folder.best, "the checkpoint of the numbers below")]
    numbers += [
        (page.number(row.get(f"{kind}_ap50")), f"AP50 of {kind}{plural}")
        for kind, plural in (("mask", "s"), ("box", "es"))
    ]
    choice = folder.summary.get("choice")
    chosen_classes = choice["classes"] if isinstance(choice, dict) else {ALL: row}
    for name, point in chosen_classes.items():
        what = "objects" if name == ALL else name
        at = f"from score {page.number(point['threshold'])} on"
        numbers.append((page.number(point["recall"], share=True), f"of {what} found {at}: {point['misses']} missed"))
        right, wrong = page.number(point["precision"], share=True), point["false_alarms"]
        numbers.append((right, f"of such detections right: {wrong} false alarms"))
    leak = _leak(folder)
    if leak and leak["all"].get("never_bare_share") is not None:
        numbers.append((page.number(leak["all"]["never_bare_share"], share=True), "of visits in videos never bare"))
    notes = "".join(page.text(f"Note: {note}.") for note in folder.summary.get("notes") or ())
    return page.figures(numbers) + notes


def _of(folder: Folder, name: str) -> list[dict[str, Any]]:
    """Rows of the checkpoint that the page is about."""
    return [row for row in folder.rows(name) if row.get("checkpoint") == folder.best]


def chosen(folder: Folder) -> str:
    """The run's choice as judged on this split, and what it costs."""
    choice = folder.summary.get("choice")
    if not isinstance(choice, dict):
        return page.text("Nothing was chosen yet: `python -m evaluate choose` picks checkpoint and thresholds.")
    rows = [
        {
            "class": name,
            "threshold": numbers["threshold"],
            "recall": numbers["recall"],
            "recall from – to": _interval(numbers["recall_interval"]),
            "precision": numbers["precision"],
            "precision from – to": _interval(numbers["precision_interval"]),
            "false alarms per picture": numbers["false_alarms_per_frame"],
            "misses": numbers["misses"],
            "false alarms": numbers["false_alarms"],
        }
        for name, numbers in choice["classes"].items()
    ]
    split = choice["chosen_on"] or "pictures that nobody wrote down"
    words = f"{choice['checkpoint']}, chosen on {split}, judged here by {choice['level']}."
    if choice["same_pictures"]:
        words += " These are the pictures it was chosen on, so the numbers flatter; another split tells more."
    return page.text(words) + page.table(rows, shares=SHARES)


def _interval(pair: Any) -> str:
    if not isinstance(pair, list) or len(pair) != 2:
        return ""
    return " – ".join(page.number(value, share=True) for value in pair)


def epochs(folder: Folder) -> str:
    """The table of epochs, all classes together and one by one."""
    rows = folder.rows("epochs")
    whole = [row for row in rows if row["class"] == ALL]
    by_class = [row for row in rows if row["class"] != ALL]
    columns = {
        "checkpoint": "checkpoint",
        "mask_ap50": "AP50 masks",
        "mask_ap50_low": "from",
        "mask_ap50_high": "to",
        "box_ap50": "AP50 boxes",
        "mask_ap": "AP masks",
        "threshold": "score from",
        "recall": "recall",
        "precision": "precision",
        "f1": "F1",
        "misses": "misses",
        "false_alarms": "false alarms",
    }
    alike = folder.summary.get("alike") or []
    words = f"Best AP50 of masks: {folder.summary.get('best')}."
    if alike:
        words += f" The pictures cannot tell it from {', '.join(map(str, alike))}."
    out = page.text(words) + page.table(whole, columns, shares=SHARES, chosen=_places(whole, folder.best))
    out += page.plot(folder.bytes("epochs.png"), "numbers by epoch")
    if by_class:
        out += page.heading("Class by class") + page.table(
            by_class,
            {"checkpoint": "checkpoint", "class": "class", **columns},
            shares=SHARES,
            chosen=_places(by_class, folder.best),
        )
    return out


def _places(rows: Sequence[Row], checkpoint: str) -> set[int]:
    return {place for place, row in enumerate(rows) if row.get("checkpoint") == checkpoint}


def sweep(folder: Folder) -> str:
    """Precision and recall at every threshold."""
    return page.plot(folder.bytes("sweep.png"), "precision and recall by threshold")


def frames(folder: Folder) -> str:
    """Frames with and without the class, at the model's own threshold."""
    own = {(row["checkpoint"], row["class"]): row.get("threshold") for row in folder.rows("epochs")}
    rows = [row for row in folder.rows("frames") if row["threshold"] == own.get((row["checkpoint"], row["class"]))]
    words = "First letter: is it there? Second: was it seen? P yes, N no. PN frames are the ones that leak."
    return (
        page.text(words, soft=True) + page.table(rows, shares=SHARES, chosen=_places(rows, folder.best)) if rows else ""
    )


def counts(folder: Folder) -> str:
    """How many are seen beside how many there are."""
    columns = {
        "checkpoint": "checkpoint",
        "class": "class",
        "threshold": "score from",
        "truth": "there are",
        "predicted": "seen",
        "ratio": "seen / there are",
        "frames_without": "frames without it",
        "frames_with_false": "of them with a false one",
        "false_on_frames_without": "false ones on them",
    }
    rows = folder.rows("counts")
    table = page.table(rows, columns, shares=SHARES, chosen=_places(rows, folder.best))
    return page.plot(folder.bytes("counts.png"), "counts") + table


def confusion(folder: Folder) -> str:
    """True class against predicted class, and what false alarms lie on, of one checkpoint."""
    rows = _of(folder, "confusion")
    seen = list(dict.fromkeys(row["predicted"] for row in rows))
    grid: dict[str, dict[str, Any]] = {}
    for row in rows:
        grid.setdefault(row["truth"], {"truth": row["truth"]})[row["predicted"]] = row["count"]
    columns = {"truth": "truth ↓  seen as →", **{name: name for name in seen}}
    out = page.text(f"{folder.best}; each object counts once, {_from(rows)}.", soft=True) if rows else ""
    out += page.table(list(grid.values()), columns) + page.plot(folder.bytes("confusion.png"), "confusion")
    false = [row for row in _of(folder, "false_alarms") if row.get("count")]
    if false:
        names = {"class": "false alarm for", "lies_on": "lies on", "count": "times"}
        out += page.heading("What false alarms lie on") + page.table(false, names)
    return out


def calibration(folder: Folder) -> str:
    """Scores beside how often they were right."""
    rows = [row for row in _of(folder, "epochs") if row.get("calibration_error") is not None]
    columns = {"class": "class", "calibration_error": "expected calibration error"}
    return page.plot(folder.bytes("calibration.png"), "calibration") + page.table(rows, columns)


def sizes(folder: Folder) -> str:
    """Recall by size of the object, of one checkpoint."""
    columns = {"class": "class", "size": "size", "objects": "objects", "found": "found", "recall": "recall"}
    rows = [row for row in _of(folder, "sizes") if row.get("objects")]
    if not rows:
        return ""
    words = f"{folder.best}, {_from(rows)}. Small: below 32 x 32 pixels of mask; large: from 96 x 96 on."
    return page.text(words, soft=True) + page.table(rows, columns, shares=SHARES)


def _from(rows: Sequence[Row]) -> str:
    """From which score these rows of one checkpoint count: not from what was chosen for each class."""
    return f"from score {page.number(rows[0].get('threshold'))} on, the model's own"


def shown(folder: Folder, kind: str) -> str:
    """The gallery of one kind."""
    made = folder.split / gallery.FOLDER
    faults = read_json(made / f"{gallery.TABLE}.json")
    facts = read_json(made / gallery.INDEX)
    if faults is None or not isinstance(facts, dict):
        return ""
    rows = [row for row in faults if row["kind"] == kind]
    items = []
    for row in rows:
        path = made / row["tile"]
        if row["tile"] and path.is_file():
            score = "" if row["score"] is None or kind == MISS else f" {row['score']:.2f}"
            items.append((path.read_bytes(), [row["picture"], f"{row['class']}{score}", *row["what"].split("; ")]))
    words = f"{len(rows)} in {facts.get('pictures')} pictures with {facts.get('checkpoint')}; {len(items)} shown."
    colours = {"#dc3c3c": "what it is about", "#3ba55d": "labelled", "#e08a1e": "detected"}
    return page.text(words) + page.key(colours) + page.tiles(items)


def _leak(folder: Folder) -> dict[str, Any] | None:
    content = read_json(folder.split / "leak" / "leak.json")
    return content if isinstance(content, dict) and "all" in content else None


def leaks(folder: Folder) -> str:
    """What `leak` found."""
    leak = _leak(folder)
    if leak is None:
        return ""
    columns = {
        "name": "",
        "visits": "visits",
        "never_bare": "never bare",
        "never_bare_share": "share never bare",
        "never_bare_at_least": "at least",
        "covered_share": "appearances covered",
        "leak_frames": "leaking frames",
        "frames": "frames",
        "longest": "longest leak, frames",
        "longest_seconds": "seconds",
        "bare_share": "pixels bare",
        "false_cover": "picture covered falsely",
        "false_alarms_per_minute": "false alarms a minute",
        "flicker": "flicker",
    }
    rows = [{"name": name, **numbers} for name, numbers in leak["videos"].items()]
    if len(leak["by_class"]) > 1:
        rows += [{"name": f"class {name}", **numbers} for name, numbers in leak["by_class"].items()]
    rows.append({"name": ALL, **leak["all"]})
    table = page.table(rows, columns, shares=SHARES, chosen={len(rows) - 1})
    strip = page.plot(folder.bytes("leak/leak.png"), "bare pixels over time")
    return page.text(leak["sentence"]) + page.text(leak["judged"], soft=True) + table + strip


def compared(folder: Folder) -> str:
    """What `compare` found."""
    content = read_json(folder.split / "compare" / "compare.json")
    if not isinstance(content, dict):
        return ""
    return page.text(str(content.get("compared", ""))) + page.table(content["rows"], COLUMNS, shares=SHARES)


def training(folder: Folder) -> str:
    """What training wrote down, an epoch a line."""
    path = folder.run / "metrics.jsonl"
    if not path.is_file():
        return ""
    try:
        # What no line end follows is still being written.
        whole = path.read_bytes().rpartition(b"\n")[0]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); mend or remove it") from error
    rows, damaged = [], []
    for number, line in enumerate(whole.split(b"\n"), start=1):
        try:
            row = json.loads(line) if line.strip() else {}
        except ValueError:
            row = None
        if not isinstance(row, dict):
            damaged.append(str(number))
        elif row:
            rows.append(row)
    words = f"{path.name} is damaged in line {', '.join(damaged)}, which is left out." if damaged else ""
    keys = dict.fromkeys(key for row in rows for key in row)
    return page.text(words) + page.table(rows, {key: key.replace("_", " ") for key in keys}, shares=SHARES)


def about(folder: Folder) -> str:
    """Where everything comes from."""
    settings = read_json(folder.run / "settings.json") or {}
    summary = folder.summary
    argv = settings.get("argv")
    pairs = [
        ("run", str(folder.run)),
        ("dataset", summary.get("dataset")),
        ("fingerprint", summary.get("fingerprint")),
        ("split", summary.get("split")),
        ("classes", ", ".join(map(str, summary.get("class_names") or ()))),
        ("lowest score kept", (summary.get("settings") or {}).get("floor")),
        ("a hit is an overlap of", " of at least ".join(map(str, (summary.get("overlap") or {}).values()))),
        ("skipped", "; ".join(map(str, summary.get("faults") or ()))),
        ("trained with", shlex.join(map(str, argv)) if isinstance(argv, list) else None),
        ("seed", settings.get("seed")),
        *((f"version of {name}", version) for name, version in (settings.get("versions") or {}).items()),
    ]
    return page.facts(pairs)
