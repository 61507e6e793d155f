"""Which layers learn in which epochs, and at what rate."""

from __future__ import annotations

from dataclasses import dataclass

from mrcnn.optimization import Optimization
from train.settings import TrainSettings

SCHEDULE = "schedule"
# As the original's samples do: 40 epochs of 160 the heads, 80 from stage 4 up, 40 everything at a tenth of the rate.
PARTS = (("heads", 0.25, 1.0), ("4+", 0.75, 1.0), ("all", 1.0, 0.1))


@dataclass(frozen=True)
class Stage:
    """Epochs in which the same layers learn.

    Attributes:
        layers: see `layer_choice.set_trainable`.
        first: epochs done before.
        until: epochs done after.
        share: of the learning rate.
    """

    layers: str
    first: int
    until: int
    share: float = 1.0


def stages(layers: str, epochs: int) -> list[Stage]:
    """Divide epochs into stages; what is left of one that has no epoch is left out."""
    if layers != SCHEDULE:
        return [Stage(layers, 0, epochs)]
    found, first = [], 0
    for name, part, share in PARTS:
        until = epochs if part == 1.0 else round(part * epochs)
        if until > first:
            found.append(Stage(name, first, until, share))
        first = max(first, until)
    return found


def optimization(settings: TrainSettings, stage: Stage, steps: int) -> Optimization:
    """Return the numbers of a stage's optimizer; `steps` are those of an epoch."""
    return Optimization(
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate * stage.share,
        clip_norm=settings.clip_norm or None,
        weight_decay=settings.weight_decay,
        schedule=settings.schedule,
        warm_up=settings.warm_up,
        steps=settings.epochs * steps,
        first_step=stage.first * steps,
    )


def warm_up_warning(settings: TrainSettings, steps: int) -> str | None:
    """Say so where the rate never gets to where it is to rise; `steps` are those of an epoch."""
    total = settings.epochs * steps
    if settings.warm_up <= total:
        return None
    return (
        f"warning: the rate rises over {settings.warm_up} steps and there are {total}: it ends at "
        f"{total / settings.warm_up:.0%} of --learning-rate; give a shorter --warm-up or more --epochs"
    )
