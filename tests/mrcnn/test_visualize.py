from collections.abc import Iterator

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from mrcnn import visualize  # noqa: E402

NAMES = ["BG", "cat", "dog"]


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    image, masks = np.full((40, 60, 3), 100, np.uint8), np.zeros((40, 60, 2), bool)
    masks[5:20, 10:30, 0] = masks[22:35, 20:50, 1] = True
    return image, np.array([[5, 10, 20, 30], [22, 20, 35, 50]]), masks, np.array([1, 2])


def texts(ax: object) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_a_mask_is_blended_in_place() -> None:
    image, _, masks, _ = scene()
    painted = visualize.apply_mask(image, masks[..., 0], (1, 0, 0), alpha=0.5)
    assert painted is image
    assert painted[6, 11].tolist() == [177, 50, 50]
    assert painted[0, 0].tolist() == [100, 100, 100]


def test_colours_differ_and_a_frame_is_two_pixels_wide() -> None:
    assert len(set(visualize.random_colors(5))) == 5
    image = visualize.draw_box(np.zeros((20, 20, 3), np.uint8), (2, 3, 10, 12), (9, 9, 9))
    assert image[2:4, 3:12].min() == 9
    assert not image[5:9, 6:11].any()


def test_objects_are_outlined_and_named() -> None:
    image, boxes, masks, class_ids = scene()
    _, ax = pyplot.subplots(1)
    visualize.display_instances(image, boxes, masks, class_ids, NAMES, scores=np.array([0.9, 0.75]), ax=ax)
    assert texts(ax) == ["cat 0.900", "dog 0.750"]
    shown = ax.images[0].get_array()
    assert np.any(shown[10, 15] != 100)
    assert np.all(shown[0, 0] == 100)
    assert np.all(image == 100)
    assert len(ax.patches) == 4
    with pytest.raises(ValueError, match="2 boxes, 2 masks and 1 class ids do not agree"):
        visualize.display_instances(image, boxes, masks, class_ids[:1], NAMES, ax=ax)


def test_differences_are_captioned_with_score_and_overlap() -> None:
    image, boxes, masks, class_ids = scene()
    _, ax = pyplot.subplots(1)
    truth, scores = (boxes, class_ids, masks), np.array([0.5, 0.8])
    visualize.display_differences(image, *truth, boxes, class_ids, scores, masks, NAMES, ax=ax, score_threshold=0.0)
    assert texts(ax) == ["", "", "0.80 / 1.00", "0.50 / 1.00"]


def test_the_other_pictures_are_drawn_without_an_error() -> None:
    image, boxes, masks, class_ids = scene()
    visualize.display_images([image, image], titles=["a", "b"])
    visualize.display_top_masks(image, masks, class_ids, NAMES)
    visualize.draw_rois(image, boxes, boxes + 1, masks, class_ids, NAMES)
    visualize.draw_boxes(image, boxes, boxes + 1, masks, ["a", "b"], [0, 2])
    assert texts(pyplot.gca()) == ["a", "b"]
    visualize.plot_precision_recall(0.5, np.array([1, 0.5]), np.array([0, 1]))
    visualize.plot_overlaps(class_ids, class_ids, np.array([0.9, 0.8]), np.eye(2), NAMES)
    assert texts(pyplot.gca()) == ["1.000\nmatch", "0.000\n", "0.000\n", "1.000\nmatch"]
