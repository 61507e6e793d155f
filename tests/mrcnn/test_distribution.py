import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import GeneratorType
from typing import Any

import keras
import numpy as np
import pytest

from common.errors import UserError
from mrcnn import distribution
from mrcnn.distribution import Machine, OwnRows, Spread

ROOT = Path(__file__).parents[2]
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax")
# Two devices out of one processor; compiled quickly instead of well.
FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
TWO = "--xla_force_host_platform_device_count=2"


def start(script: str, flags: str = FLAGS, **more: str) -> subprocess.Popen[str]:
    environment = os.environ | {"KERAS_BACKEND": "jax", "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", **more}
    command = [sys.executable, "-c", script]
    return subprocess.Popen(
        command, cwd=ROOT / "tests", env=environment | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def answer(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err[-3000:]
    return json.loads(out.splitlines()[-1])


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


TWO_DEVICES = """
import json
import keras, numpy as np
from common.errors import UserError
from mrcnn.distribution import plan, spread
said = []
for devices, batch in (("all", 4), (2, 6), ("1", 3), (2, 3), (3, 6), ("0", 2), ("two", 2)):
    try:
        said.append(str(plan(devices, batch)))
    except UserError as error:
        said.append(str(error))
losses, places = [], []
for devices in (1, 2):
    with spread(plan(devices, 8)):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dropout(0.5, seed=2), keras.layers.Dense(3)])
        model.compile(keras.optimizers.SGD(0.1, global_clipnorm=0.1), "mse")
        x = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
        losses.append(model.fit(x, x[:, :3], batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"])
        places.append(len(model.layers[-1].kernel.value.devices()))
print(json.dumps([said, losses, places]))
"""


@pytest.fixture(scope="module")
def two_devices() -> Any:
    """What a process with two devices says."""
    return answer(start(TWO_DEVICES, TWO))


@needs_jax
def test_devices_share_a_batch_evenly_or_say_why_not(two_devices: Any) -> None:
    every, two, one, odd, many, zero, word = two_devices[0]
    assert every == "2 devices, 2 of 4 pictures of a batch on each"
    assert two == "2 devices, 3 of 6 pictures of a batch on each"
    assert one == "None"
    assert odd == "--batch-size 3: 2 devices cannot share it evenly; choose a multiple of 2, e.g. 2 or 4"
    assert many == "--devices 3: JAX sees 2 here (cpu:0, cpu:1); give 2 or fewer, or all"
    assert zero.startswith("--devices 0: expected a number from 1") and word.startswith("--devices two: expected")


@needs_jax
def test_two_devices_draw_and_clip_as_one(two_devices: Any) -> None:
    _, (one, two), places = two_devices
    assert places == [1, 2]
    np.testing.assert_allclose(two, one, rtol=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX can")
def test_other_backends_name_the_one_that_can() -> None:
    assert distribution.plan(1, 3) is None
    for call in (
        lambda: distribution.plan(2, 4),
        lambda: distribution.plan("all", 4),
        lambda: distribution.join(Machine(0, 2, "localhost:1")),
    ):
        with pytest.raises(UserError, match=r"on JAX only.*KERAS_BACKEND=jax"):
            call()


def test_machines_are_read_from_one_word() -> None:
    assert Machine.parse("1/2@10.0.0.1:1234") == Machine(1, 2, "10.0.0.1:1234")
    for wrong in ("2/2@host:1234", "1/2", "1/2@host", "a/b@host:1", "0/2@host:99999", "0/2@:12"):
        with pytest.raises(UserError, match="expected NUMBER/COUNT@HOST:PORT"):
            Machine.parse(wrong)


class Numbers:
    """Batches whose values are epoch, batch and row."""

    epoch = 0

    def __len__(self) -> int:
        return 3

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        return {"x": 100 * self.epoch + 10 * index + np.arange(4)}, np.arange(4)


class Streamed(Numbers):
    def stream(self, epoch: int) -> Any:
        self.set_epoch(epoch)
        return iter([self[0], self[1]])


def test_machines_feed_parts_that_make_up_the_batch() -> None:
    parts = [Spread(("cpu:0", "cpu:1"), 4, process, 2) for process in (0, 1)]
    assert [part.is_first for part in parts] == [True, False]
    assert str(parts[0]) == "2 devices on 2 machines, 2 of 4 pictures of a batch on each"
    fed = [OwnRows(Streamed(), part) for part in parts]
    for batches in fed:
        batches.set_epoch(1)
    assert [batches[2][0]["x"].tolist() for batches in fed] == [[120, 121], [122, 123]]
    assert [batches[2][1].tolist() for batches in fed] == [[0, 1], [2, 3]]
    assert [x["x"].tolist() for x, _ in fed[1].stream(2)] == [[202, 203], [212, 213]]
    assert isinstance(fed[0].stream(0), GeneratorType)  # no other iterator is taken by Keras
    assert not hasattr(OwnRows(Numbers(), parts[0]), "stream")
    alone = Numbers()
    assert distribution.own_rows(alone, None) is alone
    assert distribution.own_rows(alone, Spread(("cpu:0", "cpu:1"), 4)) is alone


ASKED_TO_END = """
import os, signal, sys, time
from mrcnn.distribution import Machine, join
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
join(Machine.parse(sys.argv[1]))
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(5)
"""


@needs_jax
def test_a_machine_that_is_asked_to_end_does_so() -> None:
    """JAX puts a handler of its own in place, which only takes a note."""
    process = start(ASKED_TO_END.replace("sys.argv[1]", repr(f"0/1@127.0.0.1:{free_port()}")))
    assert process.wait() == 143, process.communicate()


LEARNING = """
import json, sys
import keras, numpy as np
from mrcnn import fitting, from_config, training_network
from mrcnn.batches import TrainingBatches
from mrcnn.distribution import Machine, join, own_rows, plan, spread
from mrcnn.optimization import Optimization
from mrcnn.training import loader_of, truth_of
from tiny_learner import TinyConfig, shapes

machine = {machine!r}
if machine:
    join(Machine.parse(machine))
config = TinyConfig()
losses = []
for devices in {devices!r}:
    over = plan(devices, 4)
    with spread(over):
        keras.utils.set_random_seed(3)
        parts = from_config.architecture, from_config.sampling, from_config.objective
        architecture, sampling, objective = (part(config) for part in parts)
        grid = from_config.anchor_grid(config, (64, 64))
        model = training_network.training_model(architecture, sampling, grid, objective)
        fitting.prepare(model, "all", Optimization(learning_rate=0.02), verbose=0)
        data = shapes(12)
        batches = TrainingBatches(loader_of(data, config), data.image_ids, truth_of(config), 4, True, 5)
        history = fitting.fit(model, own_rows(fitting.Rounds(batches, 3), over), 2, verbose=0).history
        weights = float(sum(np.abs(np.asarray(array)).sum() for array in model.get_weights()))
        losses.append({{**history, "weights": [weights]}})
print(json.dumps(losses))
"""


@pytest.fixture(scope="module")
def alone() -> dict[str, list[float]]:
    """What one device on one machine learns."""
    (history,) = answer(start(LEARNING.format(machine="", devices=[1])))
    return history  # type: ignore[no-any-return]


def assert_same(one: dict[str, list[float]], other: dict[str, list[float]]) -> None:
    assert one.keys() == other.keys() and "mrcnn_mask_loss" in one
    assert one["loss"][1] < one["loss"][0]
    for name, values in one.items():
        np.testing.assert_allclose(other[name], values, rtol=1e-4, err_msg=name)


@needs_jax
@pytest.mark.slow
def test_two_devices_give_the_losses_of_one(alone: dict[str, list[float]]) -> None:
    """The whole network: proposals, sampling by chance, five losses, clipping, six steps."""
    (two,) = answer(start(LEARNING.format(machine="", devices=[2]), f"{FLAGS} {TWO}"))
    assert_same(alone, two)


@needs_jax
@pytest.mark.slow
def test_two_machines_give_the_losses_of_one(alone: dict[str, list[float]]) -> None:
    """Two processes that meet on this one, each with a device and half of every batch."""
    port = free_port()
    names = [f"{number}/2@127.0.0.1:{port}" for number in (0, 1)]
    both = [start(LEARNING.format(machine=name, devices=["all"])) for name in names]
    try:
        (first,), (second,) = (answer(process) for process in both)
    finally:
        for process in both:
            process.kill()
            process.wait()
    assert first == second
    assert_same(alone, first)
