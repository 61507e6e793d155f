"""`python -m train` over two devices, and over two machines that meet on this one: the losses of one device."""

import importlib.util
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from shapes_folder import write_folder
from tiny_training import arguments, command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax"),
]
ROOT = Path(__file__).parents[2]
# Compiled quickly instead of well.
FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
TWO = "--xla_force_host_platform_device_count=2"  # devices out of one processor
FEW = ("--epochs", "2", "--steps", "2", "--validate-every", "2", "--val-pictures", "2", "--workers", "0")


def start(data: Path, run: Path, *more: str, flags: str = FLAGS) -> subprocess.Popen[str]:
    environment = os.environ | {"KERAS_BACKEND": "jax", "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        command(*arguments(data, run, *FEW, *more)), cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err[-3000:]
    return out + err


def losses(run: Path) -> list[float]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row[name] for row in rows for name in ("loss", "rpn_class_loss", "mrcnn_mask_loss")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("set") / "shapes", 8, 4)


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """What one device learns."""
    run = tmp_path_factory.mktemp("runs") / "alone"
    said(start(data, run))
    return losses(run)


def test_two_devices(data: Path, alone: list[float], tmp_path: Path) -> None:
    text = said(start(data, tmp_path / "run", "--devices", "2", flags=f"{FLAGS} {TWO}"))
    assert "2 devices, 2 of 4 pictures of a batch on each" in text
    assert losses(tmp_path / "run") == pytest.approx(alone, rel=1e-4)
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert 0 <= last["val_mask_ap50"] <= 1


def test_two_machines(data: Path, alone: list[float], tmp_path: Path) -> None:
    """They share the run's folder here; only the first one writes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = tmp_path / "run"
    both = [start(data, run, "--machines", f"{number}/2@127.0.0.1:{port}") for number in (0, 1)]
    try:
        texts = [said(process) for process in both]
    finally:
        for process in both:
            process.kill()
            process.wait()
    assert all("2 devices on 2 machines, 2 of 4 pictures of a batch on each" in text for text in texts)
    assert losses(run) == pytest.approx(alone, rel=1e-4)
    names = sorted(path.name for path in run.iterdir())
    assert names == ["checkpoints", "config.json", "losses.png", "metrics.jsonl", "settings.json", "state"]
