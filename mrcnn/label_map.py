"""Label maps: which number a TensorFlow Object Detection API model gives to which class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from mrcnn.class_names import BACKGROUNDS, COCO, given_names

SUFFIX = ".pbtxt"

# The COCO data set numbers its eighty classes from 1 to 90: ten that were planned have no pictures.
_COCO_HOLES = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
COCO_NUMBERS = 90
COCO_LABELS: Mapping[int, str] = dict(
    zip((number for number in range(1, COCO_NUMBERS + 1) if number not in _COCO_HOLES), COCO, strict=True)
)


def read_labels(given: str | Path | Sequence[str]) -> dict[int, str]:
    """Read what a user gives as class names of a graph.

    Args:
        given: a label map (.pbtxt), or names as `class_names.given_names` takes them, which count from 1.

    Returns:
        Number to name, numbers rising. Several numbers may have one name.

    Raises:
        UserError: the file cannot be read, or names no class.
    """
    if isinstance(given, str | Path) and Path(given).suffix.lower() == SUFFIX:
        return read_label_map(Path(given))
    names = given_names(given)
    return dict(enumerate(names[1:] if names[0].casefold() in BACKGROUNDS else names, 1))


def read_label_map(path: Path) -> dict[int, str]:
    """Read a label map, a text of items: `item { id: 3 name: "/m/0k4j" display_name: "car" }`.

    The name that people read counts, `display_name`, where there is one. Numbers may have holes between them; an item
    for the background (0) is left out. Other fields, keypoints for example, are passed over.

    Raises:
        UserError: the file cannot be read, is not of that form, or names no class; the message names the place.
    """
    from google.protobuf import text_format  # type: ignore[import-untyped]

    try:
        text = path.read_text(encoding="utf-8-sig")
        items = text_format.Parse(text, _empty_label_map(), allow_unknown_field=True).item
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a label map ({error}); give a text of items") from error
    except text_format.ParseError as error:
        raise UserError(
            f'{path}: not a label map, at line:column {error}; expected items such as item {{ id: 1 name: "dog" }}'
        ) from error
    labels: dict[int, str] = {}
    for item in items:
        name = (item.display_name or item.name).strip()
        if item.id == 0 and (not name or name.casefold() in BACKGROUNDS):
            continue
        if item.id < 1 or not name:
            raise UserError(
                f"{path}: an item has the id {item.id} and the name {name!r}; expected an id from 1, a name"
            )
        if item.id in labels:
            raise UserError(f"{path}: the id {item.id} comes twice ({labels[item.id]}, {name}); give each id once")
        labels[item.id] = name
    if not labels:
        raise UserError(f"{path}: names no class; expected items such as item {{ id: 1 name: 'dog' }}")
    return dict(sorted(labels.items()))


def _empty_label_map() -> Any:
    """Return an empty message of the API's `StringIntLabelMap`, as far as it is needed, made without its package."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="label_map.proto", package="label_map", syntax="proto2")
    item = file.message_type.add(name="Item")
    for number, (name, kind) in enumerate(
        (("name", field.TYPE_STRING), ("id", field.TYPE_INT32), ("display_name", field.TYPE_STRING)), 1
    ):
        item.field.add(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
    whole = file.message_type.add(name="LabelMap")
    whole.field.add(
        name="item", number=1, type=field.TYPE_MESSAGE, label=field.LABEL_REPEATED, type_name=".label_map.Item"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("label_map.LabelMap"))()
