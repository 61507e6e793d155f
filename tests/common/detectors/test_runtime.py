"""Choosing a device, and saying so."""

import numpy as np
import pytest

from common.detectors import runtime
from common.detectors.centerface import load_model, weights_path
from common.detectors.runtime import choose, open_session, thread_count
from common.errors import UserError
from common.onnx_runtime import load

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def test_auto_takes_the_gpu_first_and_the_cpu_otherwise():
    assert choose("auto", [CUDA, CPU]) == ["cuda", "cpu"]
    assert choose("auto", ["AzureExecutionProvider", CPU]) == ["cpu"]
    assert choose("auto", ["CoreMLExecutionProvider", CPU]) == ["cpu"]
    assert choose("coreml", ["CoreMLExecutionProvider", CPU]) == ["coreml"]


def test_a_device_that_is_not_there_says_what_is_and_what_to_install():
    with pytest.raises(UserError, match=r"only cpu: .*install the \[gpu\] extra") as raised:
        choose("cuda", [CPU])
    assert "\n" not in str(raised.value)


def test_an_unknown_device_lists_the_known_ones():
    with pytest.raises(UserError, match="auto, cuda"):
        choose("gpu0", [CPU])


def test_threads(monkeypatch):
    assert thread_count(3) == 3
    monkeypatch.setattr(runtime.os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    assert thread_count(0) == runtime.MOST_THREADS
    monkeypatch.setattr(runtime.os, "sched_getaffinity", lambda pid: {5}, raising=False)
    assert thread_count(0) == 1


@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")  # only because the list is made up here
def test_a_gpu_that_does_not_start_leaves_auto_on_the_cpu_and_says_so(monkeypatch, capfd):
    """ONNX Runtime built for a GPU offers it also on a machine without one."""
    monkeypatch.setattr(load(), "get_available_providers", lambda: [CUDA, CPU])
    model = load_model(weights_path())
    opened = open_session(model, "auto", 1)
    assert opened.device == "cpu"
    assert opened.words == "CPU, 1 thread (cuda did not start)"
    (heat, *_) = opened.session.run(None, {"input.1": np.zeros((1, 3, 64, 96), np.float32)})
    assert heat.shape == (1, 1, 16, 24)
    with pytest.raises(UserError, match="did not start"):
        open_session(model, "cuda", 1)
    out, err = capfd.readouterr()
    assert out == "" and err == ""
