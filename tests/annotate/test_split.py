"""Splits: even by class, whole by clip, the same by seed."""

import shutil
from pathlib import Path

import label_files
import numpy as np
import pytest

from annotate.label_set import LabelledImage, objects_of
from annotate.near_duplicates import Leaks, across, alike, joined
from annotate.pictures import PictureFacts
from annotate.reading import read_labels
from annotate.split import parse_shares, split
from common import looks
from common.errors import UserError

CLASSES = ("cat", "dog")


def image(name, group, cats=0, dogs=0, perceptual=0):
    marks = {"segmentation": None, "difficult": False, "truncated": False, "crowd": False, "line": 0}
    rows = [{"box": (0, 0, 5, 5), "name": name_of, **marks} for name_of in ["cat"] * cats + ["dog"] * dogs]
    facts = PictureFacts(Path(name), (60, 80), (60, 80), perceptual=perceptual)
    return LabelledImage(facts, None, objects_of(rows, CLASSES), group)


def test_every_split_gets_its_share_of_every_class():
    images = [image(f"{n}", f"{n}", cats=1 + n % 3, dogs=int(n % 10 == 0)) for n in range(100)]
    parts = split(images, {"train": 0.7, "val": 0.2, "test": 0.1}, 2, seed=0)
    assert sorted(place for places in parts.values() for place in places) == list(range(100))
    cats = {name: sum(1 + place % 3 for place in places) for name, places in parts.items()}
    dogs = {name: sum(place % 10 == 0 for place in places) for name, places in parts.items()}
    assert dogs == {"train": 7, "val": 2, "test": 1}
    for name, share in (("train", 0.7), ("val", 0.2), ("test", 0.1)):
        assert abs(cats[name] / sum(cats.values()) - share) < 0.03
        assert abs(len(parts[name]) / 100 - share) < 0.04


def test_frames_of_one_clip_never_straddle():
    images = [image(f"{clip}@{n}", f"clip{clip}", dogs=1) for clip in range(12) for n in range(clip + 1)]
    parts = split(images, {"train": 0.8, "val": 0.2}, 2, seed=3)
    groups = {name: {images[place].group for place in places} for name, places in parts.items()}
    assert not groups["train"] & groups["val"] and len(groups["train"] | groups["val"]) == 12
    assert abs(len(parts["val"]) / len(images) - 0.2) < 0.08


def test_a_seed_says_it_all():
    images = [image(f"{n}", f"{n}", cats=1) for n in range(50)]
    shares = {"train": 0.8, "val": 0.2}
    assert split(images, shares, 2, seed=1) == split(images, shares, 2, seed=1)
    assert split(images, shares, 2, seed=1) != split(images, shares, 2, seed=2)


def test_no_split_is_empty():
    images = [image("big", "big", cats=50), image("a", "a", cats=1), image("b", "b", cats=1)]
    parts = split(images, {"train": 0.8, "val": 0.1, "test": 0.1}, 2, seed=0)
    assert all(parts.values())
    with pytest.raises(UserError, match=r"3 groups .* 4 parts"):
        split(images, {"train": 0.7, "val": 0.1, "test": 0.1, "more": 0.1}, 2, seed=0)


def test_shares_are_read():
    assert parse_shares("train=0.7, val=0.3") == {"train": 0.7, "val": 0.3}
    for wrong in ("train", "train=x", "train=0.5,val=0.2", "val=1", "train=1.5,val=-0.5", "=1", "train=nan"):
        with pytest.raises(UserError, match="--split"):
            parse_shares(wrong)


@pytest.mark.parametrize("text", ["train=0.8,dataset=0.2", "train=0.5,val=0.3,val=0.5", "train=0.5,Train=0.5"])
def test_no_split_is_written_over(text):
    with pytest.raises(UserError, match="cannot name a split"):
        parse_shares(text)


def test_pictures_that_look_alike_on_both_sides_are_named():
    hashes = [0b0, 0b111, 0xFFFF, 0xFFFE]  # 3 bits apart, far from both, 1 bit apart
    images = [image(f"{n}", f"{n}", perceptual=number) for n, number in enumerate(hashes)]
    found = [(place, earlier.tolist(), bits.tolist()) for place, earlier, bits in alike(np.array(hashes, np.uint64))]
    assert found == [(1, [0], [3]), (3, [2], [1])]
    leaks = across(images, {"train": [0, 2], "val": [1, 3]})
    assert leaks.count == 2
    assert [(first.path.name, second.path.name, bits) for first, second, bits in leaks.nearest] == [
        ("2", "3", 1),
        ("0", "1", 3),
    ]
    assert across(images, {"train": [0, 1], "val": [2, 3]}) == Leaks(0, ())
    assert joined(images) == ["0", "0", "2", "2"]


def test_look_alikes_are_those_that_comparing_all_would_give(monkeypatch):
    monkeypatch.setattr(looks, "_UNSORTED", 300)  # as many are compared one by one
    random = np.random.default_rng(2)
    hashes = random.integers(0, 2**64, 1500, np.uint64)
    hashes[1000:] = hashes[:500] ^ (np.uint64(1) << random.integers(0, 64, 500, np.uint64))
    hashes[50:100] = hashes[0] ^ np.arange(50, dtype=np.uint64)
    found = [
        (place, *pair) for place, *both in alike(hashes) for pair in zip(*map(np.ndarray.tolist, both), strict=True)
    ]
    differing = np.bitwise_count(hashes[:, None] ^ hashes[None])
    later, earlier = np.nonzero(np.tril(differing <= 6, -1))
    assert found == [*zip(later.tolist(), earlier.tolist(), differing[later, earlier].tolist(), strict=True)]


def test_frames_of_one_scene_are_many_pairs_and_few_words():
    count = 1000
    scene = 0xFACE ^ (1 << np.arange(count, dtype=np.uint64) % 64)
    images = [image(f"{n:05}", f"{n:05}", perceptual=int(number)) for n, number in enumerate(scene)]
    places = range(count)
    leaks = across(images, {"train": places[::2], "val": places[1::2]})
    assert leaks.count == (count // 2) ** 2
    assert [(first.path.name, second.path.name, bits) for first, second, bits in leaks.nearest] == [
        ("00000", "00001", 2),
        ("00000", "00003", 2),
        ("00000", "00005", 2),
    ]
    assert set(joined(images)) == {"00000"}


def test_clips_that_share_a_picture_land_in_one_split(tmp_path):
    dog = [("dog", 10, 20, 30, 40)]
    names = [f"{clip}@{second}" for clip in ("a", "b", "c", "d", "e") for second in (1, 2)]
    folder = label_files.labelled(tmp_path, dict.fromkeys(names, dog))
    for copy, original in (("b@1", "a@2"), ("c@1", "b@2")):
        shutil.copy(tmp_path / "images" / f"{original}.jpg", tmp_path / "images" / f"{copy}.jpg")
    images = read_labels(folder).images
    for seed in range(10):
        parts = split(images, {"train": 0.5, "val": 0.5}, 1, seed)
        clips = {name: {images[place].path.stem[0] for place in places} for name, places in parts.items()}
        assert sorted(map(len, clips.values())) == [2, 3] and {"a", "b", "c"} in clips.values()
