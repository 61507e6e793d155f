"""Pictures of every kind that people label: deep, printed, turned, hidden, with names of every script."""

import warnings

import label_files
import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from annotate import stats, view
from annotate.convert import ConvertSettings, convert
from annotate.pictures import examine, examine_one, read_pixels
from annotate.reading import ReadSettings, read_labels
from mrcnn.dataset_folder import FolderDataset

DOG = [("dog", 10, 5, 50, 30)]


def squares(seed=0):
    """(60, 80, 3) uint8: large squares, one colour each."""
    return np.random.default_rng(seed).integers(0, 255, (3, 4, 3), np.uint8).repeat(20, axis=0).repeat(20, axis=1)


def test_printers_colours_and_deep_pictures_become_a_dataset(tmp_path):
    """What `infer` refuses to write back the loader of datasets takes, and so does everything before it."""
    images = tmp_path / "images"
    images.mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(squares(1)).convert("CMYK").save(images / "printed.jpg", quality=95, exif=turned)
    deep = squares(2)[..., 0].astype(np.uint16) * 256
    Image.fromarray(deep).save(images / "deep.png")
    label_files.voc(tmp_path / "labels" / "printed.xml", DOG, (80, 60))
    label_files.voc(tmp_path / "labels" / "deep.xml", DOG)
    assert np.abs(read_pixels(images / "deep.png") - (deep >> 8)[..., None].astype(int)).max() <= 1
    made = convert(tmp_path / "labels", None, tmp_path / "set", ConvertSettings(masks="grabcut"))
    assert made.faults == ()
    for split in ("train", "val"):
        dataset = FolderDataset(tmp_path / "set", split)
        expected = read_pixels(images / dataset.image_info[0]["path"].rsplit("/", 1)[1])
        assert np.abs(dataset.load_image(0).astype(int) - expected).mean() < 3
    assert view.sheet(read_labels(tmp_path / "set"), [0, 1]).std() > 20


def test_deep_pictures_look_like_their_shallow_ones(tmp_path):
    label_files.picture(tmp_path / "a.png", seed=3)
    grey = np.array(Image.open(tmp_path / "a.png").convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 256).save(tmp_path / "deep.png")
    other, deep = (examine_one(tmp_path / name).perceptual for name in ("a.png", "deep.png"))
    assert (other ^ deep).bit_count() <= 4


def test_what_programs_leave_behind_is_no_label_and_no_picture(tmp_path):
    folder = label_files.labelled(tmp_path, {"a": DOG, "b": DOG})
    label_files.picture(tmp_path / "images" / "empty.jpg", seed=9)
    for place in ("labels/._a.xml", "labels/__MACOSX/c.xml", "labels/.ipynb_checkpoints/a-checkpoint.xml"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"\0\5\x16\7")
    label_files.picture(tmp_path / "images" / ".ipynb_checkpoints" / "a-checkpoint.jpg")
    labels = read_labels(folder, settings=ReadSettings(negatives=True))
    assert (len(labels.images), labels.faults) == (3, ())


def test_a_photograph_in_heic_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("annotate.pictures.register_heif", lambda: False)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    assert "pip install pillow-heif" in examine_one(tmp_path / "a.heic").problem


def test_large_photographs_raise_no_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)  # of 80 x 60
    label_files.picture(tmp_path / "a.jpg")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [facts.problem for facts in examine([tmp_path / "a.jpg"])] == [""]
    assert not caught


@pytest.mark.parametrize("which", ["class", "file"])
def test_a_sheet_shows_names_of_other_scripts(tmp_path, which):
    pages = []
    for name in ("Größä", "Größü"):
        folder = tmp_path / name
        stem, class_name = (name, "dog") if which == "file" else ("a", name)
        label_files.labelled(folder, {stem: [(class_name, *DOG[0][1:])]})
        pages.append(view.sheet(read_labels(folder / "labels"), [0]))
    assert (pages[0] != pages[1]).any()


def test_long_and_thin_boxes_are_counted_in_the_plot(tmp_path, monkeypatch):
    label_files.picture(tmp_path / "images" / "a.jpg", (20, 400))
    label_files.voc(tmp_path / "labels" / "a.xml", [("猫", 0, 0, 400, 10)], (20, 400))
    drawn, hist = [], Axes.hist
    monkeypatch.setattr(Axes, "hist", lambda *args, **flags: drawn.append(hist(*args, **flags)) or drawn[-1])
    stats.plot(tmp_path / "stats.png", read_labels(tmp_path / "labels"), {})  # no warning of a glyph either
    assert drawn[0][0].sum() == 1
