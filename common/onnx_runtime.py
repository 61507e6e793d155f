"""ONNX Runtime, asked for by name: from 1.31 on it reports each run to its maker, unless told not to before it starts.

What would be sent, once there is a network: a number of the device, its system, processor, memory and the program's
name. Kept until then in a file in the user's cache; where that cannot be written, a warning stands on stderr.
"""

from __future__ import annotations

import os
from typing import Any

VARIABLE = "ORT_DISABLE_TELEMETRY"


def load() -> Any:
    """Import ONNX Runtime, mute; somebody who has set the variable has decided otherwise.

    Returns:
        The module `onnxruntime`.

    Raises:
        ModuleNotFoundError: ONNX Runtime is not installed.
    """
    os.environ.setdefault(VARIABLE, "1")
    import onnxruntime

    return onnxruntime
