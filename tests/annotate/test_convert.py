"""From labels to a dataset folder that pycocotools and `mrcnn` open."""

import json
from pathlib import Path

import label_files
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from annotate.convert import ConvertSettings, convert
from annotate.fitting import ClassRule
from annotate.reading import ReadSettings
from common.errors import UserError
from mrcnn.dataset_folder import FolderDataset

DIFFICULT = (
    "<object><name>dog</name><difficult>1</difficult>"
    "<bndbox><xmin>40</xmin><ymin>10</ymin><xmax>60</xmax><ymax>30</ymax></bndbox></object>"
)


@pytest.fixture
def labels(tmp_path):
    return label_files.labelled(
        tmp_path,
        {f"p{n}": [("cat", 10, 20, 30 + n, 40), *([DIFFICULT] if n % 2 else [])] for n in range(10)},
    )


def made(labels, tmp_path, **settings):
    converted = convert(labels, None, tmp_path / "set", ConvertSettings(**settings))
    return tmp_path / "set", converted


def test_the_folder_explains_itself(labels, tmp_path):
    folder, converted = made(labels, tmp_path, seed=4)
    about = json.loads((folder / "dataset.json").read_text())
    assert about == converted.about
    assert about["class_names"] == ["cat", "dog"] and about["seed"] == 4 and about["faults"] == {}
    assert about["splits"]["train"]["images"] + about["splits"]["val"]["images"] == 10
    assert about["split_rule"]["shares"] == {"train": 0.8, "val": 0.2}
    assert sorted(path.name for path in (folder / "images").iterdir()) == sorted(f"p{n}.jpg" for n in range(10))
    assert not (folder / "faults.txt").exists()


def test_the_same_labels_give_the_same_fingerprint_and_other_labels_another(labels, tmp_path):
    first = convert(labels, None, tmp_path / "one", ConvertSettings()).about["fingerprint"]
    assert convert(labels, None, tmp_path / "two", ConvertSettings()).about["fingerprint"] == first
    label_files.voc(labels / "p0.xml", [("cat", 11, 20, 30, 40)])
    assert convert(labels, None, tmp_path / "three", ConvertSettings()).about["fingerprint"] != first


def test_pycocotools_opens_it(labels, tmp_path):
    folder, _ = made(labels, tmp_path)
    boxes = {}
    for split in ("train", "val"):
        coco = COCO(str(folder / f"{split}.json"))
        for annotation in coco.dataset["annotations"]:
            name = coco.imgs[annotation["image_id"]]["file_name"]
            boxes.setdefault(name, []).append(annotation["bbox"])
            left, top, width, height = (int(side) for side in annotation["bbox"])
            mask = coco.annToMask(annotation)
            assert mask.sum() == width * height == annotation["area"]
            assert mask[top : top + height, left : left + width].all()
    assert boxes["p3.jpg"] == [[10, 20, 23, 20], [40, 10, 20, 20]]


