"""The tables of an evaluation as pictures (PNG)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.figure_names import plain_names
from common.metrics.confidence_sweep import OBJECT
from common.staging import staged
from evaluate.evaluation import Evaluation
from evaluate.tables import Row

LABELLED = 12  # checkpoints and classes up to which a legend or numbers can be read
ALL_CLASSES = "all"


def write_plots(folder: Path, evaluation: Evaluation, tables: Mapping[str, Sequence[Row]], shown: str) -> list[Path]:
    """Draw every plot.

    Args:
        folder: exists.
        evaluation: of the run.
        tables: name -> rows, as `writing.write_table` returns them.
        shown: name of the checkpoint that plots of a single one show.

    Returns:
        The files.
    """
    names = [name for _, name in evaluation.classes]
    drawn: dict[str, Callable[[Any], None]] = {
        "epochs": lambda figure: epochs(figure, tables["epochs"]),
        "sweep": lambda figure: sweep(figure, evaluation),
        "counts": lambda figure: counts(figure, tables["counts"], names),
        "confusion": lambda figure: confusion(figure, tables["confusion"], names, shown),
        "calibration": lambda figure: calibration(figure, tables["calibration"], names, shown),
    }
    sizes = {"epochs": (12, 4), "sweep": (12, 4), "counts": (12, 4), "confusion": (min(2 + 0.9 * len(names), 24),) * 2}
    return [_drawn(folder / f"{name}.png", draw, sizes.get(name, (6, 5))) for name, draw in drawn.items()]


def epochs(figure: Any, rows: Sequence[Row]) -> None:
    """AP50 with its interval, recall and precision at the model's own threshold, and false alarms, by epoch."""
    rows = [row for row in rows if row["class"] == ALL_CLASSES]
    precision, found, false = figure.subplots(1, 3)
    places = np.arange(len(rows))
    for key, label in (("mask_ap50", "masks"), ("box_ap50", "boxes")):
        precision.plot(places, _numbers(rows, key), marker="o", label=label)
    _band(precision, rows, "mask_ap50")
    precision.set(title="average precision, overlap 0.5", ylim=(0, 1.02))
    for key in ("recall", "precision"):
        found.plot(places, _numbers(rows, key), marker="o", label=key)
        _band(found, rows, key)
    found.set(title="at the model's own threshold", ylim=(0, 1.02))
    false.plot(places, _numbers(rows, "false_alarms_per_frame"), marker="o", color="tab:red")
    false.set(title="false alarms a frame", ylim=(0, None))
    for axes in (precision, found, false):
        _name_epochs(axes, rows)
    for axes in (precision, found):
        axes.legend()


def sweep(figure: Any, evaluation: Evaluation) -> None:
    """Recall beside precision, one line a checkpoint, one plot a class (the first four)."""
    import matplotlib

    shown = evaluation.classes[:4]
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(evaluation.results)))
    for axes, (class_id, name) in zip(np.ravel(figure.subplots(1, len(shown))), shown, strict=True):
        for result, colour in zip(evaluation.results, colours, strict=True):
            curve = result.curve(class_id, OBJECT)
            if curve.positives and len(curve.thresholds):
                axes.plot(curve.recall, curve.precision, color=colour, label=_epoch(result.epoch, result.name))
        axes.set(title=name, xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
        if not axes.lines:
            axes.text(0.5, 0.5, "none in this split", ha="center")
    if len(evaluation.results) <= LABELLED:
        handles, labels = next(
            (got for got in (a.get_legend_handles_labels() for a in figure.axes) if got[0]), ([], [])
        )
        figure.legend(handles, labels, loc="outside right center", title="epoch")


def counts(figure: Any, rows: Sequence[Row], names: Sequence[str]) -> None:
    """Predicted over true, and false ones on frames without the class, by epoch."""
    ratio, false = figure.subplots(1, 2)
    for name in names:
        own = [row for row in rows if row["class"] == name]
        ratio.plot(np.arange(len(own)), _numbers(own, "ratio"), marker="o", label=name)
        shares = [row["frames_with_false"] / row["frames_without"] if row["frames_without"] else np.nan for row in own]
        false.plot(np.arange(len(own)), shares, marker="o", label=name)
    ratio.axhline(1, color="grey", linewidth=0.8)
    ratio.set(title="predicted / true objects", ylim=(0, None))
    false.set(title="share of frames without the class that show a false one", ylim=(0, 1.02))
    for axes in (ratio, false):
        _name_epochs(axes, [row for row in rows if row["class"] == names[0]])
        if len(names) <= LABELLED:
            axes.legend()


def confusion(figure: Any, rows: Sequence[Row], names: Sequence[str], checkpoint: str) -> None:
    """What one checkpoint takes for what; colour is the share of the row."""
    true, seen = [*names, "background"], [*names, "missed"]
    table = np.zeros((len(true), len(seen)))
    for row in rows:
        if row["checkpoint"] == checkpoint:
            table[true.index(row["truth"]), seen.index(row["predicted"])] = row["count"]
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(seen)), seen, rotation=45, ha="right")
    axes.set_yticks(range(len(true)), true)
    axes.set(title=checkpoint, xlabel="predicted", ylabel="truth")
    if len(names) <= LABELLED:
        for (across, down), count in np.ndenumerate(table):
            colour = "white" if shares[across, down] > 0.5 else "black"
            axes.text(down, across, f"{count:.0f}", ha="center", va="center", color=colour)


def calibration(figure: Any, rows: Sequence[Row], names: Sequence[str], checkpoint: str) -> None:
    """Score beside the share that was right, of one checkpoint."""
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name in names:
        own = [row for row in rows if (row["checkpoint"], row["class"]) == (checkpoint, name)]
        if own:
            axes.plot(_numbers(own, "mean_score"), _numbers(own, "share_hit"), marker="o", label=name)
    axes.set(title=checkpoint, xlabel="score", ylabel="share that was right", xlim=(0, 1.02), ylim=(0, 1.02))
    if axes.get_legend_handles_labels()[0] and len(names) <= LABELLED:
        axes.legend()


def _drawn(path: Path, draw: Callable[[Any], None], size: tuple[float, float]) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    with plain_names(), staged(path, overwrite=True) as part:
        draw(figure)
        figure.savefig(part, format="png", dpi=100)
    return path


def _numbers(rows: Sequence[Row], key: str) -> np.ndarray:
    return np.array([np.nan if row[key] is None else row[key] for row in rows], float)


def _band(axes: Any, rows: Sequence[Row], key: str) -> None:
    """Shade the interval."""
    low, high = _numbers(rows, f"{key}_low"), _numbers(rows, f"{key}_high")
    axes.fill_between(np.arange(len(rows)), low, high, alpha=0.2, linewidth=0)


def _name_epochs(axes: Any, rows: Sequence[Row]) -> None:
    step = max(1, len(rows) // 15)
    labels = [_epoch(row["epoch"], row["checkpoint"]) for row in rows]
    axes.set_xticks(np.arange(len(rows))[::step], labels[::step])
    axes.set_xlabel("epoch")


def _epoch(epoch: int | None, name: str) -> str:
    return name if epoch is None else str(epoch)
