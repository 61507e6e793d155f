import numpy as np
import pytest
import supervision as sv

from common.rle import check_runs, compact_mask, compress, decompress, encode_masks


def test_a_small_mask_gives_the_runs_one_can_count():
    mask = np.zeros((1, 4, 4), bool)
    mask[0, 1:3, 1:3] = True
    (encoded,) = encode_masks(mask, (4, 4))
    # Down the columns: 5 off, 2 on, 2 off, 2 on, 5 off.
    assert decompress(encoded["counts"]) == [5, 2, 2, 2, 5]
    assert encoded == {"size": [4, 4], "counts": "52203"}


@pytest.mark.parametrize("seed", range(20))
def test_random_masks_come_back_to_the_pixel_and_agree_with_supervision(seed):
    random = np.random.default_rng(seed)
    height, width = (int(number) for number in random.integers(1, 60, 2))
    masks = random.random((3, height, width)) < random.choice([0, 0.02, 0.5, 1])
    encoded = encode_masks(masks, (height, width))
    for mask, code in zip(masks, encoded, strict=True):
        assert np.array_equal(sv.rle_to_mask(code["counts"], (width, height)), mask)
        assert code["counts"] == sv.mask_to_rle(mask, compressed=True)
    runs = [decompress(code["counts"]) for code in encoded]
    assert np.array_equal(compact_mask(runs, (height, width)).to_dense(), masks)


def test_compact_masks_encode_like_dense_ones():
    random = np.random.default_rng(1)
    masks = np.zeros((2, 50, 70), bool)
    masks[0, 10:30, 20:60] = random.random((20, 40)) < 0.5
    masks[1, 0:50, 0:1] = True
    compact = sv.CompactMask.from_dense(masks, np.array([[0, 0, 69, 49]] * 2, float), (50, 70))
    assert encode_masks(compact, (50, 70)) == encode_masks(masks, (50, 70))


def test_the_crop_follows_the_mask():
    masks = np.zeros((1, 400, 600), bool)
    masks[0, 100:120, 300:340] = True
    compact = compact_mask([decompress(encode_masks(masks, (400, 600))[0]["counts"])], (400, 600))
    assert compact.crop(0).shape == (20, 40)
    assert compact.offsets.tolist() == [[300, 100]]


def test_large_runs_survive_the_text():
    runs = [8_000_000, 1, 7, 123_456, 3, 0, 2]
    assert decompress(compress(runs)) == runs


def test_numbers_below_zero_are_differences_and_no_text_is_no_runs():
    runs = [0, 900_000_000, 40, 3, 0, 899_999_999, 1]
    assert decompress(compress(runs)) == runs
    assert all(type(run) is int for run in decompress(compress(runs)))  # check_runs wants Python's own
    assert decompress("") == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("5220 ", "does not belong"),
        ("5\ud800", "does not belong|surrogates"),
        ("52\u20ac", "does not belong"),
        ("Q", "middle of a number"),
        ("5" + "o" * 13 + "0", "longer than any picture"),
    ],
)
def test_text_that_is_no_run_lengths(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        decompress(text)


@pytest.mark.parametrize("runs", [[5, 5], [20, -4], [1.5, 14.5], [True, 15]])
def test_runs_that_do_not_fill_the_frame(runs):
    with pytest.raises(ValueError, match="run lengths"):
        check_runs(runs, (4, 4))


def test_masks_of_another_size_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        encode_masks(np.zeros((1, 4, 4), bool), (4, 5))
