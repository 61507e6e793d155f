"""The texts that an exported ONNX file carries: settings, class names, thresholds; read without a runtime."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from common.errors import UserError
from mrcnn import onnx_names


def read(path: Path) -> dict[str, str]:
    """Return the texts by name, see `onnx_names`.

    Raises:
        UserError: no such file, no ONNX file, or not one of ours.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; export a checkpoint first")
    state = path.stat()
    return dict(_read(path, state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=4)  # asked for by several on the way to one session, each time the whole file is parsed
def _read(path: Path, _changed: int, _size: int) -> dict[str, str]:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        stored = {entry.key: entry.value for entry in onnx.load(str(path), load_external_data=False).metadata_props}
    except (OSError, DecodeError) as error:
        raise UserError(f"{path}: cannot be read as an ONNX file ({error}); export the checkpoint again") from error
    if onnx_names.CONFIG not in stored:
        raise UserError(f"{path}: an ONNX file, but not one that `python -m infer export` wrote; export the checkpoint")
    return stored
