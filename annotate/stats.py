"""What a set consists of: counts, sizes and shapes of objects, as a table and as a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from annotate.label_set import CROWD, DIFFICULT, TRUNCATED, LabelSet
from common.figure_names import plain_names

ALL = "all"


@dataclass(frozen=True)
class Row:
    """One class in one split; medians are 0 where there are no objects.

    Attributes:
        split: name of the split, or "all".
        name: class, or "all".
        images: pictures that show it.
        objects: how many of it.
        width, height: medians of the boxes, pixels.
        smallest: shortest side of all boxes, pixels.
        aspect: median of width / height.
        area_share: median share of the picture that a box covers.
        difficult, truncated, crowd: how many are marked so.
    """

    split: str
    name: str
    images: int
    objects: int
    width: float
    height: float
    smallest: float
    aspect: float
    area_share: float
    difficult: int
    truncated: int
    crowd: int


@dataclass(frozen=True)
class Boxes:
    """All objects of a set, one place each.

    Attributes:
        image: (N,) place of the picture.
        class_id: (N,).
        sides: (N, 2) width and height in pixels.
        area_share: (N,).
        marks: (N, 3) bool: difficult, truncated, crowd.
    """

    image: np.ndarray
    class_id: np.ndarray
    sides: np.ndarray
    area_share: np.ndarray
    marks: np.ndarray

    @classmethod
    def of(cls, labels: LabelSet) -> Boxes:
        """Gather the objects of a set."""
        numbers = [len(image.objects) for image in labels.images]
        xyxy = np.concatenate([image.objects.xyxy for image in labels.images] or [np.zeros((0, 4))])
        areas = np.repeat([float(image.size[0] * image.size[1]) for image in labels.images], numbers)
        ids = [np.asarray(image.objects.class_id, int) for image in labels.images]
        marks = [
            np.stack([np.asarray(image.objects.data[name], bool) for name in (DIFFICULT, TRUNCATED, CROWD)], axis=1)
            for image in labels.images
        ]
        sides = xyxy[:, 2:] - xyxy[:, :2]
        return cls(
            image=np.repeat(np.arange(len(numbers)), numbers),
            class_id=np.concatenate(ids or [np.zeros(0, int)]),
            sides=sides,
            area_share=sides.prod(axis=1) / areas,
            marks=np.concatenate(marks or [np.zeros((0, 3), bool)]),
        )


def table(labels: LabelSet, splits: Mapping[str, Sequence[int]]) -> list[Row]:
    """Count.

    Args:
        labels: the set.
        splits: name to places in `labels.images`; may be empty.

    Returns:
        Rows for all pictures and for each split: each class, then all classes.
    """
    boxes = Boxes.of(labels)
    parts = {ALL: np.arange(len(labels.images))} | {name: np.array(places, int) for name, places in splits.items()}
    rows = []
    for split_name, places in parts.items():
        inside = np.isin(boxes.image, places)
        for place, name in enumerate(labels.classes):
            rows.append(_row(split_name, name, boxes, inside & (boxes.class_id == place)))
        total = _row(split_name, ALL, boxes, inside)
        rows.append(Row(**{**vars(total), "images": len(places)}))
    return rows


def _row(split_name: str, name: str, boxes: Boxes, chosen: np.ndarray) -> Row:
    sides, count = boxes.sides[chosen], int(chosen.sum())
    marks = boxes.marks[chosen].sum(axis=0)
    return Row(
        split=split_name,
        name=name,
        images=len(np.unique(boxes.image[chosen])),
        objects=count,
        width=_median(sides[:, 0]),
        height=_median(sides[:, 1]),
        smallest=float(sides.min()) if count else 0.0,
        aspect=_median(sides[:, 0] / sides[:, 1]),
        area_share=_median(boxes.area_share[chosen]),
        difficult=int(marks[0]),
        truncated=int(marks[1]),
        crowd=int(marks[2]),
    )


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else 0.0


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write a table for other programs."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [each.name for each in fields(Row)]
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)


def text(rows: Sequence[Row]) -> str:
    """The table for people."""
    head = (
        "split",
        "class",
        "images",
        "objects",
        "median box",
        "smallest",
        "aspect",
        "of picture",
        "diff",
        "trunc",
        "crowd",
    )
    body = [
        (
            row.split,
            row.name,
            str(row.images),
            str(row.objects),
            f"{row.width:.0f}x{row.height:.0f}",
            f"{row.smallest:.0f}",
            f"{row.aspect:.2f}",
            f"{row.area_share:.1%}",
            str(row.difficult),
            str(row.truncated),
            str(row.crowd),
        )
        for row in rows
    ]
    widths = [max(len(line[place]) for line in (head, *body)) for place in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) if place < 2 else cell.rjust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in (head, *body))
    ]
    return "\n".join(line.rstrip() for line in lines)


@plain_names()
def plot(path: Path, labels: LabelSet, splits: Mapping[str, Sequence[int]]) -> None:
    """Draw counts a class and split, sizes of boxes, and their shapes, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    boxes = Boxes.of(labels)
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    counts, sizes, shapes = figure.subplots(1, 3)
    bottom = np.zeros(len(labels.classes))
    for name, places in (dict(splits) or {ALL: range(len(labels.images))}).items():
        ids = boxes.class_id[np.isin(boxes.image, np.array(places, int))]
        heights = np.bincount(ids, minlength=len(labels.classes))
        counts.bar(labels.classes, heights, bottom=bottom, label=name)
        bottom = bottom + heights
    counts.set_title("objects")
    counts.tick_params(axis="x", rotation=45 if len(labels.classes) > 4 else 0)
    counts.margins(y=0.15)
    counts.legend()
    for place, name in enumerate(labels.classes):
        chosen = boxes.class_id == place
        sizes.scatter(*boxes.sides[chosen].T, s=8, alpha=0.5, label=name)
        if chosen.any():
            ratios = np.log2(boxes.sides[chosen, 0] / boxes.sides[chosen, 1])
            # What is longer than 8 to 1 counts in the outermost bar.
            shapes.hist(ratios.clip(-3, 3), bins=np.linspace(-3, 3, 25), histtype="step", label=name)
    sizes.set(title="boxes, pixels", xlabel="width", ylabel="height")
    sizes.set_xscale("log", base=2)
    sizes.set_yscale("log", base=2)
    if len(boxes.sides):
        limits = (float(boxes.sides.min()) / 2, float(boxes.sides.max()) * 2)  # several ticks, also where all are alike
        sizes.set(xlim=limits, ylim=limits)
    for axis in (sizes.xaxis, sizes.yaxis):
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter())
    shapes.set(title="shape", xlabel="log2(width / height)", ylabel="objects")
    for axes in (sizes, shapes):
        if len(labels.classes) <= 10:
            axes.legend()
    figure.savefig(path, format="png", dpi=100)
