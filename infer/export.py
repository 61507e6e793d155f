"""`infer export`: a checkpoint as one ONNX file, in float or in 8 bits."""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.errors import UserError

if TYPE_CHECKING:
    from mrcnn.checkpoint import CheckpointInfo
    from mrcnn.onnx_export.agreement import Agreement
    from mrcnn.onnx_export.integers import Attempt

log = logging.getLogger(__name__)

PICTURES = 48  # looked at for 8 bits: two of three to find ranges, each third to compare on
LEAST = 3
FOR = ("auto", "cpu", "gpu")
LONG = 120.0  # seconds of a video


@dataclass(frozen=True)
class ExportSettings:
    """How a checkpoint is exported.

    Attributes:
        opset: version of the operator set; None: the default.
        target: "cpu", "gpu" or "auto": what this machine has. A file for a CPU runs on a GPU as well, but slower, and
            the other way round.
        calibrate: a video, a picture or a folder of them: the file is written in 8 bits, fitted to these.
        input_size: longer side in pixels at which they are looked at; None: as trained.
        limit: share of the objects that 8 bits must find again.
        force: write the file though they do not.
        overwrite: replace an existing file.
    """

    opset: int | None = None
    target: str = "auto"
    calibrate: Path | None = None
    input_size: int | None = None
    limit: float = 0.98
    force: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file.
        size: its bytes.
        classes: what it finds.
        target: "cpu" or "gpu".
        left: for 8 bits: what stays in float, in words.
        agreement: for 8 bits: with the network in float.
    """

    path: Path
    size: int
    classes: tuple[str, ...]
    target: str
    left: str | None = None
    agreement: Agreement | None = None

    def lines(self) -> list[str]:
        """Say it to people."""
        precision = "32-bit float" if self.left is None else f"8-bit integers but {self.left}"
        said = [f"{self.path}: {len(self.classes)} classes, {precision}, {self.size / 1e6:.0f} MB, for {self.target}s"]
        return [*said, f"8 bits against 32: {self.agreement}"] if self.agreement else said


def export(weights: str, out: Path | None, settings: ExportSettings, classes: str | None = None) -> Exported:
    """Write a checkpoint as ONNX.

    Args:
        weights: a file, a run folder, or "coco".
        out: the .onnx file; None: beside the checkpoint, under its name.
        settings: see there.
        classes: names for a checkpoint that carries none.

    Raises:
        UserError: the checkpoint cannot be read or written as ONNX; the file exists; or 8 bits lose too many objects.
    """
    from mrcnn import checkpoint
    from mrcnn.choice import choose
    from mrcnn.detector import COCO_WEIGHTS
    from mrcnn.download import known_weights
    from mrcnn.onnx_export.export import from_checkpoint, write
    from mrcnn.onnx_export.network import OPSET

    chosen = choose(known_weights(COCO_WEIGHTS) if weights == COCO_WEIGHTS else weights)
    if chosen.checkpoint.suffix == ".onnx":
        raise UserError(f"{chosen.checkpoint}: is exported already; give the checkpoint (.h5) that it was made from")
    path = chosen.checkpoint.with_suffix(".onnx") if out is None else out
    if path.suffix != ".onnx":
        raise UserError(f"{path}: an exported file is called NAME.onnx")
    if path.exists() and not settings.overwrite:
        raise UserError(f"{path}: exists; add --overwrite to replace it, or -o for another name")
    if settings.target not in FOR:
        raise UserError(f"--for {settings.target}: expected one of {', '.join(FOR)}")
    target = _here() if settings.target == "auto" else settings.target
    if settings.calibrate is not None and target == "gpu":
        raise UserError("8-bit integers are for CPUs; leave out --int8, or add --for cpu")
    info = checkpoint.read(chosen.checkpoint, classes)

    def written() -> Any:
        return from_checkpoint(info, settings.opset or OPSET, target == "gpu", chosen.thresholds)

    if settings.calibrate is None:
        return Exported(path, write(written(), path, settings.overwrite), info.class_names[1:], target)
    with tempfile.TemporaryDirectory() as folder:
        pictures = _molded(settings.calibrate, info, settings.input_size, Path(folder))
        attempt = _in_integers(written(), pictures, info, settings.limit)
    if attempt.agreement.objects == 0:
        log.warning("the model is sure of nothing in %s: what 8 bits lose is not known", settings.calibrate)
    if attempt.agreement.share < settings.limit and not settings.force:
        raise UserError(
            f"{path}: not written: with 8 bits {attempt.agreement}, fewer than {settings.limit:.0%}; calibrate on more "
            "pictures of the kind that will be analysed, leave out --int8, or add --force"
        )
    size = write(attempt.model, path, settings.overwrite)
    return Exported(path, size, info.class_names[1:], target, attempt.left, attempt.agreement)


def _here() -> str:
    """What this machine's ONNX Runtime computes on."""
    from common.detectors.runtime import choose
    from common.onnx_runtime import load

    return "cpu" if choose("auto", load().get_available_providers())[:1] == ["cpu"] else "gpu"


