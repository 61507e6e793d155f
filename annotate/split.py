"""Training, validation and test: by group, even in every class, the same for every run with one seed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from annotate.label_set import LabelledImage, class_ids
from common.errors import UserError

DEFAULT = {"train": 0.8, "val": 0.2}
TAKEN = "dataset"  # dataset.json explains the folder; a split of that name would be written over


def parse_shares(text: str) -> dict[str, float]:
    """Read "train=0.7,val=0.2,test=0.1".

    Raises:
        UserError: not of that form, a name that comes twice or is taken, a share that is not above 0, no "train", or a
            sum other than 1.
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        if name.strip().lower() in (TAKEN, *(other.lower() for other in shares)):
            raise UserError(f"--split {text}: {name.strip()!r} cannot name a split here; give each its own name")
        try:
            shares[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip().isidentifier():
            raise UserError(f"--split {text}: {part!r} is not NAME=SHARE; e.g. train=0.8,val=0.2")
    whole = all(share > 0 for share in shares.values()) and math.isclose(sum(shares.values()), 1, abs_tol=1e-6)
    if not whole or "train" not in shares:
        raise UserError(f"--split {text}: the shares must be above 0, sum to 1 and name train; e.g. train=0.8,val=0.2")
    return shares


def split(
    images: Sequence[LabelledImage], shares: Mapping[str, float], classes: int, seed: int
) -> dict[str, list[int]]:
    """Deal the groups out.

    The groups with the rarest classes and the most objects go first, each to the split that still lacks the largest
    part of its due of what the group has: every split gets its share of every class as near as whole groups allow.

    Args:
        images: labelled pictures.
        shares: name of a split to its share of the pictures and of every class; they sum to 1.
        classes: number of classes.
        seed: of the order among equals.

    Returns:
        Name of a split to places in `images`, ascending.

    Raises:
        UserError: fewer groups than splits.

    Source: the rule of Sechidis et al. 2011, "On the stratification of multi-label data", on groups.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for place, image in enumerate(images):
        members[image.group].append(place)
    if len(members) < len(shares):
        raise UserError(
            f"{len(members)} groups of pictures cannot be split into {len(shares)} parts: pictures of one clip stay "
            "together; add pictures of other clips, or choose another --group-by or --split"
        )
    names = sorted(members)
    contents = np.stack([_content([images[place] for place in members[name]], classes) for name in names])
    totals = np.maximum(contents.sum(axis=0), 1)
    weights = (contents / totals).max(axis=1)  # a group that holds much of some class has few places to go
    order = np.lexsort((np.random.default_rng(seed).permutation(len(names)), -weights))
    wanted = {split_name: share * totals for split_name, share in shares.items()}
    dealt: dict[str, list[int]] = {split_name: [] for split_name in shares}
    for rank, number in enumerate(order):
        empty = [split_name for split_name in shares if not dealt[split_name]]
        left = len(order) - rank
        choice = empty if len(empty) == left else list(shares)  # no split stays empty
        has = contents[number] / totals
        best = max(choice, key=lambda split_name: float(has @ (wanted[split_name] / totals)) / shares[split_name])
        wanted[best] = wanted[best] - contents[number]
        dealt[best] += members[names[number]]
    return {split_name: sorted(places) for split_name, places in dealt.items()}


def _content(images: Sequence[LabelledImage], classes: int) -> np.ndarray:
    """(1 + classes,) pictures, and objects of each class."""
    content = np.zeros(1 + classes)
    content[0] = len(images)
    for image in images:
        for class_id in class_ids(image.objects):
            content[1 + class_id] += 1
    return content
