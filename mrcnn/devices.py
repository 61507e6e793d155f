"""Where Keras computes: which devices the backend has, and how one is asked for. The backends differ here only."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from common.errors import UserError

CPU, GPU = "cpu", "gpu"
NAMES = {"cpu": CPU, "gpu": GPU, "cuda": GPU}
_INSTALL = {
    "tensorflow": "install tensorflow[and-cuda] and check the driver",
    "jax": "install jax[cuda13] and check the driver",
    "torch": "install a PyTorch built for CUDA and check the driver",
}


def gpus() -> list[str]:
    """Name the GPUs that the backend sees."""
    backend = keras.backend.backend()
    found: list[str] = getattr(_Gpus, backend)() if hasattr(_Gpus, backend) else []
    return found


class _Gpus:
    """How each backend lists its GPUs."""

    @staticmethod
    def tensorflow() -> list[str]:
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        return [str(tf.config.experimental.get_device_details(each).get("device_name", "GPU")) for each in devices]

    @staticmethod
    def jax() -> list[str]:
        import jax

        return [str(each.device_kind) for each in jax.devices() if each.platform == "gpu"]

    @staticmethod
    def torch() -> list[str]:
        import torch

        return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def choose(device: str = "auto") -> tuple[str, str]:
    """Choose a device.

    Args:
        device: "auto" (a GPU when there is one), "cpu", "gpu" or "cuda".

    Returns:
        The name for `placed`, and words for one line.

    Raises:
        UserError: no such device, or it is not available here.
    """
    backend = keras.backend.backend()
    if device != "auto" and device not in NAMES:
        raise UserError(f"unknown device {device!r} for Keras: choose one of auto, {', '.join(NAMES)}")
    found = gpus()
    if device != "auto" and NAMES[device] == GPU and not found:
        raise UserError(
            f"device {device!r} is not available here: {backend} sees no GPU; {_INSTALL.get(backend, 'install one')}, "
            "or leave --device at auto"
        )
    if found and NAMES.get(device) != CPU:
        return GPU, f"{found[0]} (Keras on {backend})"
    return CPU, f"CPU (Keras on {backend})"


def placed(device: str) -> AbstractContextManager[Any]:
    """Have what is built and run inside the block live on a device of `choose`.

    Where there is no choice nothing is said: JAX compiles everything once more for a device that it is told.
    """
    if device == CPU and not gpus():
        return nullcontext()
    scope: AbstractContextManager[Any] = keras.device(f"{device}:0")
    return scope


def compute_repeatably() -> None:
    """Have the backend add up in the same order every time, from now on, at some cost in speed.

    Where threads share a sum, its order and so its last bit may differ from run to run, and a training makes more of
    that with every step. Call it before anything is computed: JAX reads its flags once.
    """
    backend = keras.backend.backend()
    if hasattr(_Repeatably, backend):
        getattr(_Repeatably, backend)()


class _Repeatably:
    """How each backend is told to."""

    @staticmethod
    def tensorflow() -> None:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()

    @staticmethod
    def jax() -> None:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()

    @staticmethod
    def torch() -> None:
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
