"""Batches follow from seed, epoch and place alone, whoever makes them, and a feed neither hangs nor leaves anything."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from quick_config import QuickConfig
from small_folder import TroubleLoader, loader, write

from common import imgaug_numpy2
from common.errors import UserError
from mrcnn import rpn_targets
from mrcnn.batches import TrainingBatches, Truth
from mrcnn.boxes import overlaps
from mrcnn.feeding import Feed, Workers
from mrcnn.model import MaskRCNN
from mrcnn.training import truth_of

ROOT = Path(__file__).parents[2]
TRUTH = Truth(np.array([[0.0, 0, 32, 32], [16, 16, 48, 48], [32, 32, 64, 64]]), 2, (0.1,) * 4, 1, (1.0, 2.0, 3.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("small") / "set")


def batches(folder: Path, ids: Any = range(8), kind: Any = TroubleLoader, **options: Any) -> TrainingBatches:
    """Two pictures a batch; one object each is kept, which is drawn, and all is augmented."""
    augmenters = imgaug_numpy2.load().augmenters
    augmentation = augmenters.Sequential([augmenters.Fliplr(0.5), augmenters.AdditiveGaussianNoise(scale=10)])
    return TrainingBatches(loader(folder, augmentation, kind), np.array(ids), TRUTH, 2, seed=3, **options)


def same(one: tuple[dict[str, np.ndarray], np.ndarray], other: tuple[dict[str, np.ndarray], np.ndarray]) -> bool:
    return all(np.array_equal(one[0][name], other[0][name]) for name in one[0])


def pictures(made: Any) -> list[int]:
    return [int(number) for inputs, _ in made for number in inputs["input_image_meta"][:, 0]]


def test_every_picture_comes_once_an_epoch_and_epochs_differ(folder: Path) -> None:
    made = batches(folder, [0, 1, 2, 4, 5, 6])
    orders = []
    for epoch in range(3):
        made.set_epoch(epoch)
        epoch_batches = [made[index] for index in range(len(made))]
        orders.append(pictures(epoch_batches))
        assert sorted(orders[-1]) == [0, 1, 2, 4, 5, 6]
    assert len({tuple(order) for order in orders}) == 3
    again = batches(folder, [0, 1, 2, 4, 5, 6])
    again.set_epoch(2)
    assert same(again[1], epoch_batches[1])  # no matter what was asked for before
    again.set_epoch(1)
    place = orders[1].index(1)
    inputs = again[place // 2][0]["input_image"][place % 2]
    place = orders[2].index(1)
    assert (inputs != epoch_batches[place // 2][0]["input_image"][place % 2]).any()  # another augmentation


@pytest.mark.parametrize("number", [0, 2])
def test_any_number_of_workers_gives_the_same_batches(folder: Path, number: int) -> None:
    """Empty pictures are among them, which are replaced, and the training goes on at its second epoch."""
    made = batches(folder)
    with Workers(number) as workers, Feed(made, workers) as feed:
        stream = feed.stream(first_epoch=1)
        for epoch in (1, 2):
            made.set_epoch(epoch)
            for index in range(len(made)):
                assert same(next(stream), made[index]), (epoch, index)
        made.set_epoch(1)
        assert same(next(feed.stream(1, 3)), made[3])
        assert feed.served == 9


def test_pictures_without_objects_teach_background(folder: Path) -> None:
    made = batches(folder, [3, 7], negatives=True)
    inputs, _ = made[0]
    assert sorted(pictures([made[0]])) == [3, 7]
    assert not inputs["input_gt_class_ids"].any()
    assert (inputs["input_rpn_match"] == -1).sum() == 4
    with Workers(0) as workers, Feed(batches(folder, [3, 7]), workers) as feed:
        with pytest.raises(ValueError, match="no picture of the data set holds an object"):
            next(feed.stream())


class TwoPictures(QuickConfig):
    NUM_CLASSES, IMAGES_PER_GPU = 2, 2
    MINI_MASK_SHAPE = (28, 28)


def test_losses_stand_pictures_without_objects(folder: Path, tmp_path: Path) -> None:
    config = TwoPictures()
    model = MaskRCNN("training", config, tmp_path)
    model.set_trainable("rpn.*|mrcnn.*", verbose=0)
    model.compile(0.001, 0.9)
    network = model.keras_model
    network.run_eagerly = True
    before = [keras.ops.convert_to_numpy(weight) for weight in network.trainable_weights]
    for ids in ([3, 7], [0, 3]):
        made = TrainingBatches(loader(folder), np.array(ids), truth_of(config), 2, seed=3, negatives=True)
        values = {name: float(value) for name, value in network.train_on_batch(*made[0], return_dict=True).items()}
        assert all(np.isfinite(value) for value in values.values()), values
        assert values["rpn_class_loss"] > 0
        assert values["mrcnn_class_loss"] > 0
        assert (values["rpn_bbox_loss"] > 0) == (0 in ids)
    after = [keras.ops.convert_to_numpy(weight) for weight in network.trainable_weights]
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((one != other).any() for one, other in zip(before, after, strict=True))


class Learner(keras.Model):
    """Learns nothing of use from the boxes of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.dense(keras.ops.mean(inputs["input_gt_boxes"], axis=1))


