"""A set of pictures with masks, as code for the original subclasses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image


class Dataset:
    """Lists classes and pictures; a subclass says how a mask is loaded.

    Call `add_class` and `add_image`, then `prepare`. Class 0 is the background, "BG".

    Attributes:
        image_info: one dictionary a picture: id, source, path and what else `add_image` was given.
        class_info: one dictionary a class: source, id, name.

    Source: original `utils.Dataset`.
    """

    def __init__(self, class_map: Any = None) -> None:
        self._image_ids: Any = []
        self.image_info: list[dict[str, Any]] = []
        self.class_info: list[dict[str, Any]] = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids: dict[str, list[int]] = {}

    def add_class(self, source: str, class_id: int, class_name: str) -> None:
        """List a class; one that is listed already is left out.

        Raises:
            ValueError: the source's name holds a dot.
        """
        if "." in source:
            raise ValueError(f"the source {source!r} holds a dot; give it a name without")
        if not any(info["source"] == source and info["id"] == class_id for info in self.class_info):
            self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source: str, image_id: Any, path: Any, **kwargs: Any) -> None:
        """List a picture, with anything that helps to load its masks."""
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def append_data(self, class_info: Sequence[dict[str, Any]], image_info: Sequence[dict[str, Any]]) -> None:
        """List classes and pictures of another set."""
        self.class_info.extend(class_info)
        self.image_info.extend(image_info)

    def image_reference(self, image_id: int) -> str:
        """Return a link or path that helps a person to find the picture; subclasses say which."""
        return ""

    def prepare(self, class_map: Any = None) -> None:
        """Number classes and pictures; call it when all are added."""
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [info["name"].split(",")[0] for info in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = {
            f"{info['source']}.{info['id']}": number for number, info in enumerate(self.class_info)
        }
        self.image_from_source_map = {
            f"{info['source']}.{info['id']}": number for number, info in enumerate(self.image_info)
        }
        self.sources = sorted({info["source"] for info in self.class_info})
        self.source_class_ids = {
            source: [number for number, info in enumerate(self.class_info) if number == 0 or info["source"] == source]
            for source in self.sources
        }

    def map_source_class_id(self, source_class_id: str) -> int:
        """Return our number of "source.id"."""
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id: int, source: str) -> int:
        """Return the source's number of our class.

        Raises:
            ValueError: the class is another source's.
        """
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(f"class {class_id} is of the source {info['source']!r}, not {source!r}")
        return info["id"]

    @property
    def image_ids(self) -> Any:
        """(num_images,) int, our numbers of the pictures."""
        return self._image_ids

    def source_image_link(self, image_id: int) -> Any:
        """Return the path or URL of a picture."""
        return self.image_info[image_id]["path"]

    def load_image(self, image_id: int) -> np.ndarray:
        """Return a picture as (H, W, 3) uint8 RGB."""
        with Image.open(self.image_info[image_id]["path"]) as picture:
            return np.asarray(picture.convert("RGB"))

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Return masks (H, W, N) bool and class ids (N,) int32; subclasses say how, here there are none."""
        return np.empty([0, 0, 0]), np.empty([0], np.int32)
