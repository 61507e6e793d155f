"""A training from its settings to its run folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import keras

from common.errors import UserError
from mrcnn import devices, distribution, fitting, layer_choice, training_state, weights
from mrcnn.choice import CHECKPOINTS, LAST
from mrcnn.feeding import Workers, default_workers
from train import run_lock, start
from train.callbacks import EpochEnd, NotANumber, Shown
from train.estimate import Estimate, estimate
from train.feeds import LearningFeed, batches_of
from train.picture import write_losses
from train.plan import Stage, optimization, stages, warm_up_warning
from train.preparation import Preparation, check_folder, prepare
from train.run_folder import RunFolder, default_name, versions
from train.settings import TrainSettings
from train.validation import Validation
from train.waiting import Waiting

LEARNT_BY_HEART = 0.9  # mask AP50 on the very pictures it learnt
VALIDATION_LOSSES = 50  # batches at most: the losses of the validation split need no more


@dataclass(frozen=True)
class Outcome:
    """What came of a training.

    Attributes:
        run: its folder; None after --dry-run.
        rows: one dictionary an epoch.
        best_epoch: see `RunFolder.best_epoch`.
        stopped_early: whether --early-stopping ended it.
        learnt_by_heart: of --overfit, whether it could; None without.
        estimate: of its first steps.
    """

    run: Path | None
    rows: Sequence[dict[str, Any]]
    best_epoch: int | None
    stopped_early: bool
    learnt_by_heart: bool | None
    estimate: Estimate


def train(settings: TrainSettings, argv: Sequence[str] = (), say: Callable[[str], None] = lambda line: None) -> Outcome:
    """Train.

    Args:
        settings: what is asked for.
        argv: of the command, for settings.json.
        say: takes lines for people.

    Raises:
        FaultsError: everything that stands in the way.
        UserError: the run's folder cannot be used, the loss became no number, or the disk is full.
    """
    folder = settings.out or default_name(settings.data, datetime.now())
    check_folder(settings, folder)
    if settings.deterministic:
        devices.compute_repeatably()
    with ExitStack() as stack:
        over = _spread(settings)
        if not settings.dry_run and (over is None or over.is_first):
            stack.enter_context(run_lock.held(folder))
        if over is not None:
            say(str(over))
        if settings.device != "auto":
            stack.enter_context(devices.placed(devices.choose(settings.device)[0]))
        ready = prepare(settings)
        for line in ready.lines:
            say(line)
        stack.enter_context(distribution.spread(over))
        return _Job(settings, ready, folder, argv, say, over).run()


def _spread(settings: TrainSettings) -> distribution.Spread | None:
    """Find the devices of all machines that take part; None for one."""
    if settings.machines is not None:
        if settings.out is None:
            raise UserError("--machines: every machine must know the run's name: give -o RUN")
        if settings.early_stopping is not None:
            raise UserError("--machines and --early-stopping exclude each other: only the first machine validates")
        distribution.join(distribution.Machine.parse(settings.machines))
    chosen = settings.devices or (distribution.ALL if settings.machines is not None else None)
    return None if chosen is None else distribution.plan(chosen, settings.batch_size)


class _Job:
    """One training.

    Args:
        settings: what is asked for.
        ready: what was read and checked.
        folder: of the run.
        argv: of the command.
        say: takes lines for people.
        over: how batches are spread over devices.
    """

    def __init__(
        self,
        settings: TrainSettings,
        ready: Preparation,
        folder: Path,
        argv: Sequence[str],
        say: Callable[[str], None],
        over: distribution.Spread | None = None,
    ) -> None:
        self.over, self.writes = over, over is None or over.is_first
        self.settings, self.ready, self.folder, self.argv, self.say = settings, ready, folder, list(argv), say
        keras.utils.set_random_seed(settings.seed)
        self.model = start.build(ready.config)
        self.plan = stages(settings.total_layers, settings.epochs)

    def run(self) -> Outcome:
        """Load, estimate, learn, sum up."""
        settings = self.settings
        self.say(start.load(self.model, self.ready.start, self.ready.class_names))
        self._check_layers()
        state = self._state()
        done = 0 if state is None else state.epoch
        if done >= settings.epochs:
            self._finish(done)
            raise UserError(f"{self.folder}: {done} epochs are done; give more with --epochs, which counts all of them")
        workers = default_workers() if settings.workers is None else settings.workers
        with Workers(workers) as processes:
            ready = self.ready
            batches = batches_of(ready.learnt, ready.config, ready.augmentation, negatives=settings.negatives)
            feed = LearningFeed(batches, processes, settings.steps)
            stage = next(each for each in self.plan if each.until > done)
            self._enter(stage, feed, state)
            if (line := warm_up_warning(settings, len(feed))) is not None:
                self.say(line)
            self.say("the first steps are tried out …")
            expected = estimate(self.model, distribution.own_rows(feed.rounds, self.over), settings.epochs - done)
            self.say(str(expected))
            if settings.dry_run:
                return Outcome(None, [], None, False, None, expected)
            run = self._open_run(done) if self.writes else RunFolder(self.folder)
            try:
                stopped = self._learn_all(run, done, feed)
            except (KeyboardInterrupt, SystemExit):
                self.say(f"broken off; `python -m train -o {self.folder} --resume` goes on after the last whole epoch")
                raise
        return self._summed_up(run, stopped, expected)

    def _check_layers(self) -> None:
        for stage in self.plan:
            if not layer_choice.set_trainable(self.model, stage.layers, verbose=0):
                raise UserError(
                    f"--layers {stage.layers}: no layer has such a name; expected one of "
                    f"{', '.join(layer_choice.STAGES)}, schedule, or a regular expression for whole names"
                )

    def _state(self) -> training_state.TrainingState | None:
        if not self.settings.resume:
            return None
        run = RunFolder.open(self.folder)
        try:
            state, wrong = training_state.read(run.state), "is not there any more"
        except UserError as error:
            state, wrong = None, f"is damaged ({error.__cause__})"
        # The last checkpoint gets its name after the state is written.
        if state is None and (run.path / CHECKPOINTS / f"{LAST}.h5").is_file():
            raise UserError(
                f"{run.state}: {wrong}, so the run cannot be taken up where it ended; start a new run from its weights "
                f"with --weights {self.folder} and another -o"
            )
        if state is None:
            self.say(f"{self.folder}: no epoch was finished; it begins again")
        return state

    def _enter(self, stage: Stage, feed: LearningFeed, state: training_state.TrainingState | None) -> None:
        """Choose layers and optimizer of a stage; take up what a run before left."""
        numbers = optimization(self.settings, stage, len(feed))
        chosen = fitting.prepare(self.model, stage.layers, numbers, verbose=0)
        count = sum(math.prod(variable.shape) for variable in self.model.trainable_variables)
        self.say(f"layers {stage.layers}: {len(chosen)} layers learn, {count / 1e6:.2f} million numbers")
        if state is None:
            return
        report = weights.load(self.model, self.folder / CHECKPOINTS / state.checkpoint)
        if state.epoch > stage.first:
            if not training_state.fits(state, self.model):
                raise UserError(
                    f"{self.folder}: its state belongs to other layers or another optimizer; start a new run with "
                    f"--weights {self.folder}"
                )
            training_state.restore(state, self.model)
        else:
            training_state.restore_random(state, self.model)
        self.say(f"goes on after epoch {state.epoch} ({report})")

    def _finish(self, done: int) -> None:
        """Name the checkpoints of a run that was killed after its last epoch, before that."""
        if self.writes and not self.settings.dry_run:
            run = RunFolder.open(self.folder)
            run.go_back_to(done)
            write_losses(run.path / "losses.png", run.rows, run.best_epoch())

    def _open_run(self, done: int) -> RunFolder:
        about = {
            "argv": self.argv,
            "flags": self.settings.to_json(),
            "versions": versions(),
            "backend": keras.backend.backend(),
            "seed": self.settings.seed,
            "dataset": {
                "path": str(self.settings.data.resolve()),
                "fingerprint": self.ready.learnt.dataset.about.get("fingerprint"),
                "class_names": list(self.ready.class_names[1:]),
            },
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        }
        if not self.settings.resume:
            return RunFolder.create(self.folder, about, self.ready.config, self.ready.class_names)
        run = RunFolder.open(self.folder)
        before = run.settings()
        about["resumed"] = [*before.get("resumed", []), {"argv": self.argv, "epoch": done, "at": about["started"]}]
        run.write_settings({**about, "argv": before["argv"], "started": before.get("started")})
        run.complete(self.ready.config, self.ready.class_names)
        run.go_back_to(done)
        return run

    def _learn_all(self, run: RunFolder, done: int, feed: LearningFeed) -> bool:
        """Learn what is left of every stage; the first one is entered already. Returns whether it stopped early."""
        left = [stage for stage in self.plan if stage.until > done]
        for stage in left:
            if stage is not left[0]:
                self._enter(stage, feed, None)
            if self._learn(run, stage, max(done, stage.first), feed):
                return True
        return False

    def _learn(self, run: RunFolder, stage: Stage, done: int, feed: LearningFeed) -> bool:
        settings, ready = self.settings, self.ready
        waiting = Waiting()
        alone = self.over is None or self.over.processes == 1  # elsewhere the least loss tells which epoch is best
        validate = Validation(ready.validated) if ready.validated is not None and alone else None
        options = {name: getattr(settings, name) for name in ("validate_every", "keep_last", "early_stopping", "quiet")}
        end = EpochEnd(run, ready.config, ready.class_names, validate, waiting, settings.epochs, options)
        callbacks: list[keras.callbacks.Callback] = [
            waiting,
            Shown(settings.epochs, len(feed), settings.quiet),
            NotANumber(feed.rounds, run.path if self.writes else None, ready.learnt.dataset.image_reference),
        ]
        if self.writes:
            callbacks.append(end)
        if settings.tensorboard and self.writes:
            callbacks.append(keras.callbacks.TensorBoard(log_dir=str(run.path / "tensorboard"), write_graph=False))
        validated = [epoch for epoch in range(1, settings.epochs + 1) if end.validates(epoch)]
        with feed.feed:
            fitting.fit(
                self.model,
                distribution.own_rows(feed, self.over),
                stage.until,
                done,
                distribution.own_rows(self._validation_losses(), self.over),
                callbacks,
                verbose=0,
                validated_epochs=validated,
            )
        return end.stopped_early

    def _validation_losses(self) -> Any:
        if self.ready.validated is None or not self.settings.validate_every:
            return None
        batches = batches_of(self.ready.validated, self.ready.config, shuffle=False, negatives=self.settings.negatives)
        if not len(batches):  # none of the pictures shows what is learnt
            return None
        return fitting.Rounds(batches, min(len(batches), VALIDATION_LOSSES), from_start=True)

    def _summed_up(self, run: RunFolder, stopped: bool, expected: Estimate) -> Outcome:
        best = run.best_epoch()
        if not self.writes:
            return Outcome(self.folder, run.rows, best, stopped, None, expected)
        write_losses(run.path / "losses.png", run.rows, best)
        by_heart = None
        if self.settings.overfit is not None:
            found = max((row.get("val_mask_ap50") or 0.0 for row in run.rows), default=0.0)
            by_heart = found >= LEARNT_BY_HEART
        return Outcome(run.path, run.rows, best, stopped, by_heart, expected)
