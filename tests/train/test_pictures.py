"""What is wrong with a dataset is found before the first step, all of it at once."""

import json
from pathlib import Path

import pytest
from PIL import Image
from shapes_folder import write_folder

from common.errors import UserError
from train import pictures, preparation
from train.settings import resolve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data", train=6, val=3)


def test_pictures_and_objects_are_counted(folder: Path) -> None:
    learnt, validated = pictures.open_pictures(folder)
    assert validated is not None
    about = json.loads((folder / "dataset.json").read_text())
    assert learnt.counts() == about["splits"]["train"]["objects"]
    assert validated.counts() == about["splits"]["val"]["objects"]
    assert pictures.look(learnt, validated) == pictures.Look()
    assert len(learnt.spread(4).ids) == 4 and len(set(learnt.spread(4).ids)) == 4
    assert learnt.spread(40) is learnt


def test_only_some_classes_count(folder: Path) -> None:
    learnt, _ = pictures.open_pictures(folder, classes=["disc"])
    assert list(learnt.counts()) == ["disc"]
    assert learnt.dataset.load_objects(0).class_id.tolist() in ([], [1], [1, 1], [1, 1, 1])
    with pytest.raises(UserError, match="has no class clown; it has square, disc"):
        pictures.open_pictures(folder, classes=["clown"])


def test_few_pictures_to_learn_by_heart_are_validated_on_themselves(folder: Path) -> None:
    learnt, validated = pictures.open_pictures(folder, overfit=2)
    assert learnt is validated and len(learnt.ids) == 2 == learnt.with_objects


def test_every_fault_is_in_one_list(folder: Path) -> None:
    images = folder / "images"
    (images / "train_0.png").unlink()
    data = (images / "train_1.png").read_bytes()
    (images / "train_1.png").write_bytes(data[: len(data) // 2])
    Image.new("RGB", (32, 64)).save(images / "train_2.png")
    content = json.loads((folder / "val.json").read_text())
    content["annotations"][0]["bbox"][2] = 0.0
    content["annotations"][-1]["segmentation"] = {"size": [64, 64]}
    (folder / "val.json").write_text(json.dumps(content))
    found = pictures.look(*pictures.open_pictures(folder)).faults
    assert len(found) == 5
    for fault, (name, reason) in zip(
        found,
        [
            ("train_0", "missing"),
            ("train_1", "cannot be decoded"),
            ("train_2", "has 32x64 pixels, its labels 64x64"),
            ("val_0", "object 1 has no area"),
            ("val_2", "its labels cannot be read"),
        ],
        strict=True,
    ):
        assert name in fault and reason in fault


def test_a_mask_without_a_pixel_is_said_before_it_is_passed_over(folder: Path) -> None:
    content = json.loads((folder / "train.json").read_text())
    first, second, third = content["annotations"][:3]
    for entry in (first, second, third):
        entry["segmentation"] = {"size": [64, 64], "counts": [64 * 64]}
    third["iscrowd"] = 1
    (folder / "train.json").write_text(json.dumps(content))
    seen = pictures.look(*pictures.open_pictures(folder))
    assert seen.faults == () and len(seen.bare) == 2
    settings = resolve({"data": folder, "epochs": 1, "preset": "small"})
    (line,) = (each for each in preparation.prepare(settings).lines if "without a pixel" in each)
    assert line.startswith("warning: 2 objects have a box and a mask without a pixel, the first is object 1 of ")


def test_what_will_show_in_the_result_is_said(folder: Path) -> None:
    for split in ("train", "val"):
        content = json.loads((folder / f"{split}.json").read_text())
        content["annotations"] = [entry for entry in content["annotations"] if entry["category_id"] == 2]
        (folder / f"{split}.json").write_text(json.dumps(content))
    learnt, validated = pictures.open_pictures(folder)
    said = "\n".join(pictures.warnings(learnt, validated))
    assert "no picture of train shows square: it cannot be learnt" in said
    assert "no picture of val shows square" in said
    assert "nothing is validated" in "\n".join(pictures.warnings(learnt, None))
    empty = len(learnt.ids) - learnt.with_objects
    assert empty and f"{empty} pictures of train show nothing and are left out" in said
    assert "left out" not in "\n".join(pictures.warnings(learnt, validated, negatives=True))


def test_nothing_to_learn_is_an_error(folder: Path) -> None:
    (folder / "train.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    with pytest.raises(UserError, match="no picture of train shows any of square, disc"):
        pictures.open_pictures(folder)
    about = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**about, "splits": {"val": {}}}))
    with pytest.raises(UserError, match="has no split 'train', only val"):
        pictures.open_pictures(folder)
