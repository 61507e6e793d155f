"""ONNX Runtime sessions: which device runs the network, and with how many threads.

Nothing here touches the runtime's global state: its log level, threads and fallback are set for one session only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.onnx_runtime import load

if TYPE_CHECKING:
    import onnxruntime

# Name for --device -> (execution provider of ONNX Runtime, in words, what to install to get it).
PROVIDERS = {
    "cuda": (
        "CUDAExecutionProvider",
        "NVIDIA GPU (CUDA)",
        "run `pip uninstall -y onnxruntime`, then install the [gpu] extra (onnxruntime-gpu)",
    ),
    "migraphx": ("MIGraphXExecutionProvider", "AMD GPU (MIGraphX)", "install onnxruntime-migraphx"),
    "directml": ("DmlExecutionProvider", "GPU (DirectML)", "install onnxruntime-directml (Windows)"),
    "openvino": ("OpenVINOExecutionProvider", "OpenVINO", "install onnxruntime-openvino"),
    "coreml": ("CoreMLExecutionProvider", "Apple GPU and neural engine (CoreML)", "install onnxruntime on macOS"),
    "cpu": ("CPUExecutionProvider", "CPU", "install onnxruntime"),
}
# What "auto" tries, best first. CoreML only runs when asked for by name: it compiles the network anew for each
# picture size, and Apple's CPUs are fast.
AUTOMATIC = ("cuda", "migraphx", "directml", "openvino", "cpu")
MOST_THREADS = 8  # the small layers of a face network do not feed more

_LOG_FATAL_ONLY = 4


@dataclass(frozen=True)
class OpenSession:
    """A session and where it runs.

    Attributes:
        session: the `onnxruntime.InferenceSession`.
        device: key of `PROVIDERS`.
        words: the device in words, for one line on stderr.
    """

    session: onnxruntime.InferenceSession
    device: str
    words: str


def devices(available: list[str]) -> list[str]:
    """Return the names for `--device` that a list of execution providers allows."""
    return [name for name, (provider, _, _) in PROVIDERS.items() if provider in available]


def choose(device: str, available: list[str]) -> list[str]:
    """Return the devices to try, best first.

    Args:
        device: "auto" or a key of `PROVIDERS`.
        available: execution providers that this ONNX Runtime was built with.

    Raises:
        UserError: the device is unknown, or this ONNX Runtime was not built for it.
    """
    found = devices(available)
    if device == "auto":
        return [name for name in AUTOMATIC if name in found]
    if device not in PROVIDERS:
        raise UserError(f"unknown device {device!r}: choose one of auto, {', '.join(PROVIDERS)}")
    if device not in found:
        raise UserError(
            f"device {device!r} is not available here, only {', '.join(found)}: {PROVIDERS[device][2]}, "
            "or leave --device at auto"
        )
    return [device]


def thread_count(threads: int) -> int:
    """Return how many threads to use: as asked for, or all cores this process may use up to `MOST_THREADS`.

    Raises:
        UserError: negative.
    """
    if threads < 0:
        raise UserError(f"threads must be 0 (choose) or more, got {threads}")
    if threads:
        return threads
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


def open_session(model: bytes, device: str = "auto", threads: int = 0) -> OpenSession:
    """Open a session for a serialised ONNX model.

    Args:
        model: the serialised model.
        device: "auto" (a GPU when there is one, the CPU otherwise) or a key of `PROVIDERS`.
        threads: for the CPU; 0 chooses.

    Raises:
        UserError: the device asked for is not there, or does not start.
    """
    onnxruntime = load()
    tried: list[str] = []
    for name in choose(device, onnxruntime.get_available_providers()):
        session = _start(onnxruntime, model, name, thread_count(threads))
        if session is not None:
            return OpenSession(session, name, _words(name, thread_count(threads), tried))
        tried.append(name)
    raise UserError(
        f"device {device!r} did not start (driver or libraries missing?): check that the driver works, "
        f"{PROVIDERS[tried[-1]][2] if tried else 'install onnxruntime'}, or use --device cpu"
    )


def _words(name: str, threads: int, tried: list[str]) -> str:
    words = PROVIDERS[name][1]
    if name == "cpu":
        words = f"{words}, {threads} thread{'s' if threads > 1 else ''}"
    if tried:
        words = f"{words} ({', '.join(tried)} did not start)"
    return words


def _start(onnxruntime: Any, model: bytes, name: str, threads: int) -> Any:
    """Return a session on device `name`, or None when the provider cannot start on this machine."""
    provider = PROVIDERS[name][0]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_FATAL_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    # Idle workers that spin take the cores from decoding and encoding beside them, and gain nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [provider] if name == "cpu" else [provider, PROVIDERS["cpu"][0]]
    try:
        # The runtime's own fallback prints to stdout and hides which device runs; ours does neither.
        session = onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)
    except (RuntimeError, ValueError):
        if name == "cpu":
            raise
        return None
    # A provider whose libraries are missing is silently left out by the runtime.
    return session if session.get_providers()[0] == provider else None
