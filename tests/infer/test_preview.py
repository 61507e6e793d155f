import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from infer.preview import CAPTION, CELL, GAP, PreviewCollector


def picture(level, size=(36, 64)):
    return np.full((*size, 3), level, np.uint8)


def collect(frames, size=(36, 64), **options):
    collector = PreviewCollector(**options)
    for index in range(frames):
        if collector.wants(index):
            collector.add(index, index / 25, picture(200, size), picture(50, size))
    return collector


@pytest.mark.parametrize("hint", [None, 1000, 100, 8000, 5])
def test_frames_are_chosen_evenly_whatever_is_known_of_the_length(hint):
    chosen = list(collect(1000, count=8, total_hint=hint).pairs())
    assert len(chosen) == 8
    assert chosen[0] == 0 and chosen[-1] >= 800
    assert max(np.diff(chosen)) <= 2 * min(np.diff(chosen))


def test_a_short_clip_gives_all_it_has():
    assert list(collect(3, count=8).pairs()) == [0, 1, 2]
    assert list(collect(1, count=1).pairs()) == [0]


def test_memory_is_bounded():
    collector = PreviewCollector(count=4)
    taken = 0
    for index in range(100_000):
        if collector.wants(index):
            collector.add(index, index, picture(1), picture(2))
            taken += 1
            assert len(collector._even) <= 8
    assert taken < 100
    assert next(iter(collector._even.values())).after.size < 64 * 36 * 3 + 1


def test_wanted_frames_are_there_with_their_reason():
    collector = collect(1000, count=2, wanted={333: "appears in mid-picture", 5000: "never comes"})
    pairs = collector.pairs()
    assert pairs[333].reason == "appears in mid-picture"
    assert len(pairs) == 3
    assert list(collector.thumbnails()) == [333]
    assert collector.thumbnails()[333].startswith(b"\xff\xd8")


def test_the_sheet_has_before_above_after(tmp_path):
    path = tmp_path / "sheet.png.part"
    assert collect(20, count=8).write(path) == 8
    sheet = np.asarray(Image.open(path))
    assert sheet.shape[1] <= 1600
    top = 2 * CAPTION
    assert (sheet[top : top + 36, GAP : GAP + 64] == 200).all()
    assert (sheet[top + 38 : top + 74, GAP : GAP + 64] == 50).all()
    with pytest.raises(UserError, match="--overwrite"):
        collect(20, count=8).write(path)
    # Captions are written in something else than the background.
    assert sheet[:CAPTION].std() > 5


@pytest.mark.parametrize(
    ("size", "aspect", "shape"),
    [
        ((360, 640), 1.0, (220, CELL)),
        ((640, 360), 1.0, (CELL, 220)),
        ((576, 720), 64 / 45, (220, CELL)),
        ((20, 30), 1.0, (20, 30)),
    ],
)
def test_pictures_keep_their_shape(tmp_path, size, aspect, shape):
    collector = collect(9, size, count=8, pixel_aspect=aspect)
    height, width = collector.pairs()[0].after.shape[:2]
    assert abs(height - shape[0]) <= 1 and abs(width - shape[1]) <= 1
    collector.write(tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").width <= 1600


def test_the_source_is_on_no_sheet_that_nobody_asked_for(tmp_path):
    collector = PreviewCollector(count=0, wanted={3: "weak"})
    assert not collector.wants(0)
    collector.add(3, 0.1, None, picture(50))
    assert list(collector.thumbnails()) == [3]
    assert collector.write(tmp_path / "sheet.png") == 0


def test_a_long_reason_is_cut_to_its_cell(tmp_path):
    collector = collect(5, (90, 160), count=4, wanted={2: "followed for a very long time without any sighting " * 5})
    assert collector.write(tmp_path / "sheet.png") >= 4
