"""Training and validation: whole sources, even in every class, the same for every run with one seed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from common.errors import UserError
from train.smile.listing import TRAIN, VAL, FacePicture


def split(
    pictures: Sequence[FacePicture], class_names: Sequence[str], share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Say which pictures teach and which test.

    Args:
        pictures: where they name their split, that is it.
        class_names: in the order of the class ids.
        share: of the pictures that is for validation, 0.05 to 0.5; the nearest fraction with a denominator up to 20.
        seed: of the choice.

    Returns:
        Places for training and for validation, ascending.

    Raises:
        UserError: a class has too few sources to be on both sides.
    """
    named = [picture.split for picture in pictures]
    if any(named):
        train, val = (np.flatnonzero([each == name for each in named]) for name in (TRAIN, VAL))
    else:
        train, val = _dealt(pictures, share, seed)
    class_ids = np.array([picture.class_id for picture in pictures])
    for class_id, name in enumerate(class_names):
        for places, what in ((train, "training"), (val, "validation")):
            if not np.any(class_ids[places] == class_id):
                sources = len({each.group for each in pictures if each.class_id == class_id})
                raise UserError(
                    f"class {name}: no picture is left for {what}; it has {len(class_ids[class_ids == class_id])} "
                    f"pictures of {sources} source{'s' if sources != 1 else ''}, and pictures of one source stay "
                    "together: add pictures, or choose another --group-by or --validation-share"
                )
    return train, val


def _dealt(pictures: Sequence[FacePicture], share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    class_ids = [picture.class_id for picture in pictures]
    groups = [picture.group for picture in pictures]
    part = Fraction(share).limit_denominator(min(20, max(len(set(groups)), 2)))
    folds = max(part.denominator, 2)
    if len(set(groups)) < 2 or folds > max(np.bincount(class_ids)):
        return np.arange(len(pictures)), np.arange(0)
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class of fewer pictures than folds: `split` names it if it is left out
        parts = [fold for _, fold in dealer.split(np.zeros(len(pictures)), class_ids, groups)]
    val = np.sort(np.concatenate(parts[: max(part.numerator, 1)]))
    return np.setdiff1d(np.arange(len(pictures)), val), val
