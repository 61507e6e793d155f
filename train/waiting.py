"""How long a model waits for its pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras

Logs = dict[str, Any] | None


class Waiting(keras.callbacks.Callback):
    """Measures how long the model waits for pictures."""

    def __init__(self) -> None:
        super().__init__()
        self._waited = self._begin = self._ended = 0.0
        self._inner: Callable[..., Any] | None = None

    @property
    def share(self) -> float:
        """Part of the epoch's time so far."""
        passed = time.monotonic() - self._begin
        return self._waited / passed if passed > 0 else 0.0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Take batches out of their iterator by hand where they are fetched inside of the step."""
        if keras.backend.backend() != "torch":
            self._inner = self.model.train_function
            self.model.train_function = self._step

    def _step(self, *given: Any) -> Any:
        """TensorFlow gives the iterator, JAX its state before it."""
        *state, iterator = given
        begin = time.monotonic()
        batch = next(iterator)
        self._waited += time.monotonic() - begin
        assert self._inner is not None
        return self._inner(*state, iter([batch]))

    def on_train_end(self, logs: Logs = None) -> None:
        """Leave the model as it was."""
        if self._inner is not None:
            self.model.train_function, self._inner = self._inner, None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Begin to count."""
        self._waited, self._begin = 0.0, time.monotonic()
        self._ended = self._begin

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """On PyTorch a batch is fetched between two steps."""
        if self._inner is None:
            self._waited += time.monotonic() - self._ended

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Remember when the step ended."""
        self._ended = time.monotonic()
