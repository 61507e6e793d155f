"""What a checkpoint finds in a split: read from the run where it is known, computed and kept where it is not.

A file of predictions is known by the weights, the settings of the model, the pictures and the settings below: change
any of them and there is another file; change none and nothing is computed twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import supervision as sv

from common.errors import UserError
from common.pump import prefetched
from common.staging import staged
from evaluate.prediction_file import PredictionWriter, read_predictions
from evaluate.runs import MOVING, RunCheckpoint
from evaluate.truth import Truth
from mrcnn.choice import ONNX
from mrcnn.molding import Molding
from mrcnn.preprocess import MULTIPLE

if TYPE_CHECKING:
    from mrcnn.config import Config
    from mrcnn.detector import MaskRCNNDetector

FOLDER, HASHES = "predictions", "weights.json"
FLOOR = 0.001  # all that the network names: a class wins with more than 1 / number of classes anyway
READ_AHEAD = 16  # pictures

Finder = Callable[[Sequence[np.ndarray]], list[sv.Detections]]
Shown = Callable[[str, Iterable[int], int], Iterable[int]]  # label, pictures, how many in all -> pictures


@dataclass(frozen=True)
class PredictSettings:
    """How a checkpoint looks at pictures; see `MaskRCNNDetector`.

    Attributes:
        floor: lowest score that is kept.
        nms: overlap above which two boxes of a class are one object; None: as trained.
        mask_threshold: probability from which a pixel belongs to an object.
        input_size: longer side in pixels; None: as trained.
    """

    floor: float = FLOOR
    nms: float | None = None
    mask_threshold: float = 0.5
    input_size: int | None = None


@dataclass(frozen=True)
class Machine:
    """Where and how predictions are computed; changes no number that counts.

    Attributes:
        device: "auto", "cpu", "cuda" ...
        batch: pictures that go through the network together.
    """

    device: str = "auto"
    batch: int = 1


def check_settings(settings: PredictSettings) -> None:
    """Raise UserError, in the words of the command line, for numbers that no detector takes."""
    if settings.nms is not None and not 0 < settings.nms <= 1:
        raise UserError(f"--nms {settings.nms:g}: expected an overlap above 0, at most 1, e.g. 0.3")
    if not 0 < settings.mask_threshold < 1:
        raise UserError(f"--mask-threshold {settings.mask_threshold:g}: expected a probability between 0 and 1")
    if settings.input_size is not None and settings.input_size < MULTIPLE:
        raise UserError(f"--input-size {settings.input_size}: expected pixels, {MULTIPLE} or more")


def flags_for_infer(settings: PredictSettings, config: Config) -> str:
    """Return the flags with which `infer` looks as the settings say, where it would not by itself; "" for none.

    Args:
        settings: how a checkpoint looked.
        config: of its model.
    """
    flags = []
    if settings.nms not in (None, config.DETECTION_NMS_THRESHOLD):
        flags.append(f"--nms {settings.nms:g}")
    if settings.mask_threshold != PredictSettings.mask_threshold:
        flags.append(f"--mask-threshold {settings.mask_threshold:g}")
    if Molding.of(config, settings.input_size) != Molding.of(config):
        flags.append(f"--input-size {settings.input_size}")
    return " ".join(flags)


class Predictions:
    """The predictions of a run's checkpoints on one split.

    Args:
        folder: where they are kept; made when something is computed.
        truth: of the split.
        settings: how checkpoints look.
        machine: where they run.
        shown: shows how far a checkpoint is; default nothing.

    Attributes:
        computed: pictures that went through a network so far.
    """

    def __init__(
        self,
        folder: Path,
        truth: Truth,
        settings: PredictSettings,
        machine: Machine | None = None,
        shown: Shown | None = None,
    ) -> None:
        self.folder, self.truth, self.settings = folder, truth, settings
        self.machine = machine or Machine()
        self.computed = 0
        self._shown: Shown = shown or (lambda label, items, total: items)
        self._hashes = _Hashes(folder / HASHES)
        self._detector: MaskRCNNDetector | None = None

    def weights_hash(self, checkpoint: RunCheckpoint) -> str:
        """SHA-256 of a checkpoint's file, as it was when it was first asked for.

        Raises:
            UserError: the file is not there any more.
        """
        return self._hashes.of(checkpoint.path)

    def path_of(self, checkpoint: RunCheckpoint) -> Path:
        """Return the file that holds, or will hold, what a checkpoint finds."""
        return self.folder / f"{checkpoint.name}-{self.truth.split}-{_digest(self._key(checkpoint))[:16]}.jsonl"

    def of(self, checkpoint: RunCheckpoint, label: str = "") -> list[sv.Detections]:
        """Return what a checkpoint finds in every picture, from the file or from the network.

        Args:
            checkpoint: of the run.
            label: for progress.

        Returns:
            See `read_predictions`; class ids are places in the truth's class names.

        Raises:
            UserError: the checkpoint or a picture cannot be used; the network computes no numbers.
        """
        path = self.path_of(checkpoint)
        if not path.is_file():
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._compute(checkpoint, path, label or checkpoint.name)
            except FloatingPointError as error:
                raise UserError(f"{checkpoint.path}: {error}; its training went astray, take another epoch") from error
            except OSError as error:
                raise UserError(f"cannot write to {self.folder}: {error.strerror}; choose another with -o") from error
        self._hashes.keep()
        return read_predictions(path, self.truth.class_names, self.truth.names)

    def _compute(self, checkpoint: RunCheckpoint, path: Path, label: str) -> None:
        pictures = self.truth.names
        header = {"key": self._key(checkpoint), "classes": list(checkpoint.class_names[1:])}
        with PredictionWriter(path, header, pictures) as writer:
            left = range(writer.done, len(pictures))
            if not left:
                return
            find = self._open(checkpoint)
            with prefetched(_read(self.truth, left), READ_AHEAD) as read:
                for place in self._shown(label, self._found(find, read, writer, checkpoint), len(left)):
                    self.computed += 1
                    assert place < len(pictures)

    def _found(
        self, find: Finder, read: Iterator[tuple[int, np.ndarray]], writer: PredictionWriter, checkpoint: RunCheckpoint
    ) -> Iterator[int]:
        """Pass on the places of pictures as they are written."""
        for chunk in _chunks(read, self.machine.batch):
            for (place, picture), found in zip(chunk, find([each for _, each in chunk]), strict=True):
                writer.write((picture.shape[0], picture.shape[1]), found, checkpoint.class_names[1:])
                yield place

    def _open(self, checkpoint: RunCheckpoint) -> Finder:
        """Open a checkpoint: in the network of the one before it where that is the same, else in one of its own.

        What was known of the file by its hash must be what was loaded: a training that goes on replaces and removes.
        """
        try:
            if self._detector is None or not self._detector.reload(checkpoint.path, checkpoint.class_names):
                self._detector = self._opened(checkpoint)
        except UserError:
            self._hashes.check_unchanged(checkpoint.path)  # if that is why, it says so
            raise
        self._hashes.check_unchanged(checkpoint.path)
        return self._detector

    def _opened(self, checkpoint: RunCheckpoint) -> MaskRCNNDetector:
        from mrcnn.detector import MaskRCNNDetector

        return MaskRCNNDetector(
            checkpoint.path,
            classes=checkpoint.class_names,
            device=self.machine.device,
            batch=self.machine.batch,
            runtime="onnx" if checkpoint.path.suffix == ONNX else "keras",
            thresholds={},  # scores as they are: an earlier choice must not bend what the next one is made from
            floor=self.settings.floor,
            nms=self.settings.nms,
            mask_threshold=self.settings.mask_threshold,
            input_size=self.settings.input_size,
        )

    def _key(self, checkpoint: RunCheckpoint) -> dict[str, Any]:
        return {
            "weights": self.weights_hash(checkpoint),
            "config": _digest(json.loads(checkpoint.config.to_json())),
            "classes": list(checkpoint.class_names),
            "pictures": self.truth.pictures_key,
            "settings": asdict(self.settings),
        }


class _Hashes:
    """Hashes of weight files, remembered by size and time: weights are large, and read again for no other reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, str] | None = None
        self._names: dict[Path, str] = {}
        self._stamps: dict[Path, str] = {}
        self._new = False

    def of(self, path: Path) -> str:
        known = self._read()
        if path not in self._names:
            try:
                name = _remembered(path)
                if name not in known:
                    with path.open("rb") as file:
                        known[name] = hashlib.file_digest(file, "sha256").hexdigest()
                    self._new = True
                self._stamps[path] = _stamp(path)
            except OSError as error:
                raise UserError(f"{path}: gone since it was listed; {MOVING}") from error
            self._names[path] = name
        return known[self._names[path]]

    def check_unchanged(self, path: Path) -> None:
        """Raise UserError where a file is not the one any more that was hashed."""
        try:
            same = _stamp(path) == self._stamps[path]
        except OSError:
            same = False
        if not same:
            raise UserError(f"{path}: changed or gone before it was loaded; {MOVING}")

    def keep(self) -> None:
        """Write down what is new."""
        if self._new:
            self._new = False
            with staged(self.path, overwrite=True) as part:
                part.write_text(json.dumps(self._known, indent=1), encoding="utf-8")

    def _read(self) -> dict[str, str]:
        if self._known is None:
            try:
                content = json.loads(self.path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                content = {}  # made anew: it only saves time
            self._known = content if isinstance(content, dict) else {}
        return self._known


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"


def _remembered(path: Path) -> str:
    """As `_stamp`, and when the file came here: copied over another with its old time it has that one's stamp."""
    return f"{_stamp(path)} {path.stat().st_ctime_ns}"


def _read(truth: Truth, places: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
    for place in places:
        yield place, truth.dataset.load_image(place)


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
