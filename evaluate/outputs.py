"""Everything that an evaluation leaves in its folder: tables, plots, summary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluate import plots, summary, tables
from evaluate.chosen import Judgement, judge_choice
from evaluate.epochs import Epochs
from evaluate.evaluation import Evaluation
from evaluate.folders import made_folder
from evaluate.writing import write_json, write_table

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        folder: in which it lies.
        tables: name -> rows.
        epochs: checkpoints side by side.
        judgement: of the run's choice, None where it has none.
    """

    folder: Path
    tables: dict[str, list[dict[str, Any]]]
    epochs: Epochs
    judgement: Judgement | None


def write(evaluation: Evaluation, folder: Path) -> Written:
    """Write tables (CSV and JSON), plots (PNG) and summary.json; what was there is replaced, file by file.

    Args:
        evaluation: of a run.
        folder: of this split; made where it is missing.
    """
    judgement = judge_choice(evaluation)
    compared = Epochs(evaluation)
    rows = {
        "epochs": compared.rows(),
        "differences": compared.differences(),
        "frames": tables.frames(evaluation),
        "sweep": tables.sweep(evaluation),
        "counts": tables.count_rows(evaluation),
        "confusion": tables.confusion_rows(evaluation),
        "false_alarms": tables.false_alarms(evaluation),
        "calibration": tables.calibration_rows(evaluation),
        "sizes": tables.sizes(evaluation),
    }
    with made_folder(folder):
        written = {name: write_table(folder, name, each) for name, each in rows.items()}
        shown = compared.best() if judgement is None else judgement.result
        plots.write_plots(folder, evaluation, written, shown.name)
        write_json(folder / SUMMARY, summary.as_json(compared, judgement))
    return Written(folder, written, compared, judgement)
