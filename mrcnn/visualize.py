"""The original's `visualize`: its names and signatures over matplotlib.

Legend: H, W pixels, N objects, C classes. Boxes are (y1, x1, y2, x2) pixels; masks (H, W, N); pictures RGB uint8.
matplotlib is imported when something is drawn.
"""

from __future__ import annotations

import colorsys
import random
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from mrcnn import average_precision
from mrcnn.array_log import log

DASHES = ("solid", "dashed", "dotted")


def display_images(
    images: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    cols: int = 4,
    cmap: Any = None,
    norm: Any = None,
    interpolation: str | None = None,
) -> None:
    """Show pictures in rows of `cols`."""
    from matplotlib import pyplot

    rows = -(-len(images) // cols)
    pyplot.figure(figsize=(14, 14 * rows // cols))
    for place, image in enumerate(images):
        pyplot.subplot(rows, cols, place + 1)
        pyplot.title(titles[place] if titles is not None else "", fontsize=9)
        pyplot.axis("off")
        pyplot.imshow(np.asarray(image).astype(np.uint8), cmap=cmap, norm=norm, interpolation=interpolation)
    pyplot.show()


def random_colors(N: int, bright: bool = True) -> list[tuple[float, float, float]]:
    """Return N colours (red, green, blue) from 0 to 1 that differ in hue, in random order."""
    colors = [colorsys.hsv_to_rgb(place / max(N, 1), 1, 1.0 if bright else 0.7) for place in range(N)]
    random.shuffle(colors)
    return colors


def apply_mask(image: np.ndarray, mask: np.ndarray, color: Sequence[float], alpha: float = 0.5) -> np.ndarray:
    """Blend a colour (0 to 1) over the mask (H, W), in place; returns the picture."""
    inside = np.asarray(mask) == 1
    blended = image[inside] * (1 - alpha) + alpha * np.asarray(color) * 255
    image[inside] = blended.astype(image.dtype) if np.issubdtype(image.dtype, np.integer) else blended
    return image


def display_instances(  # noqa: PLR0913  (the original's signature)
    image: np.ndarray,
    boxes: np.ndarray,
    masks: np.ndarray,
    class_ids: np.ndarray,
    class_names: Sequence[str],
    scores: np.ndarray | None = None,
    title: str = "",
    figsize: tuple[float, float] = (16, 16),
    ax: Any = None,
    show_mask: bool = True,
    show_bbox: bool = True,
    colors: Sequence[Sequence[float]] | None = None,
    captions: Sequence[str] | None = None,
) -> None:
    """Show a picture with boxes, masks and captions; shows the figure itself when no axes are given."""
    from matplotlib import pyplot

    if not len(boxes) == masks.shape[-1] == len(class_ids):
        raise ValueError(f"{len(boxes)} boxes, {masks.shape[-1]} masks and {len(class_ids)} class ids do not agree")
    if not len(boxes):
        log("\n*** No instances to display *** \n")
    own_figure = ax is None
    if own_figure:
        _, ax = pyplot.subplots(1, figsize=figsize)
    colors = colors or random_colors(len(boxes))
    _empty_axes(ax, image.shape, title)
    painted = image.astype(np.uint8).copy()
    for place, (box, color) in enumerate(zip(boxes, colors, strict=False)):
        if not np.any(box):
            continue  # padding
        if captions is not None:
            caption = captions[place]
        else:
            name = class_names[class_ids[place]]
            caption = f"{name} {scores[place]:.3f}" if scores is not None else name
        if show_bbox:
            _outline(ax, box, color, "dashed", 2)
        ax.text(box[1], box[0] + 8, caption, color="w", size=11, backgroundcolor="none")
        if show_mask:
            painted = apply_mask(painted, masks[..., place], color)
        _outline_mask(ax, masks[..., place], color)
    ax.imshow(painted)
    if own_figure:
        pyplot.show()


def display_differences(  # noqa: PLR0913  (the original's signature)
    image: np.ndarray,
    gt_box: np.ndarray,
    gt_class_id: np.ndarray,
    gt_mask: np.ndarray,
    pred_box: np.ndarray,
    pred_class_id: np.ndarray,
    pred_score: np.ndarray,
    pred_mask: np.ndarray,
    class_names: Sequence[str],
    title: str = "",
    ax: Any = None,
    show_mask: bool = True,
    show_box: bool = True,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.5,
) -> None:
    """Show truth in green and predictions in red, captioned with score and overlap."""
    truth, predicted = (gt_box, gt_class_id, gt_mask), (pred_box, pred_class_id, pred_score, pred_mask)
    gt_match, pred_match, overlaps = average_precision.match(truth, predicted, iou_threshold, score_threshold)
    order = np.argsort(pred_score[: len(pred_match)])[::-1]
    captions = ["" for _ in gt_match]
    for place, other in enumerate(pred_match):
        best = overlaps[place].max() if overlaps.shape[1] else 0.0
        overlap = overlaps[place, int(other)] if other > -1 else best
        captions.append(f"{pred_score[order[place]]:.2f} / {overlap:.2f}")
    colors = [(0, 1, 0, 0.8)] * len(gt_match) + [(1, 0, 0, 1)] * len(pred_match)
    display_instances(
        image,
        np.concatenate([gt_box[: len(gt_match)], pred_box[order]]),
        np.concatenate([gt_mask[..., : len(gt_match)], pred_mask[..., order]], axis=-1),
        np.concatenate([gt_class_id[: len(gt_match)], pred_class_id[order]]),
        class_names,
        title=title or "Ground Truth and Detections\n GT=green, pred=red, captions: score/IoU",
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[color[:3] for color in colors],
        captions=captions,
    )


def draw_rois(
    image: np.ndarray,
    rois: np.ndarray,
    refined_rois: np.ndarray,
    mask: np.ndarray,
    class_ids: np.ndarray,
    class_names: Sequence[str],
    limit: int = 10,
) -> None:
    """Show some boxes, dashed, what they are corrected to, and their masks."""
    from matplotlib import pyplot

    chosen = np.random.default_rng().permutation(len(rois))[:limit]
    _, ax = pyplot.subplots(1, figsize=(12, 12))
    _empty_axes(ax, image.shape, f"Showing {len(chosen)} of {len(rois)} boxes")
    painted = image.astype(np.uint8).copy()
    for place, color in zip(chosen, random_colors(len(chosen)), strict=True):
        positive = class_ids[place] > 0
        _outline(ax, rois[place], color if positive else "gray", "dashed", 2)
        if positive:
            _outline(ax, refined_rois[place], color, "solid", 2)
            top, left = refined_rois[place][:2]
            ax.text(left, top + 8, class_names[class_ids[place]], color="w", size=11)
            painted = apply_mask(painted, mask[..., place], color)
    ax.imshow(painted)
    pyplot.show()


def draw_box(image: np.ndarray, box: Sequence[int], color: Sequence[int]) -> np.ndarray:
    """Draw a frame of two pixels in a colour (0 to 255), in place; returns the picture."""
    top, left, bottom, right = (int(side) for side in box)
    image[top : top + 2, left:right] = image[bottom : bottom + 2, left:right] = color
    image[top:bottom, left : left + 2] = image[top:bottom, right : right + 2] = color
    return image


def display_top_masks(
    image: np.ndarray, mask: np.ndarray, class_ids: np.ndarray, class_names: Sequence[str], limit: int = 4
) -> None:
    """Show the picture and, class by class, the masks of the classes that cover most of it."""
    present = [class_id for class_id in np.unique(class_ids) if class_id > 0]
    covered = {class_id: mask[..., class_ids == class_id].sum() for class_id in present}
    top = sorted(present, key=lambda class_id: covered[class_id], reverse=True)[:limit]
    layers = [
        (mask[..., class_ids == class_id] * (np.arange((class_ids == class_id).sum()) + 1)).sum(-1) for class_id in top
    ]
    names = [class_names[class_id] for class_id in top]
    missing = limit - len(top)
    blank = np.zeros(image.shape[:2])
    titles = [f"H x W={image.shape[0]}x{image.shape[1]}", *names, *["-"] * missing]
    display_images([image, *layers, *[blank] * missing], titles, cols=limit + 1, cmap="Blues_r")


def plot_precision_recall(AP: float, precisions: np.ndarray, recalls: np.ndarray) -> None:
    """Show the precision-recall curve."""
    from matplotlib import pyplot

    _, ax = pyplot.subplots(1)
    ax.set_title(f"Precision-Recall Curve. AP@50 = {AP:.3f}")
    ax.set_ylim(0, 1.1)
    ax.set_xlim(0, 1.1)
    ax.plot(recalls, precisions)


def plot_overlaps(
    gt_class_ids: np.ndarray,
    pred_class_ids: np.ndarray,
    pred_scores: np.ndarray,
    overlaps: np.ndarray,
    class_names: Sequence[str],
    threshold: float = 0.5,
) -> None:
    """Show the overlaps of predictions (rows) with the truth (columns); right classes are marked."""
    from matplotlib import pyplot

    truth, predicted = gt_class_ids[gt_class_ids != 0], pred_class_ids[pred_class_ids != 0]
    pyplot.figure(figsize=(12, 10))
    pyplot.imshow(overlaps, interpolation="nearest", cmap="Blues")
    pyplot.yticks(
        range(len(predicted)), [f"{class_names[i]} ({s:.2f})" for i, s in zip(predicted, pred_scores, strict=False)]
    )
    pyplot.xticks(range(len(truth)), [class_names[i] for i in truth], rotation=90)
    half = overlaps.max() / 2.0 if overlaps.size else 0.0
    for row, column in np.ndindex(*overlaps.shape):
        mark = ""
        if overlaps[row, column] > threshold:
            mark = "match" if truth[column] == predicted[row] else "wrong"
        color = "white" if overlaps[row, column] > half else "black" if overlaps[row, column] > 0 else "grey"
        pyplot.text(
            column, row, f"{overlaps[row, column]:.3f}\n{mark}", ha="center", va="center", fontsize=9, color=color
        )
    pyplot.tight_layout()
    pyplot.xlabel("Ground Truth")
    pyplot.ylabel("Predictions")


def draw_boxes(
    image: np.ndarray,
    boxes: np.ndarray | None = None,
    refined_boxes: np.ndarray | None = None,
    masks: np.ndarray | None = None,
    captions: Sequence[str] | None = None,
    visibilities: Sequence[int] | None = None,
    title: str = "",
    ax: Any = None,
) -> None:
    """Show boxes, what they are corrected to, masks and captions; visibility 0 is grey, 1 coloured, 2 in the front."""
    from matplotlib import pyplot

    some = boxes if boxes is not None else refined_boxes
    count = len(some) if some is not None else 0
    if ax is None:
        _, ax = pyplot.subplots(1, figsize=(12, 12))
    _empty_axes(ax, image.shape, title)
    painted = image.astype(np.uint8).copy()
    for place, color in enumerate(random_colors(count)):
        visibility = visibilities[place] if visibilities is not None else 1
        shade = color if visibility else (0.5, 0.5, 0.5)
        if boxes is not None and np.any(boxes[place]):
            _outline(ax, boxes[place], shade, DASHES[min(visibility, 2)], 2)
        if refined_boxes is not None and visibility:
            _outline(ax, refined_boxes[place], color, "solid", 2)
        if captions is not None:
            top, left = (refined_boxes if refined_boxes is not None else boxes)[place][:2]  # type: ignore[index]
            ax.text(left, top, captions[place], size=11, verticalalignment="top", color="w")
        if masks is not None:
            painted = apply_mask(painted, masks[..., place], color)
            _outline_mask(ax, masks[..., place], color)
    ax.imshow(painted)


def display_table(table: Sequence[Sequence[Any]]) -> None:
    """Show rows as a table in a notebook."""
    from IPython import display

    rows = "".join("<tr>" + "".join(f"<td>{cell!s}</td>" for cell in row) + "</tr>" for row in table)
    display.display(display.HTML(f"<table>{rows}</table>"))


def display_weight_stats(model: Any) -> None:
    """Show shape, least, largest, mean and deviation of every weight, in a notebook."""
    table: list[list[Any]] = [["WEIGHT NAME", "SHAPE", "MIN", "MAX", "STD"]]
    for layer in model.get_trainable_layers():
        for variable in layer.weights:
            values = np.asarray(variable)
            name = f"{layer.name}/{variable.name}"
            if variable.name == "moving_variance" and values.min() < 0:
                name += " *** negative variance"
            table.append([name, values.shape, *(f"{f(values):+9.4f}" for f in (np.min, np.max, np.std))])
    display_table(table)


def _empty_axes(ax: Any, shape: Sequence[int], title: str) -> None:
    ax.set_ylim(shape[0] + 10, -10)
    ax.set_xlim(-10, shape[1] + 10)
    ax.axis("off")
    ax.set_title(title)


def _outline(ax: Any, box: Sequence[float], color: Any, style: str, width: float) -> None:
    from matplotlib import patches

    top, left, bottom, right = box
    ax.add_patch(
        patches.Rectangle(
            (left, top),
            right - left,
            bottom - top,
            linewidth=width,
            alpha=0.7,
            linestyle=style,
            edgecolor=color,
            facecolor="none",
        )
    )


def _outline_mask(ax: Any, mask: np.ndarray, color: Any) -> None:
    from matplotlib import patches

    contours, _ = cv2.findContours(np.asarray(mask).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        if len(contour) > 2:
            ax.add_patch(patches.Polygon(contour[:, 0], facecolor="none", edgecolor=color))
