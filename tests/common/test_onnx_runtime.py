"""ONNX Runtime says nothing about anybody."""

import os
import subprocess
import sys
from pathlib import Path

from common.onnx_runtime import VARIABLE

ROOT = Path(__file__).parents[2]
SCRIPT = """
from common.onnx_runtime import load
from onnx.helper import make_graph, make_model, make_node, make_tensor_value_info
numbers = [make_tensor_value_info(name, 1, [2]) for name in "xy"]
model = make_model(make_graph([make_node("Neg", ["x"], ["y"])], "g", numbers[:1], numbers[1:]), ir_version=8)
model.opset_import[0].version = 17
print(load().InferenceSession(model.SerializeToString()).run(None, {"x": __import__("numpy").float32([1, 2])}))
"""


def test_nothing_is_gathered_in_the_users_cache(tmp_path):
    kept = {name: value for name, value in os.environ.items() if name not in (VARIABLE, "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env={**kept, "HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert "-1" in done.stdout and done.stderr == ""
    assert list(tmp_path.rglob("*")) == []
