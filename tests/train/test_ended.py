"""A training that is asked to end does so at once, and leaves a run that can be taken up and no process behind."""

import json
import resource
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from quick_training import quick
from shapes_folder import write_folder
from tiny_training import arguments, command

from mrcnn import checkpoint, training_state
from train.cli import main
from train.run_folder import RunFolder
from train.run_lock import LOCK, check_free

ROOT = Path(__file__).parents[2]


def epochs(run: Path) -> list[int]:
    return [row["epoch"] for row in RunFolder(run).rows]


def processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


@pytest.mark.slow
@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_training_that_is_asked_to_end_does_so_at_once(how: signal.Signals, code: int, tmp_path: Path) -> None:
    data, run = write_folder(tmp_path / "data", 8, 2), tmp_path / "run"
    flags = arguments(data, run, "--epochs", "9999", "--steps", "2", "--validate-every", "0", "--workers", "2")
    with (tmp_path / "err").open("w") as err:
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a background job would not hear it
        process = subprocess.Popen(command(*flags), cwd=ROOT, stderr=err, preexec_fn=heard)
    watched = psutil.Process(process.pid)
    while not (run / "state" / "state.npz").is_file():
        assert process.poll() is None, (tmp_path / "err").read_text()
        time.sleep(0.1)
    others = watched.children(recursive=True)
    assert len(others) >= 2
    before = processor_seconds(watched), resource.getrusage(resource.RUSAGE_CHILDREN)
    process.send_signal(how)
    assert process.wait() == code
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before[1].ru_utime - before[1].ru_stime - before[0]
    # The step under way and an epoch's files. Taking the compiled network apart would be ten to twenty.
    assert spent < 5, spent
    assert not psutil.wait_procs(others, timeout=10)[1]
    said = (tmp_path / "err").read_text()
    assert "Traceback" not in said and not any(line.startswith("error:") for line in said.splitlines())
    check_free(run)
    assert not (run / LOCK).exists()
    state = training_state.read(run / "state" / "state.npz")
    assert state is not None and checkpoint.read(run / "checkpoints" / state.checkpoint)
    with quick():
        more = str(state.epoch + 1)
        assert main(["-o", str(run), "--resume", "--epochs", more, "--workers", "0", "--quiet"]) == 0
    assert epochs(run) == list(range(1, state.epoch + 2))
    assert json.loads((run / "settings.json").read_text())["resumed"][0]["epoch"] == state.epoch
