"""A made data set for tests: grey pictures with one bright square each."""

from __future__ import annotations

import numpy as np

from mrcnn.dataset import Dataset


class SquaresSet(Dataset):
    """Grey pictures with one bright square each; every third is empty."""

    def load_image(self, image_id: int) -> np.ndarray:
        return np.where(self.load_mask(image_id)[0].any(axis=-1, keepdims=True), 250, 100).astype(np.uint8)

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        mask = np.zeros((64, 64, 1), bool)
        if image_id % 3 != 2:
            mask[8 * image_id : 8 * image_id + 24, 10:40] = True
        return mask, np.array([1], np.int32)


def prepared(dataset: Dataset, count: int, classes: int = 3) -> Dataset:
    for number in range(1, classes + 1):
        dataset.add_class("toy", number, f"class{number}")
    for number in range(count):
        dataset.add_image("toy", number, None)
    dataset.prepare()
    return dataset
