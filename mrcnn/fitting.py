"""The training itself, for whoever starts it: Keras' `fit` over batches that come in the same order again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from mrcnn import optimization
from mrcnn.layer_choice import set_trainable


class Rounds(keras.utils.PyDataset):
    """Batches round and round, in epochs of as many steps as are asked for.

    Which batch comes follows from epoch and step alone, so that a training that is taken up again gets the batches
    that the unbroken one would have got.

    Args:
        batches: of the whole set, e.g. `TrainingBatches`.
        steps: batches of an epoch.
        from_start: whether every epoch starts at the first batch, instead of where the last one ended.
    """

    def __init__(self, batches: Any, steps: int, from_start: bool = False) -> None:
        super().__init__()
        self.batches, self.steps, self.from_start = batches, steps, from_start
        self._first = self._pass = 0

    def __len__(self) -> int:
        return self.steps

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next, counted from 0."""
        self._first = 0 if self.from_start else epoch * self.steps
        self._turn(self._first // len(self.batches))

    def _turn(self, number: int) -> None:
        """Go to the order of the set's `number`-th pass."""
        if number != self._pass:
            self._pass = number
            self.batches.set_epoch(number)

    def __getitem__(self, index: int) -> Any:
        number, place = divmod(self._first + index, len(self.batches))
        if not self.from_start:
            self._turn(number)
        return self.batches[place]


class EpochOrder(keras.callbacks.Callback):
    """Tells batches which epoch begins."""

    def __init__(self, batches: Any) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass the number on, counted from 0."""
        self.batches.set_epoch(epoch)


def prepare(model: keras.Model, layers: str, numbers: optimization.Optimization, verbose: int = 1) -> list[str]:
    """Choose the layers and the optimizer; doing so again changes nothing else.

    Args:
        model: of `training_network`.
        layers: see `set_trainable`.
        numbers: of the optimizer.
        verbose: see `set_trainable`.

    Returns:
        Names of the layers that are trained.
    """
    chosen = set_trainable(model, layers, verbose)
    compile_with(model, numbers)
    return chosen


def compile_with(model: keras.Model, numbers: optimization.Optimization) -> None:
    """Compile with an optimizer whose slots are there at once."""
    # TensorFlow's crop operator is not XLA's.
    jit = False if keras.backend.backend() == "tensorflow" else "auto"
    model.compile(optimizer=optimization.build(numbers), jit_compile=jit)


def fit(
    model: keras.Model,
    batches: Any,
    epochs: int,
    first_epoch: int = 0,
    validation: Any = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: Any = "auto",
    validated_epochs: Sequence[int] | None = None,
) -> keras.callbacks.History:
    """Train.

    Args:
        model: prepared.
        batches: a `PyDataset` with `set_epoch(epoch)`, or what has `stream(epoch)` and a length, the steps of an epoch.
        epochs: epochs in all, those done before included.
        first_epoch: epochs done before.
        validation: a `PyDataset` or None.
        callbacks: called in this order.
        verbose: as Keras takes it.
        validated_epochs: those that end with a validation, counted from 1; None: all.

    Returns:
        Keras' history.
    """
    if hasattr(batches, "stream"):
        given = {"x": batches.stream(first_epoch), "steps_per_epoch": len(batches)}
    else:
        given = {"x": batches}
        callbacks = [EpochOrder(batches), *callbacks]
    return model.fit(
        **given,
        initial_epoch=first_epoch,
        epochs=epochs,
        validation_data=validation,
        validation_freq=1 if validated_epochs is None else list(validated_epochs),
        callbacks=list(callbacks),
        shuffle=False,  # the batches have an order of their own
        verbose=verbose,
    )
