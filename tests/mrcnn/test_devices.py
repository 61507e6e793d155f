from contextlib import nullcontext

import keras
import pytest

from mrcnn import devices


def test_a_processor_is_named_only_beside_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX compiles everything again for a device by name, so a second model of the same shapes takes as long again."""
    monkeypatch.setattr(devices, "gpus", lambda: [])
    assert isinstance(devices.placed(devices.CPU), nullcontext)
    monkeypatch.setattr(devices, "gpus", lambda: ["a GPU"])
    with devices.placed(devices.CPU):
        assert "cpu" in str(keras.ops.zeros(1).device).lower()
    assert not isinstance(devices.placed(devices.CPU), nullcontext)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX compiles for devices by name")
def test_what_is_compiled_is_used_where_the_processor_is_asked_for() -> None:
    import jax

    compiled = jax.jit(lambda value: value + 1)
    compiled(1.0)
    with devices.placed(devices.choose("cpu")[0]):
        compiled(1.0)
    assert compiled._cache_size() == 1 or devices.gpus()
