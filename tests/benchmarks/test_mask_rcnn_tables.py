"""The tables of Mask R-CNN beside a port: what is the same, which part took how long, and a peer that is not there."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import libraries, mask_rcnn, parts
from common.errors import UserError


def objects(*rows: tuple[int, int, float]) -> dict[str, np.ndarray]:
    """Objects of (left edge, class, score): squares of 4 pixels in a picture of 8 x 16."""
    masks = np.zeros((len(rows), 8, 16), bool)
    for mask, (left, _, _) in zip(masks, rows, strict=True):
        mask[2:6, left : left + 4] = True
    return {
        "rois": np.array([[2, left, 6, left + 4] for left, _, _ in rows], np.int32),
        "class_ids": np.array([class_id for _, class_id, _ in rows], np.int32),
        "scores": np.array([score for _, _, score in rows], np.float32),
        "masks": np.stack([np.packbits(mask) for mask in masks]),
    }


def test_objects_are_the_same_with_one_class_near_sides_and_near_scores() -> None:
    share, overlap = mask_rcnn.agreement(objects((2, 1, 0.9), (10, 2, 0.8)), objects((10, 2, 0.805), (3, 1, 0.9)))
    assert share == 1.0
    assert overlap == pytest.approx(12 / 20)  # the first has moved by one of its four columns
    assert mask_rcnn.agreement(objects((2, 1, 0.9)), objects((2, 2, 0.9), (2, 1, 0.8)))[0] == 0.0
    with pytest.raises(UserError, match="nothing was found"):
        mask_rcnn.agreement(objects((2, 1, 0.9)), {"rois": np.zeros((0, 4))})


def test_a_parts_time_is_what_it_adds_to_the_part_before() -> None:
    row = {"molding": 1, "trunk": 5, "box head": 8, "mask head": 12, "everything": 15}
    rounds = [{part: {"cpu": float(seconds * factor)} for part, seconds in row.items()} for factor in (1, 2, 3)]
    own = {"molding": 2, "trunk": 10, "box head": 6, "mask head": 8, "post-processing": 4, "everything": 30}
    assert parts.split(rounds, "cpu") == own


def test_ratios_are_taken_in_pairs() -> None:
    answers = {libraries.PEER: [{"s": 4.0}, {"s": 40.0}, {"s": 6.0}], "ours": [{"s": 2.0}, {"s": 10.0}, {"s": 3.0}]}
    assert libraries.times_faster(answers, "ours", "s") == 2.0
    assert libraries.shown(libraries.times_faster({"ours": answers["ours"]}, "ours", "s")) == "-"


def test_a_peer_that_is_named_by_halves_or_is_not_there_is_one_line(tmp_path: Path) -> None:
    python = tmp_path / "python"
    with pytest.raises(UserError, match="both --peer-python and --peer"):
        mask_rcnn.main(["--peer", str(tmp_path)])
    with pytest.raises(UserError, match="no such file"):
        mask_rcnn.main(["--peer", str(tmp_path), "--peer-python", str(python)])
    python.touch()
    with pytest.raises(UserError, match="holds no mrcnn"):
        mask_rcnn.main(["--peer", str(tmp_path), "--peer-python", str(python)])
    with pytest.raises(UserError, match="at least 1"):
        parts.main(["--rounds", "0"])


def test_a_library_that_dies_is_named_with_its_last_words(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no such module >&2\nexit 3\n")
    python.chmod(0o755)
    with libraries.Library("the port", python, tmp_path) as library, pytest.raises(UserError, match="no such module"):
        library.ask("open")
