"""imgaug works under NumPy 2, and NumPy stays as it was."""

import subprocess
import sys

import numpy as np
import pytest

from common import imgaug_numpy2

PICTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def test_a_plain_import_works_after_loading() -> None:
    script = (
        "from common import imgaug_numpy2; imgaug_numpy2.load(); import imgaug, numpy; print(hasattr(numpy, 'sctypes'))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def augmenters() -> list[str]:
    return [
        "Fliplr(0.5)",
        "Affine(rotate=(-20, 20), scale=(0.8, 1.2), shear=(-5, 5))",
        "CropAndPad(percent=(-0.1, 0.1))",
        "PiecewiseAffine(scale=0.02)",
        "ElasticTransformation(alpha=20, sigma=5)",
        "PerspectiveTransform(scale=0.05)",
        "Multiply((0.8, 1.5))",
        "Add((-30, 30), per_channel=0.5)",
        "AddToHueAndSaturation((-20, 20))",
        "AdditiveGaussianNoise(scale=(0, 15))",
        "GaussianBlur(sigma=(0, 5.0))",
        "MotionBlur(k=5)",
        "CoarseDropout(0.05, size_percent=0.1)",
        "LinearContrast((0.5, 1.5))",
        "GammaContrast((0.5, 1.5))",
        "CLAHE()",
        "Sharpen(alpha=(0, 1))",
        "JpegCompression((50, 90))",
        "FrequencyNoiseAlpha(first=Add(20))",
        "Fog()",
        "RandAugment(n=2)",
    ]


@pytest.mark.parametrize("made", augmenters())
@pytest.mark.filterwarnings("ignore")
def test_augmenters_keep_the_pictures_form_and_repeat_themselves(made: str) -> None:
    library = imgaug_numpy2.load()
    augmenter = eval(made, vars(library.augmenters))
    augmenter.seed_(7)
    first = augmenter.to_deterministic()
    changed = first.augment_image(PICTURE)
    assert (changed.shape, changed.dtype) == (PICTURE.shape, np.uint8)
    np.testing.assert_array_equal(first.augment_image(PICTURE), changed)
