"""The network as one ONNX graph in ONNX Runtime, beside the original's numbers and beside Keras."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from mrcnn_goldens import share_found, stored, unpacked
from small_networks import draw_weights
from tiny_learner import TinyConfig

from common.errors import UserError
from common.onnx_runtime import load
from mrcnn import boxes, from_config, network, onnx_names, picture_meta, postprocess, preprocess
from mrcnn.anchors import normalized_anchors
from mrcnn.config import Config
from mrcnn.onnx_engine import OnnxEngine
from mrcnn.onnx_export.network import to_onnx
from mrcnn.onnx_export.selection import AnchorNumbers

MEAN = (123.7, 116.8, 103.9)
ANCHORS = AnchorNumbers((32, 64, 128, 256, 512), (0.5, 1, 2), (4, 8, 16, 32, 64), 1)
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def golden_engine(model: keras.Model, path: Path, standard: bool) -> OnnxEngine:
    architecture = network.Architecture(num_classes=4, backbone="resnet50")
    metadata = {onnx_names.CONFIG: Config().to_json()}
    graph = to_onnx(model, architecture, network.Selection(), ANCHORS, standard=standard, metadata=metadata)
    path.write_bytes(graph.SerializeToString())
    return OnnxEngine(path, "cpu")


def assert_same_objects(
    detections: np.ndarray, masks: np.ndarray, meta: np.ndarray, golden: dict[str, np.ndarray], prefix: str
) -> None:
    """Same class, sides within 2 pixels, score within 0.01 for 97 % in both directions; masks overlap by 0.98."""
    fields = {name: value[0].astype(int).tolist() for name, value in picture_meta.parse(meta[None]).items()}
    size, molded = (tuple(fields[name][:2]) for name in ("original_image_shape", "image_shape"))
    corners, places = postprocess.boxes_in_picture(detections, fields["window"], molded, size)
    class_ids, scores = detections[places, 4].astype(int), detections[places, 5]
    theirs = tuple(golden[f"{prefix}{name}"] for name in ("rois", "scores", "class_ids"))
    assert share_found(corners, scores, class_ids, theirs) >= 0.97
    assert share_found(*theirs, (corners, scores, class_ids)) >= 0.97
    drawn = postprocess.full_masks(masks[places], corners, size, "constant")
    golden_masks = unpacked(golden, f"{prefix}masks")
    for index, (box, class_id) in enumerate(zip(corners, class_ids, strict=True)):
        distance = np.abs(theirs[0] - box).max(axis=1) + 1000 * (theirs[2] != class_id)
        if distance.min() <= 2:
            one, two = drawn[..., index], golden_masks[..., int(distance.argmin())]
            assert (one & two).sum() >= 0.98 * (one | two).sum()


@pytest.mark.shared
def test_a_batch_of_two_is_the_originals(small_network: keras.Model, tmp_path: Path) -> None:
    engine = golden_engine(small_network, tmp_path / "small.onnx", standard=False)
    rows = [stored(f"small_infer_{photo}") for photo in (0, 1)]
    molded, metas = (np.stack([row[name] for row in rows]).astype(np.float32) for name in ("molded", "image_meta"))
    detections, masks = engine(molded, metas)
    assert detections.shape == (2, 100, 6)
    assert masks.shape == (2, 58, 28, 28)  # as many as the first photograph has; the second has 54
    for photo in (0, 1):
        assert_same_objects(
            detections[photo], masks[photo], metas[photo], stored("small_infer_variants"), f"batch2_{photo}_"
        )


@pytest.mark.shared
def test_other_sizes_and_operators_are_the_originals(small_network: keras.Model, tmp_path: Path) -> None:
    engine = golden_engine(small_network, tmp_path / "small.onnx", standard=True)
    image = stored("small_infer_0")["image"]
    molded, placement = preprocess.resize_image(image, 256, 256, mode="pad64", border="constant")
    meta = picture_meta.compose(0, image.shape, molded.shape, placement.window, placement.scale, [0, 0, 0, 0])
    detections, masks = engine(preprocess.subtract_mean(molded, MEAN)[None], meta[None])
    assert_same_objects(detections[0], masks[0], meta, stored("small_infer_variants"), "pad64_0_")


CONFIG = TinyConfig()
TINY, FEW = from_config.architecture(CONFIG), from_config.selection(CONFIG)
FEW = replace(FEW, min_confidence=0.34, max_instances=20)
ROWS = AnchorNumbers((8, 16, 32, 64, 128), (1,), (4, 8, 16, 32, 64), 1)


@pytest.fixture(scope="module")
def tiny() -> keras.Model:
    model = network.inference_model(TINY, FEW)
    draw_weights(model, 3)
    for layer in model.layers:  # scores far from each other, so that no rounding turns their order
        if layer.name in ("mrcnn_class_logits", "mrcnn_bbox_fc", "rpn_model"):
            layer.set_weights([4 * weight for weight in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def tiny_file(tiny: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = to_onnx(tiny, TINY, FEW, ROWS, metadata={onnx_names.CONFIG: Config().to_json()})
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    path.write_bytes(graph.SerializeToString())
    return path


def inputs(count: int, height: int, width: int, window: tuple[int, int, int, int] | None = None) -> list[np.ndarray]:
    """Pictures of noise, their meta and their anchors."""
    dice = np.random.default_rng(5)
    pictures = dice.uniform(-120, 130, (count, height, width, 3)).astype(np.float32)
    meta = picture_meta.compose(
        0, (height, width, 3), (height, width, 3), window or (0, 0, height, width), 1.0, [0, 0, 0]
    )
    laid = normalized_anchors((height, width), ROWS.scales, ROWS.ratios, ROWS.strides)
    return [pictures, np.tile(meta.astype(np.float32), (count, 1)), np.tile(laid, (count, 1, 1))]


def test_it_answers_like_keras(tiny: keras.Model, tiny_file: Path) -> None:
    """Sizes and numbers of pictures are free; boxes end at the window.

    As sets, and all but a few: of a box that ends on the picture's edge the last bit decides what is read there.
    """
    onnx_engine = OnnxEngine(tiny_file, "cpu")
    for given in (inputs(1, 64, 128), inputs(2, 128, 64, window=(20, 0, 100, 64))):
        expected, *_, drawn = (keras.ops.convert_to_numpy(value) for value in tiny(given)[:4])
        found, masks = onnx_engine(*given)
        assert masks.shape[1] == (found[..., 5] > 0).sum(axis=1).max()
        same = total = 0
        for mine, my_masks, theirs, their_masks in zip(found, masks, expected, drawn, strict=True):
            mine, theirs = mine[mine[:, 5] > 0], theirs[theirs[:, 5] > 0]
            total += len(theirs)
            assert len(mine) == len(theirs) > 2
            for place, row in enumerate(theirs):
                near = np.abs(mine - row).max(axis=1)
                if near.min() < 1e-3:
                    same += 1
                    mask = their_masks[place, :, :, int(row[4])]
                    np.testing.assert_allclose(my_masks[int(near.argmin())], mask, atol=0.02)
        assert same >= 0.9 * total
    assert found[..., 0][found[..., 5] > 0].min() >= 20 / 127 - 1e-6


def test_score_and_overlap_can_be_given(tiny_file: Path) -> None:
    pictures, metas, _ = inputs(1, 64, 128)
    scores = OnnxEngine(tiny_file, "cpu")(pictures, metas)[0][0, :, 5]
    least = float(scores[2])
    stricter = OnnxEngine(tiny_file, "cpu", min_confidence=least)(pictures, metas)[0][0, :, 5]
    np.testing.assert_array_equal(stricter, np.where(scores >= least, scores, 0))
    for threshold, touching in ((0.0, False), (0.9, True)):
        rows = OnnxEngine(tiny_file, "cpu", nms_threshold=threshold)(pictures, metas)[0][0]
        overlap = np.triu(boxes.overlaps(rows[:, :4], rows[:, :4]) * (rows[:, None, 4] == rows[:, 4]), 1)
        assert (overlap > 0).any() == touching
    found, masks = OnnxEngine(tiny_file, "cpu", min_confidence=1.1)(pictures, metas)
    assert not found.any()
    assert masks.shape == (1, 0, 8, 8)


def test_a_picture_alone_is_enough(tiny_file: Path) -> None:
    """The file in anybody's program: RGB from 0 to 255, everything else has a default."""
    onnxruntime = load()

    session = onnxruntime.InferenceSession(tiny_file, providers=[CPU])
    assert [each.name for each in session.get_inputs()] == ["images"]
    pictures, metas, _ = inputs(1, 64, 64)
    found, masks = session.run(["detections", "masks"], {"images": pictures + np.array(MEAN, np.float32)})
    expected, expected_masks = OnnxEngine(tiny_file, "cpu")(pictures, metas)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(masks[:, : expected_masks.shape[1]], expected_masks, atol=1e-4)
    onnx.checker.check_model(str(tiny_file))


