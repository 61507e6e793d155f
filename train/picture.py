"""The losses of a run as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.staging import staged

LOSSES = ("loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")
FOUND = {"val_mask_ap50": "mask AP50", "val_box_ap50": "box AP50", "val_recall50": "recall at 0.5"}


def write_losses(path: Path, rows: Sequence[Mapping[str, Any]], best: int | None) -> None:
    """Draw losses, what was found on the validation split, and the learning rate, over the epochs.

    Args:
        path: the .png file; replaced.
        rows: of metrics.jsonl.
        best: the best epoch, marked.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    learnt, parts, found = figure.subplots(1, 3)
    _curves(learnt, rows, {"loss": "training", "val_loss": "validation"})
    learnt.set_title("loss")
    _curves(parts, rows, {name: name.removesuffix("_loss").replace("_", " ") for name in LOSSES[1:]})
    parts.set_title("its five parts, training")
    _curves(found, rows, FOUND)
    found.set_ylim(0, 1)
    found.set_title("validation split")
    rate = found.twinx()
    _curves(rate, rows, {"learning_rate": "learning rate"}, color="0.7", linestyle=":")
    rate.set_ylim(bottom=0)
    rate.set_ylabel("learning rate (dotted)")
    for axes in (learnt, parts, found):
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        if best is not None:
            axes.axvline(best, color="0.5", linewidth=0.8)
        if axes.lines[:-1] or best is None:
            axes.legend(fontsize="small")
    with staged(path, overwrite=True) as unfinished:
        figure.savefig(unfinished, format="png", dpi=110)


def _curves(axes: Any, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], **style: Any) -> None:
    for name, label in names.items():
        known = [(row["epoch"], row[name]) for row in rows if row.get(name) is not None]
        if known:
            axes.plot(*zip(*known, strict=True), marker="." if len(known) < 30 else None, label=label, **style)