def _molded(source: Path, info: CheckpointInfo, input_size: int | None, folder: Path) -> list[Path]:
    """Bring pictures to the network's size, as inputs of the graph; on disk, since a hundred may not fit in memory."""
    from mrcnn.molding import Molding
    from mrcnn.onnx_engine import graph_inputs

    molding = Molding.of(info.config, input_size)
    mean = np.array(molding.mean_pixel, np.float32)
    kept = []
    for number, picture in enumerate(itertools.islice(pictures_of(source, PICTURES), PICTURES)):
        molded = molding(picture)
        inputs: dict[str, Any] = graph_inputs(molded.pixels[None], molded.meta[None], mean)
        kept.append(folder / f"{number}.npz")
        np.savez(kept[-1], **inputs)
    if len(kept) < LEAST:
        raise UserError(f"{source}: holds {len(kept)} pictures; 8 bits need {LEAST} or more")
    return kept


def _in_integers(model: Any, pictures: list[Path], info: CheckpointInfo, limit: float) -> Attempt:
    """Return the first network in 8 bits that finds enough again, or the best one."""
    from mrcnn.detector import FLOOR, SURE
    from mrcnn.onnx_export.integers import attempts

    def stored(paths: list[Path]) -> Iterator[Mapping[str, np.ndarray]]:
        for path in paths:
            with np.load(path) as arrays:
                yield dict(arrays)

    sure = float(info.config.DETECTION_MIN_CONFIDENCE)
    sure = sure if FLOOR < sure < 1 else SURE
    held_out = pictures[2::3]
    calibration = [path for path in pictures if path not in held_out]
    best = None
    for attempt in attempts(model, lambda: stored(calibration), lambda: stored(held_out), sure, FLOOR):
        log.info("8 bits but %s: %s", attempt.left, attempt.agreement)
        best = attempt if best is None or attempt.agreement.share > best.agreement.share else best
        if best.agreement.share >= limit:
            break
    assert best is not None  # there are steps
    return best


def pictures_of(source: Path, count: int) -> Iterator[np.ndarray]:
    """Yield up to `count` (H, W, 3) uint8 RGB pictures, spread evenly over a video, a folder of pictures, or a picture.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    from common.image import read_image
    from infer.picture import is_picture

    if source.is_dir():
        files = [path for path in sorted(source.rglob("*")) if path.is_file() and is_picture(path)]
        if not files:
            raise UserError(f"{source}: holds no picture to calibrate on")
        for place in np.unique(np.linspace(0, len(files) - 1, count).astype(int)):
            yield read_image(files[place]).pixels[..., :3]
    elif not source.exists():
        raise UserError(f"{source}: no such file; give a video or a folder of pictures to calibrate on")
    elif is_picture(source):
        yield read_image(source).pixels[..., :3]
    else:
        yield from _frames(source, count)


def _frames(source: Path, count: int) -> Iterator[np.ndarray]:
    from common.video.info import probe
    from common.video.reader import FrameReader

    info = probe(source)
    if info.duration is not None and info.duration > LONG:  # look here and there instead of decoding it all
        starts = [float(place) for place in np.linspace(0, info.duration, count, endpoint=False)]
        for start in starts:
            with FrameReader(source, start=start) as reader:
                yield from (frame.rgb() for frame in itertools.islice(reader, 1) if frame.corrupt is None)
        return
    frames = info.declared_frames or int((info.duration or 0) * float(info.average_rate or 0))
    with FrameReader(source) as reader:
        for frame in reader:
            if frame.index % max(1, frames // count) == 0 and frame.corrupt is None:
                yield frame.rgb()