@pytest.mark.parametrize("opset", [18, 21])
@pytest.mark.parametrize("standard", [False, True], ids=["cpu", "standard"])
def test_operator_sets_and_operators_answer_alike(
    opset: int, standard: bool, tiny: keras.Model, tiny_file: Path, tmp_path: Path
) -> None:
    metadata = {onnx_names.CONFIG: Config().to_json()}
    other = tmp_path / "other.onnx"
    other.write_bytes(to_onnx(tiny, TINY, FEW, ROWS, opset, standard, metadata).SerializeToString())
    domains = {each.domain for each in onnx.load(other).opset_import}
    assert domains == ({""} if standard else {"", "com.microsoft"})
    expected, found = (OnnxEngine(path, "cpu")(*inputs(2, 128, 64)) for path in (tiny_file, other))
    np.testing.assert_allclose(found[0], expected[0], atol=1e-3)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-3)


def test_sizes_must_fit_the_pyramid(tiny_file: Path) -> None:
    with pytest.raises(UserError, match=r"100x64 pixels: .*multiples of 64"):
        OnnxEngine(tiny_file, "cpu")(*inputs(1, 64, 100))


def test_files_that_are_not_ours_are_named(tiny_file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(tiny_file.read_bytes()[:-1000])
    with pytest.raises(UserError, match=r"broken\.onnx: not an ONNX file, or damaged"):
        OnnxEngine(broken)
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    other = onnx.helper.make_model(
        onnx.helper.make_graph([node], "other", values[:1], values[1:]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    (tmp_path / "other.onnx").write_bytes(other.SerializeToString())
    with pytest.raises(UserError, match=r"not one that `python -m infer export` wrote"):
        OnnxEngine(tmp_path / "other.onnx")
    with pytest.raises(UserError, match="cannot be read"):
        OnnxEngine(tmp_path / "none.onnx")
    with pytest.raises(UserError, match="choose one of auto, cuda"):
        OnnxEngine(tiny_file, "gpu0")


@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")  # only because the list is made up here
def test_a_gpu_that_does_not_start_leaves_the_cpu(tiny_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = load()

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    assert "cuda did not start" in OnnxEngine(tiny_file, "auto").device
    with pytest.raises(UserError, match="did not start"):
        OnnxEngine(tiny_file, "cuda")


def test_the_engine_runs_without_keras(tiny_file: Path) -> None:
    script = (
        "import sys; from mrcnn.onnx_engine import OnnxEngine; import numpy as np\n"
        f"engine = OnnxEngine({str(tiny_file)!r}, 'cpu')\n"
        "found, masks = engine(np.zeros((1, 64, 64, 3), 'f4'), np.ones((1, 15), 'f4'))\n"
        "print(found.shape, [name for name in ('keras', 'tensorflow', 'torch', 'jax', 'onnx') if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "(1, 20, 6) []", done.stderr
