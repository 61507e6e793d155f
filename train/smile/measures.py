"""How good a classifier is, from its probabilities.

Legend: N pictures, C classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from sklearn import metrics


@dataclass(frozen=True)
class Measures:
    """Numbers from 0 to 1, and the loss.

    Attributes:
        loss: mean of minus the logarithm of the right class's probability.
        accuracy: share of the pictures whose most probable class is right.
        balanced_accuracy: mean of the classes' shares: guessing gives 1 / C however unequal the classes are.
        auc: area under the ROC curve; of more than two classes the mean over each against the rest.
    """

    loss: float
    accuracy: float
    balanced_accuracy: float
    auc: float

    @classmethod
    def of(cls, class_ids: np.ndarray, probabilities: np.ndarray) -> Measures:
        """Measure.

        Args:
            class_ids: (N,) int, every class among them.
            probabilities: (N, C).
        """
        answers = probabilities.argmax(axis=1)
        count = probabilities.shape[1]
        right = probabilities[np.arange(len(class_ids)), class_ids]
        areas = [metrics.roc_auc_score(class_ids == each, probabilities[:, each]) for each in range(count)]
        return cls(
            loss=float(-np.log(np.maximum(right, 1e-7)).mean()),
            accuracy=float(metrics.accuracy_score(class_ids, answers)),
            balanced_accuracy=float(metrics.balanced_accuracy_score(class_ids, answers)),
            auc=float(np.mean(areas)),
        )

    def better_than(self, other: Measures | None) -> bool:
        """Whether more is right in the mean of the classes; of equals the lower loss is better."""
        if other is None:
            return True
        return (self.balanced_accuracy, -self.loss) > (other.balanced_accuracy, -other.loss)

    def named(self, prefix: str) -> dict[str, float]:
        """Return {"<prefix>loss": ..., ...}."""
        return {f"{prefix}{name}": value for name, value in asdict(self).items()}
