import numpy as np
import pytest
from keras import ops
from mrcnn_goldens import stored

from mrcnn import losses


def tensor(array: object, dtype: str = "float32") -> object:
    return ops.convert_to_tensor(np.asarray(array, dtype))


def number(value: object) -> float:
    return float(ops.convert_to_numpy(value))


def test_smooth_l1_is_a_parabola_that_turns_into_a_line() -> None:
    answer = losses.smooth_l1(tensor([0, 0, 0, 0]), tensor([0.5, -0.5, 1, 3]))
    np.testing.assert_allclose(ops.convert_to_numpy(answer), [0.125, 0.125, 0.5, 2.5])


def test_anchors_that_are_neither_do_not_count() -> None:
    logits = tensor([[[0, 0], [9, -9], [0, 0]]])
    assert number(losses.rpn_class_loss(tensor([[1, 0, -1]], "int32"), logits)) == pytest.approx(np.log(2))
    assert number(losses.rpn_class_loss(tensor([[0, 0, 0]], "int32"), logits)) == 0


def test_stored_deltas_belong_to_the_positive_anchors_in_order() -> None:
    deltas = tensor([[[9] * 4, [1] * 4, [9] * 4, [2] * 4], [[3] * 4, [9] * 4, [9] * 4, [9] * 4]])
    targets = tensor([[[1] * 4, [2] * 4, [0] * 4], [[3.5] * 4, [0] * 4, [0] * 4]])
    match = tensor([[-1, 1, 0, 1], [1, -1, 0, 0]], "int32")
    assert number(losses.rpn_bbox_loss(match, targets, deltas)) == pytest.approx(0.125 / 3)


def test_answers_of_classes_that_the_source_does_not_label_do_not_count() -> None:
    logits = tensor([[[0, 5, 0], [0, 0, 5]], [[0, 0, 5], [5, 0, 0]]])
    class_ids = tensor([[1, 1], [2, 2]], "int32")
    wrong, right = np.log(np.exp(5) + 2), np.log(np.exp(5) + 2) - 5
    own = losses.class_loss(class_ids, logits, tensor([[1, 1, 0], [1, 1, 1]]))
    assert number(own) == pytest.approx((right + right + wrong) / 3, rel=1e-5)
    first = losses.class_loss(class_ids, logits, tensor([[1, 1, 0]]))
    assert number(first) == pytest.approx((right + wrong) / 2, rel=1e-5)


def test_places_without_a_box_do_not_count_as_background() -> None:
    logits, class_ids = tensor([[[0, 5, 0], [0, 5, 0]]]), tensor([[1, 0]], "int32")
    right, active = np.log(np.exp(5) + 2) - 5, tensor([[1, 1, 1]])
    found = losses.class_loss(class_ids, logits, active, real=tensor([[1, 0]], "bool"))
    assert number(found) == pytest.approx(right, rel=1e-5)
    assert number(losses.class_loss(class_ids, logits, active)) == pytest.approx(right + 2.5, rel=1e-5)


def test_only_the_own_class_of_a_positive_box_is_compared() -> None:
    class_ids = tensor([[2, 0]], "int32")
    deltas = np.full((1, 2, 3, 4), 9.0)
    deltas[0, 0, 2] = 1.0
    assert number(losses.bbox_loss(tensor(np.ones((1, 2, 4))), class_ids, tensor(deltas))) == 0
    masks = np.full((1, 2, 3, 3, 3), 0.9)
    masks[0, 0, ..., 2] = 0.25
    found = number(losses.mask_loss(tensor(np.ones((1, 2, 3, 3))), class_ids, tensor(masks)))
    assert found == pytest.approx(np.log(4), rel=1e-5)


def test_weight_decay_takes_means_of_squares() -> None:
    assert number(losses.weight_decay([tensor([1, 3]), tensor([[2]])], 0.1)) == pytest.approx(0.9)


@pytest.mark.shared
@pytest.mark.parametrize("case", ["pos", "nopos"])
def test_losses_equal_the_originals(case: str) -> None:
    golden = {name.removeprefix(f"loss.{case}."): value for name, value in stored("layers").items()}
    match, class_ids = tensor(golden["rpn_match"][..., 0], "int32"), tensor(golden["target_class_ids"], "int32")
    found = [
        losses.rpn_class_loss(match, tensor(golden["rpn_class_logits"])),
        losses.rpn_bbox_loss(match, tensor(golden["rpn_target_bbox"]), tensor(golden["rpn_bbox"])),
        losses.class_loss(class_ids, tensor(golden["class_logits"]), tensor(golden["active_class_ids"][:1])),
        losses.bbox_loss(tensor(golden["target_bbox"]), class_ids, tensor(golden["pred_bbox"])),
        losses.mask_loss(tensor(golden["target_masks"]), class_ids, tensor(golden["pred_masks"])),
    ]
    np.testing.assert_allclose([number(value) for value in found], golden["out"], rtol=1e-5)


@pytest.mark.shared
def test_smooth_l1_equals_the_originals() -> None:
    golden = stored("layers")
    found = losses.smooth_l1(tensor(golden["smooth_l1.y_true"]), tensor(golden["smooth_l1.y_pred"]))
    np.testing.assert_allclose(ops.convert_to_numpy(found), golden["smooth_l1.out"], rtol=1e-6)
