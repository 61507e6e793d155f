"""What a made set holds, counted while it is made, told to people (README.txt) and programs (made.json)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

VERSION = 1  # of the drawing: another number may mean other pixels for the same seed

MEANING = {
    "clown": "the head of a clown: face, hair or wig, hat",
    "nface": "the head of somebody who is no clown: face, hair, hat; a coloured wig alone makes no clown",
    "color": "a coloured ball, balloon or pompon: looks like a nose or a wig, belongs to no face",
    "person": "a whole person, clown or not: body, clothes and head with hair and hat; without the ball it holds",
}


@dataclass
class Facts:
    """Counts of one set.

    Attributes:
        seed: of the set.
        count: of pictures.
        videos: how many.
        size: (height, width).
        classes: names.
        labelled: objects by class.
        ignored: objects too small or too hidden for a label, by class.
        empty: pictures without a labelled object.
        heights: height of each labelled object's box by class, as share of the picture's height.
        visible: visible share of each labelled object.
        truncated: labelled objects that the picture's edge cuts.
    """

    seed: int
    count: int
    videos: int
    size: tuple[int, int]
    classes: Sequence[str]
    labelled: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    heights: dict[str, list[float]] = field(default_factory=dict)
    visible: list[float] = field(default_factory=list)
    truncated: int = 0

    def add(self, records: Sequence[dict[str, Any]]) -> None:
        """Count one picture's COCO annotations."""
        kept = [record for record in records if not record["iscrowd"]]
        self.empty += not kept
        for record in records:
            name = self.classes[record["category_id"] - 1]
            (self.ignored if record["iscrowd"] else self.labelled)[name] += 1
        for record in kept:
            name = self.classes[record["category_id"] - 1]
            self.heights.setdefault(name, []).append(record["bbox"][3] / self.size[0])
            self.visible.append(record["visible"])
            self.truncated += record["truncated"]

    def info(self) -> dict[str, Any]:
        """Return the "info" of the COCO file."""
        return {"description": "Made pictures of clowns, plain people and balls", "version": str(VERSION), "year": 0}

    def as_json(self) -> dict[str, Any]:
        """Return everything for made.json."""
        heights = {
            name: [round(float(share), 3) for share in np.percentile(values, (5, 50, 95))]
            for name in self.classes
            if (values := self.heights.get(name))
        }
        seen = np.array(self.visible)
        return {
            "made_by": "python -m data demo",
            "version": VERSION,
            "seed": self.seed,
            "pictures": self.count,
            "videos": self.videos,
            "width": self.size[1],
            "height": self.size[0],
            "classes": {name: MEANING[name] for name in self.classes},
            "labelled": {name: self.labelled[name] for name in self.classes},
            "ignored": {name: self.ignored[name] for name in self.classes},
            "pictures_without_objects": self.empty,
            "truncated": self.truncated,
            "visible_below_0.4": int((seen < 0.4).sum()),
            "visible_below_0.8": int((seen < 0.8).sum()),
            "box_height_5_50_95_percent": heights,
        }

    def text(self) -> str:
        """Return README.txt."""
        facts = self.as_json()
        rows = [
            f"  {name:8} {facts['labelled'][name]:6}   {facts['ignored'][name]:6}   {MEANING[name]}"
            for name in self.classes
        ]
        numbers = " and ".join(
            f"{number} {name}{'' if number == 1 else 's'}"
            for name, number in (("picture", self.count), ("video", self.videos))
        )
        return TEXT.format(rows="\n".join(rows), numbers=numbers, **facts)


TEXT = """A made set: every picture is drawn, so that its truth is exact. Version {version}, seed {seed}.

{numbers} of {width}x{height}.
{pictures_without_objects} pictures show nothing that is labelled.

  class    labelled  ignored   what it is
{rows}

images/          the pictures
annotations/     PASCAL VOC XML, one file a picture, as LabelImg writes it
masks.json       COCO: boxes and masks of the visible pixels, beside "visible" (share of the whole object that can be
                 seen) and "truncated" (the picture's edge cuts it)
videos/          NAME.mp4 with sound, NAME.truth.jsonl: one line a frame, objects with tracks; the score of an object is
                 its visible share
made.json        the numbers above and more

Labelled is whatever shows at least 20 % of itself and 8 pixels a side, and a person near the camera that fills 3 % of
the picture though its body is mostly outside. The rest is "ignored": in masks.json with "iscrowd" 1, which measures
and training pass over, and not in the XML. "difficult" in the XML: less than 40 % visible (such a person excepted).
A mask is what can be seen: pixels that something hides belong to what hides them. Boxes are the extents of the masks.
"""