def test_a_feed_serves_fit(folder: Path) -> None:
    """Epochs run on in one stream, and its own error comes out, not what the backend made of it."""
    model = Learner()
    model.compile("sgd", "mae")
    made = batches(folder, [0, 1, 2, 4])
    with Workers(0) as workers, Feed(made, workers) as feed:
        history = model.fit(feed.stream(), steps_per_epoch=len(feed), epochs=3, verbose=0, shuffle=False)
        assert feed.served >= 6
    assert len(history.history["loss"]) == 3
    with (
        pytest.raises(UserError, match="image 5 could not be made ready for training: KeyError"),
        pytest.MonkeyPatch.context() as patch,
        Workers(0) as workers,
        Feed(batches(folder, [0, 1, 2, 4, 5, 6]), workers) as feed,
    ):
        patch.setenv("TROUBLE", "raises")
        model.fit(feed.stream(), steps_per_epoch=len(feed), epochs=2, verbose=0, shuffle=False)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("raises", "image 5 could not be made ready for training: KeyError: 'colour'"),
        ("dies", r"a worker process of the input pipeline died \(exit code -9"),
        ("sticks", "no picture came out of the input pipeline for 1 s"),
    ],
)
def test_trouble_in_a_worker_is_an_error_and_no_hang(
    folder: Path, trouble: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TROUBLE", trouble)
    with pytest.raises(UserError, match=words), Workers(1) as workers:
        with Feed(batches(folder, [0]), workers) as feed:
            next(feed.stream())  # so it has started, however long that takes here
        begin = time.monotonic()
        if trouble == "sticks":
            workers.patience = 1.0
        with Feed(batches(folder, [5]), workers) as feed:
            next(feed.stream())
    assert time.monotonic() - begin < 60
    assert not any(process.is_alive() for process in workers.processes)


def test_what_cannot_be_sent_is_told_at_once(folder: Path) -> None:
    class Inside(TroubleLoader):
        pass

    with Workers(1) as workers, pytest.raises(UserError, match="cannot be sent to a worker process"):
        Feed(batches(folder, kind=Inside), workers)


def test_whoever_waits_for_a_batch_is_let_go_when_the_feed_closes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend's own thread asks for the next batch while the training ends."""
    ended = threading.Event()
    go_on = threading.Event()
    with Workers(0) as workers:
        with Feed(batches(folder), workers) as feed:
            monkeypatch.setattr(workers, "result", lambda made: go_on.wait() and None)
            stream = feed.stream()

            def ask() -> None:
                list(stream)
                ended.set()

            asking = threading.Thread(target=ask, daemon=True)
            asking.start()
            threading.Timer(0.3, go_on.set).start()
        assert ended.wait(60)


SCRIPT = """
import sys, time
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from mrcnn.feeding import Feed, Workers
if __name__ == "__main__":
    import numpy as np
    from mrcnn.rows import Rows, Truth
    from small_folder import loader
    truth = Truth(np.array([[0.0, 0, 32, 32], [16, 16, 48, 48], [32, 32, 64, 64]]), 2, (0.1,) * 4, 1, (1.0, 2.0, 3.0))
    class Batches:
        rows, batch_size = Rows(loader(Path({folder!r})), np.array([0, 1, 2]), truth, 1), 1
        def __len__(self): return 3
    with Workers(2) as workers, Feed(Batches(), workers) as feed:
        stream = feed.stream()
        next(stream)
        print(*(process.pid for process in workers.processes), flush=True)
        while True:
            next(stream)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes the Linux way")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(folder: Path, tmp_path: Path, ending: signal.Signals) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(root=str(ROOT), tests=str(ROOT / "tests"), folder=str(folder)))
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a background job would not hear it
    )
    assert parent.stdout is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    assert all(alive(pid) for pid in workers)
    if ending is signal.SIGINT:
        os.killpg(parent.pid, ending)  # as a terminal does
    else:
        parent.send_signal(ending)
    try:
        _, errors = parent.communicate(timeout=60)
    finally:
        parent.kill()
    if ending is signal.SIGINT:
        assert errors.count("Traceback") == 1, errors  # the parent's own, no worker's
        assert "KeyboardInterrupt" in errors
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)


def test_the_index_of_anchors_matches_as_every_pair_does() -> None:
    dice = np.random.default_rng(0)
    centres = np.stack(np.meshgrid(np.arange(0, 128, 8), np.arange(0, 128, 8), indexing="ij"), -1).reshape(-1, 2)
    levels = [np.concatenate([centres - half, centres + half], axis=1) for half in (8, 16.0, 32, 64)]
    index = rpn_targets.AnchorIndex(np.concatenate(levels))
    for _ in range(30):
        count = int(dice.integers(1, 7))
        corner, extent = dice.integers(0, 120, (count, 2)), np.exp(dice.uniform(0, 5, (count, 2))).astype(int)
        boxes = np.concatenate([corner, np.minimum(corner + extent, 128)], axis=1)
        class_ids = np.where(dice.random(count) < 0.3, -1, 1)
        class_ids[0] = 1
        match, best = rpn_targets.match_anchors(index, class_ids, boxes)
        pairs = overlaps(index.anchors, boxes[class_ids > 0])
        expected = np.where(pairs.max(axis=1) < 0.3, -1, 0)
        if (class_ids < 0).any():
            on_crowd = overlaps(index.anchors, boxes[class_ids < 0]).max(axis=1) >= 0.001
            expected[on_crowd] = np.maximum(expected[on_crowd], 0)
        expected[(pairs == pairs.max(axis=0)).any(axis=1) | (pairs.max(axis=1) >= 0.7)] = 1
        np.testing.assert_array_equal(match, expected)
        np.testing.assert_array_equal(best[match == 1], pairs.argmax(axis=1)[match == 1])
