"""Which person a clown's head belongs to, on boxes and masks that one can check by eye."""

import numpy as np
import pytest
import supervision as sv

from common.detections import make_detections
from infer.belonging.evidence import evidence
from infer.belonging.fit import fit

PERSON, CLOWN, PLAIN = 0, 1, 2
LEFT, RIGHT = (0, 0, 40, 100), (60, 0, 100, 100)  # two persons, side by side
HEAD = (10, 0, 30, 20)  # on the left one


def found(*rows, masks=None):
    """Rows are (class id, box, score)."""
    boxes = np.array([box for _, box, _ in rows], float).reshape(-1, 4)
    return make_detections(boxes, [score for *_, score in rows], [class_id for class_id, *_ in rows], masks=masks)


def said(*rows, against=PLAIN, masks=None):
    """What a frame says: {place: (for, against)}, rounded; an owner that comes twice is added up."""
    objects = found(*rows, masks=masks)
    total = {}
    for one in evidence(objects, CLOWN, PERSON, against, np.ones(len(rows), bool)):
        part, other = total.get(one.place, (0, 0))
        total[one.place] = (round(part + one.part, 3), round(other + one.against, 3))
    return total


def people(*boxes):
    return [(PERSON, box, 0.9) for box in boxes]


def test_the_head_belongs_to_the_person_that_holds_it():
    assert said(*people(LEFT, RIGHT), (CLOWN, HEAD, 0.8)) == {0: (0.8, 0), 2: (0.8, 0)}
    assert said(*people(RIGHT, LEFT), (CLOWN, HEAD, 0.8)) == {1: (0.8, 0), 2: (0.8, 0)}


@pytest.mark.parametrize(
    ("head", "share"),
    [
        ((10, 0, 30, 20), 1.0),  # inside
        ((25, 0, 45, 20), 0.75),  # three quarters
        ((30, 0, 50, 20), 0.5),  # half: just belongs
        ((31, 0, 51, 20), 0.0),  # less than half
        ((40, 0, 60, 20), 0.0),  # edges touch
        ((10, 100, 30, 120), 0.0),  # below
    ],
)
def test_containment_not_touching(head, share):
    assert said(*people(LEFT), (CLOWN, head, 1.0)) == ({0: (share, 0), 1: (1, 0)} if share else {1: (1, 0)})


def test_a_plain_face_speaks_for_its_own_person_only():
    right_face = (70, 0, 90, 20)
    rows = [*people(LEFT, RIGHT), (CLOWN, HEAD, 0.8), (PLAIN, right_face, 0.9)]
    assert said(*rows) == {0: (0.8, 0), 1: (0, 0.9), 2: (0.8, 0)}
    assert said(*rows, against=None) == {0: (0.8, 0), 2: (0.8, 0)}


def test_a_face_in_the_wig_is_one_head_and_both_are_weighed():
    face = (11, 2, 29, 20)  # overlaps the clown's head
    assert said(*people(LEFT), (CLOWN, HEAD, 0.8), (PLAIN, face, 0.3)) == {0: (0.8, 0.3), 1: (0.8, 0.3)}


def test_of_two_overlapping_persons_each_is_judged_by_its_own_head():
    # Boxes of both persons hold both heads; the smaller person's head fits the smaller box better.
    front, behind = (0, 0, 60, 100), (20, 0, 60, 60)
    clown, face = (5, 0, 25, 20), (35, 0, 55, 20)
    assert said(*people(front, behind), (CLOWN, clown, 0.8), (PLAIN, face, 0.9)) == {
        0: (0.8, 0),
        1: (0, 0.9),
        2: (0.8, 0),
    }


def test_a_clown_between_two_persons_turns_on_both_when_nothing_tells_them_apart():
    first, second, between = (0, 0, 60, 100), (30, 0, 90, 100), (35, 0, 55, 20)
    assert said(*people(first, second), (CLOWN, between, 0.8)) == {0: (0.8, 0), 1: (0.8, 0), 2: (0.8, 0)}
    # ... but not the one who has a face of his own.
    face = (65, 0, 85, 20)
    assert said(*people(first, second), (CLOWN, between, 0.8), (PLAIN, face, 0.7)) == {
        0: (0.8, 0),
        1: (0, 0.7),
        2: (0.8, 0),
    }


def test_masks_tell_apart_what_boxes_do_not():
    first, second, between = (0, 0, 60, 100), (30, 0, 90, 100), (35, 0, 55, 20)
    masks = np.zeros((3, 100, 100), bool)
    masks[0, :, 0:30] = True  # the first person stands left
    masks[0, 60:, 0:60] = True  # and stretches a leg
    masks[1, :, 30:90] = True
    masks[2, 0:20, 35:55] = True
    rows = [*people(first, second), (CLOWN, between, 0.8)]
    assert said(*rows, masks=masks) == {1: (0.8, 0), 2: (0.8, 0)}
    compact = sv.CompactMask.from_dense(masks, np.array([first, second, between]), (100, 100))
    assert said(*rows, masks=compact) == {1: (0.8, 0), 2: (0.8, 0)}


def test_a_mask_on_one_side_only_meets_the_box_of_the_other():
    masks = np.zeros((2, 100, 100), bool)
    masks[1, 0:20, 10:30] = True  # the head; the person's mask is empty, which stands for none
    boxes_only = found(*people(LEFT), (CLOWN, HEAD, 1.0), masks=masks)
    assert fit(boxes_only, np.array([1]), np.array([0])) == 1
    masks = np.zeros((2, 100, 100), bool)
    masks[0, 10:100, 0:40] = True  # the person's mask leaves out the upper half of the wig; the head has a box
    assert fit(found(*people(LEFT), (CLOWN, HEAD, 1.0), masks=masks), np.array([1]), np.array([0])) == 0.5


def test_a_wig_that_the_persons_mask_leaves_out_still_belongs():
    masks = np.zeros((2, 100, 100), bool)
    masks[0, 14:100, 0:40] = True
    masks[1, 0:20, 10:30] = True  # 6 of its 20 rows lie in the person's mask: 30 %
    assert said(*people(LEFT), (CLOWN, HEAD, 1.0), masks=masks) == {0: (0.3, 0), 1: (1, 0)}
    masks[0, 14:16] = False  # 4 of 20: touching
    assert said(*people(LEFT), (CLOWN, HEAD, 1.0), masks=masks) == {1: (1, 0)}


def test_several_heads_on_one_person_all_speak():
    echo = (12, 30, 28, 46)
    assert said(*people(LEFT), (CLOWN, HEAD, 0.8), (CLOWN, echo, 0.3)) == {0: (1.1, 0), 1: (0.8, 0), 2: (0.3, 0)}


def test_no_persons_no_clowns_nothing():
    assert said((CLOWN, HEAD, 0.8)) == {0: (0.8, 0)}
    assert said(*people(LEFT, RIGHT)) == {}
    assert said(*people(LEFT), (PLAIN, HEAD, 0.8)) == {0: (0, 0.8)}
    assert evidence(found(), CLOWN, PERSON, PLAIN, np.zeros(0, bool)) == []


def test_what_linking_put_there_does_not_speak():
    objects = found(*people(LEFT), (CLOWN, HEAD, 0.8))
    assert evidence(objects, CLOWN, PERSON, PLAIN, np.array([False, False])) == []
    (head, owner) = evidence(objects, CLOWN, PERSON, PLAIN, np.array([False, True]))
    assert (head.place, owner.place, owner.part) == (1, 0, pytest.approx(0.8))
