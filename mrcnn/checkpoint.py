"""A checkpoint: one weight file in the original's layout that also carries its configuration and class names.

They are attributes of the file's root, `config` (JSON) and `class_names` (JSON list, background first), which other
readers pass over: the same file loads in the original. A plain file of the original is a checkpoint too, as far as its
shapes tell; its class names are COCO's when there are 81, or given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from common.errors import UserError
from common.staging import temporary_folder
from mrcnn import class_names as naming
from mrcnn import exported_texts, file_config, onnx_names
from mrcnn.config import Config
from mrcnn.weight_file import opened, read_shapes

if TYPE_CHECKING:
    import keras

CONFIG, CLASS_NAMES = "config", "class_names"
BESIDE = "config.json"
ONNX = ".onnx"


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says about itself.

    Attributes:
        path: the file.
        config: settings of its model.
        class_names: background first, as many as `config.NUM_CLASSES`.
    """

    path: Path
    config: Config
    class_names: tuple[str, ...]

    def changed(self, **settings: Any) -> CheckpointInfo:
        """Return the same with some of the settings changed, e.g. `DETECTION_MIN_CONFIDENCE=0.3`."""
        return replace(self, config=Config.from_json(json.dumps(json.loads(self.config.to_json()) | settings)))


def save(model: keras.Model, path: str | Path, config: Config, class_names: Sequence[str]) -> None:
    """Write a checkpoint. A file that carries the name is whole: what is under way has another one.

    Args:
        model: of `config`, for training or inference.
        path: the .h5 file; an existing one is replaced, its folder is made.
        config: settings of the model.
        class_names: background first ("BG"; added where it is left out).

    Raises:
        UserError: the names do not fit the settings, or the file cannot be written.
    """
    from mrcnn import weights

    path = Path(path)
    names = naming.with_background(class_names, config.NUM_CLASSES, path)
    settings = _settings(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path.parent) as folder:
        unfinished = folder / path.name
        try:
            weights.save(model, unfinished)
            with h5py.File(unfinished, "a") as file:
                file.attrs[CONFIG] = settings
                file.attrs[CLASS_NAMES] = json.dumps(names)
            with unfinished.open("rb") as written:
                os.fsync(written.fileno())
            unfinished.replace(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error}); free some space or choose another place") from error


def _settings(config: Config) -> str:
    """The settings that every `Config` has; what else a subclass holds need not fit into a file."""
    known = {name: getattr(config, name) for name in Config().to_dict()}
    computed = ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE")
    body = {name: value for name, value in known.items() if name not in computed}
    plain: Config = type("Config", (Config,), body)()
    return plain.to_json()


def read(path: str | Path, class_names: str | Path | Sequence[str] | None = None) -> CheckpointInfo:
    """Read what a checkpoint says about itself, without its weights and without Keras.

    Args:
        path: an .h5 file, or an .onnx file that was exported from one.
        class_names: for a file that has none, see `class_names.given_names`; where the file has some, these replace
            them.

    Raises:
        UserError: the file cannot be read; is not a Mask R-CNN; its configuration belongs to another number of classes;
            or its class names are not known.
    """
    path = Path(path)
    if path.suffix == ONNX:
        return _read_exported(path, class_names)
    shapes = read_shapes(path)
    count = file_config.class_count(shapes, path)
    with opened(path) as file:
        stored = {name: file.attrs[name] for name in (CONFIG, CLASS_NAMES) if name in file.attrs}
    config = _config(stored.get(CONFIG), path) or file_config.config_of(shapes, path)
    if count != config.NUM_CLASSES:
        raise UserError(
            f"{path}: its configuration says {config.NUM_CLASSES} classes, its weights have {count}; "
            "one of the two belongs to another model"
        )
    return CheckpointInfo(path, config, _names(stored.get(CLASS_NAMES), class_names, config, path))


def _read_exported(path: Path, class_names: str | Path | Sequence[str] | None) -> CheckpointInfo:
    """Read what an exported file says about itself."""
    stored = exported_texts.read(path)
    config = _parsed(stored[onnx_names.CONFIG], path)
    return CheckpointInfo(path, config, _names(stored.get(onnx_names.CLASS_NAMES), class_names, config, path))


def _config(stored: Any, path: Path) -> Config | None:
    """Read the configuration from the file, or from the one beside it or beside its folder."""
    if stored is not None:
        return _parsed(stored, path)
    for folder in (path.parent, path.parent.parent):
        beside = folder / BESIDE
        if beside.is_file() and (folder == path.parent or path.parent.name == "checkpoints"):
            return _parsed(beside.read_text(encoding="utf-8"), beside)
    return None


def _parsed(stored: Any, path: Path) -> Config:
    known = Config().to_dict()
    try:
        text = stored.decode() if isinstance(stored, bytes) else str(stored)
        # A user's own settings, as subclasses of Config often have, build no model.
        return Config.from_json(json.dumps({name: value for name, value in json.loads(text).items() if name in known}))
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: its configuration cannot be read ({error}); expected what `Config.to_json` writes"
        ) from error


def _names(stored: Any, given: str | Path | Sequence[str] | None, config: Config, path: Path) -> tuple[str, ...]:
    if given is not None:
        return naming.with_background(naming.given_names(given), config.NUM_CLASSES, path)
    if stored is not None:
        try:
            names = json.loads(stored)
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}: its class names cannot be read ({error}); give them by hand") from error
        return naming.with_background(names, config.NUM_CLASSES, path)
    if config.NUM_CLASSES == len(naming.COCO) + 1:
        return (naming.BACKGROUND, *naming.COCO)
    raise UserError(
        f"{path}: carries no class names; it finds {config.NUM_CLASSES - 1} "
        f"class{'es' if config.NUM_CLASSES != 2 else ''} besides background: name them, "
        'e.g. --classes "BG,dog" (or a file with one name a line)'
    )


def open_model(
    source: str | Path | CheckpointInfo, settings: Mapping[str, Any] | None = None
) -> tuple[keras.Model, CheckpointInfo]:
    """Build the network for inference with a checkpoint's configuration and load its weights.

    Args:
        source: an .h5 file, or what `read` told about it.
        settings: settings to change, e.g. {"DETECTION_MIN_CONFIDENCE": 0.3}.

    Returns:
        The model and the checkpoint with the settings in force.

    Raises:
        UserError: as `read`; or the weights do not fit the configuration.
    """
    from mrcnn import from_config, network, weights

    info = source if isinstance(source, CheckpointInfo) else read(source)
    info = info.changed(**settings) if settings else info
    model = network.inference_model(from_config.architecture(info.config), from_config.selection(info.config))
    weights.load(model, info.path)
    return model, info