def test_the_model_s_dataset_opens_it(labels, tmp_path):
    folder, _ = made(labels, tmp_path, difficult="ignore", shares={"train": 0.5, "val": 0.5})
    dataset = FolderDataset(folder, "train")
    assert dataset.class_names == ["BG", "cat", "dog"] and dataset.num_images == 5
    for image_id in dataset.image_ids:
        image, (masks, class_ids) = dataset.load_image(image_id), dataset.load_mask(image_id)
        assert image.shape == (60, 80, 3) and masks.shape == (60, 80, len(class_ids)) and masks.dtype == bool
        assert set(class_ids.tolist()) <= {1, -2}  # difficult dogs are crowds: neither hit nor miss
        objects = dataset.load_objects(image_id)
        np.testing.assert_array_equal(objects.class_id, np.abs(class_ids))
        np.testing.assert_array_equal(objects.data["crowd"], class_ids < 0)
        np.testing.assert_array_equal(np.asarray(objects.mask.to_dense()), masks.transpose(2, 0, 1))
        rows, columns = np.nonzero(masks[..., 0])
        np.testing.assert_array_equal(objects.xyxy[0], [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    with pytest.raises(UserError, match="no split 'test'"):
        FolderDataset(folder, "test")


def test_difficult_objects_are_dropped_on_request(labels, tmp_path):
    _, converted = made(labels, tmp_path, difficult="drop")
    assert [numbers["objects"]["dog"] for numbers in converted.about["splits"].values()] == [0, 0]


def test_faults_go_into_the_folder(labels, tmp_path):
    (labels / "p0.xml").write_text("<annotation>")
    folder, converted = made(labels, tmp_path)
    assert converted.about["faults"] == {"unreadable-labels": 1}
    assert "p0.xml:1: unreadable-labels" in (folder / "faults.txt").read_text()


def test_turned_pictures_are_written_upright(tmp_path):
    folder = label_files.labelled(tmp_path, {"a": [("dog", 1, 2, 30, 40)], "b": [("dog", 1, 2, 30, 40)]})
    label_files.picture(tmp_path / "images" / "a.jpg", size=(60, 80), orientation=6)
    made_folder, _ = made(folder, tmp_path, shares={"train": 0.5, "val": 0.5})
    for split in ("train", "val"):
        dataset = FolderDataset(made_folder, split)
        height, width = dataset.load_image(0).shape[:2]
        assert (height, width) == ((80, 60) if "a.jpg" in dataset.image_reference(0) else (60, 80))


@pytest.mark.parametrize("suffix", [".tga", ".qoi"])
def test_formats_that_opencv_does_not_know_are_read_by_the_model_s_dataset(tmp_path, suffix):
    folder = label_files.labelled(tmp_path, {"a": [("dog", 1, 2, 30, 40)], "b": [("dog", 1, 2, 30, 40)]})
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    (tmp_path / "images" / "a.jpg").unlink()
    Image.fromarray(pixels).save(tmp_path / "images" / f"a{suffix}")
    made_folder, _ = made(folder, tmp_path, shares={"train": 1.0})
    dataset = FolderDataset(made_folder, "train")
    (place,) = [each for each in dataset.image_ids if dataset.image_reference(each).endswith(suffix)]
    np.testing.assert_array_equal(dataset.load_image(place), pixels)


def test_nothing_usable_leaves_nothing(labels, tmp_path):
    settings = ConvertSettings(read=ReadSettings(rule=ClassRule(wanted=())))
    with pytest.raises(UserError, match="no labelled picture can be used"):
        convert(labels, None, tmp_path / "set", settings)
    assert not (tmp_path / "set").exists()
    made(labels, tmp_path)
    with pytest.raises(UserError, match="not empty"):
        made(labels, tmp_path)
    made(labels, tmp_path, overwrite=True)


def test_look_alikes_across_the_split_are_named_and_kept_together(tmp_path):
    objects = {f"p{n}": [("dog", 1, 2, 30, 40)] for n in range(8)}
    folder = label_files.labelled(tmp_path, objects)
    for n in range(4):  # each picture twice, the second with another header
        data = (tmp_path / "images" / f"p{n}.jpg").read_bytes()
        (tmp_path / "images" / f"p{n + 4}.jpg").write_bytes(data + b"\0")
    leaks = [convert(folder, None, tmp_path / f"s{seed}", ConvertSettings(seed=seed)).leaks for seed in range(3)]
    assert max(leaks) > 0
    for seed in range(3):
        settings = ConvertSettings(seed=seed, keep_together=True)
        assert not convert(folder, None, tmp_path / f"t{seed}", settings).leaks


def test_a_dataset_is_split_anew_and_its_clips_stay_whole(tmp_path):
    places = [f"{clip}/{number}.jpg" for clip in "abcdef" for number in range(3)]
    for seed, place in enumerate(places):
        label_files.picture(tmp_path / "images" / place, seed=seed)
        label_files.voc((tmp_path / "labels" / place).with_suffix(".xml"), [("dog", 1, 2, 30, 40)])
    by_folder = ReadSettings(group_by="folder")
    convert(tmp_path / "labels", None, tmp_path / "first", ConvertSettings(read=by_folder))
    clip_of = {path.read_bytes(): path.parent.name for path in (tmp_path / "images").rglob("*.jpg")}
    for seed in range(4):
        anew = tmp_path / f"anew{seed}"
        convert(tmp_path / "first", None, anew, ConvertSettings(shares={"train": 0.5, "val": 0.5}, seed=seed))
        clips = []
        for split in ("train", "val"):
            dataset = FolderDataset(anew, split)
            pictures = [Path(dataset.image_reference(each)).read_bytes() for each in dataset.image_ids]
            clips.append({clip_of[picture] for picture in pictures})
        assert [len(each) for each in clips] == [3, 3] and not clips[0] & clips[1]


@pytest.mark.parametrize("way", ["box", "grabcut"])
def test_one_pixel_at_every_corner_is_one_pixel_of_the_mask(tmp_path, way):
    corners = [(0, 0, 1, 1), (79, 0, 80, 1), (0, 59, 1, 60), (79, 59, 80, 60)]
    folder = label_files.labelled(tmp_path, {"a": [("dog", *box) for box in corners]})
    made_folder, _ = made(folder, tmp_path, shares={"train": 1.0}, masks=way)
    dataset = FolderDataset(made_folder, "train")
    masks, _ = dataset.load_mask(0)
    assert [tuple(np.argwhere(mask)[0][::-1]) for mask in masks.transpose(2, 0, 1)] == [box[:2] for box in corners]
    assert masks.sum() == 4 and len(dataset.load_crops(0)[0]) == 4


@pytest.mark.shared
def test_the_raccoon_set_converts_with_no_loss(tmp_path):
    source = Path(__file__).parents[3] / "shared" / "datasets" / "raccoon"
    if not source.is_dir():
        pytest.skip("needs ../shared")
    converted = convert(source / "annotations", source / "images", tmp_path / "set", ConvertSettings())
    splits = converted.about["splits"].values()
    assert sum(numbers["images"] for numbers in splits) == 200
    assert sum(numbers["objects"]["raccoon"] for numbers in splits) == 217
    assert {fault.kind for fault in converted.faults} == {"duplicate-image"}
