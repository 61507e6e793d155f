"""One process of a comparison: a program for the original `mrcnn`, run on whichever library is found.

    PYTHONPATH=FOLDER_ABOVE_MRCNN python mask_rcnn_worker.py < REQUESTS > ANSWERS

Requests and answers are lines of JSON. Nothing of this repository but `mrcnn` may be imported here: the same file runs
in the environment of a port for Keras 2.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

OPENED = time.time()
LAYERS = {"heads": r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)", "all": ".*"}  # as inside the original's `train`
UP_TO = {
    "trunk": ("res5c_out",),
    "feature pyramid": ("fpn_p2", "fpn_p3", "fpn_p4", "fpn_p6"),
    "region proposal network": ("rpn_class", "rpn_bbox"),
    "proposals": ("ROI",),
    "box head": ("mrcnn_class", "mrcnn_bbox"),
    "detections": ("mrcnn_detection",),
}


class Worker:
    """Answers requests; every public method is one."""

    def open(self, mode: str, settings: dict[str, Any], weights: str) -> dict[str, float]:
        """Import the library, build the network, load the weights."""
        begin = time.perf_counter()
        from mrcnn.config import Config
        from mrcnn.model import MaskRCNN

        imported, held = time.perf_counter(), peak_memory()
        values = {name: np.array(value) if isinstance(value, list) else value for name, value in settings.items()}
        self.config = type("Measured", (Config,), values)()
        self.model = MaskRCNN(mode, self.config, os.devnull)
        self.model.load_weights(weights, by_name=True)
        return {"import": imported - begin, "build": time.perf_counter() - imported, "import memory": held}

    def detect(self, picture: str, save: str | None = None) -> dict[str, float]:
        """Find objects in a picture, a .npy file; the seconds leave its reading and the saving out."""
        image = np.load(picture)
        cpu, begin = time.process_time(), time.perf_counter()
        found = self.model.detect([image])[0]
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        if save:
            parts = [np.packbits(found["masks"][..., number]) for number in range(len(found["rois"]))]
            packed = np.stack(parts) if parts else np.zeros((0, 1), np.uint8)
            np.savez(save, masks=packed, rois=found["rois"], class_ids=found["class_ids"], scores=found["scores"])
        return {"seconds": seconds, "cpu": cpu, "objects": len(found["rois"]), "since start": time.time() - OPENED}

    def prepare_parts(self, picture: str) -> dict[str, Any]:
        """Compile the network up to the end of each of its parts."""
        self.image = np.load(picture)
        pictures, metas, _ = self.model.mold_inputs([self.image])
        anchors = self.model.get_anchors(pictures.shape[1:])
        arrays = (pictures, metas, np.broadcast_to(anchors, (1, *anchors.shape)))
        self.inputs = [np.asarray(array, np.float32) for array in arrays]
        self.runs: dict[str, Any] = {"molding": lambda: self.model.mold_inputs([self.image])}
        network = self.model.keras_model
        for part, layers in UP_TO.items():
            self.runs[part] = self._compiled([network.get_layer(layer).output for layer in layers])
        self.runs["mask head"] = self._whole()
        self.runs["everything"] = lambda: self.model.detect([self.image])
        for run in self.runs.values():
            run()
        return {"parts": list(self.runs)}

    def part(self, name: str) -> dict[str, float]:
        """Run the network up to the end of a part."""
        cpu, begin = time.process_time(), time.perf_counter()
        self.runs[name]()
        return {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu}

    def _compiled(self, outputs: list[Any]) -> Any:
        network = self.model.keras_model
        prefix = type(network)(network.inputs, outputs)
        try:
            from mrcnn.compiled import Compiled
        except ImportError:
            return lambda: prefix.predict_on_batch(self.inputs)
        compiled = Compiled(prefix)
        return lambda: np.asarray(compiled(self.inputs)[0])

    def _whole(self) -> Any:
        try:
            from mrcnn.inference import TwoSteps
        except ImportError:
            return lambda: self.model.keras_model.predict(self.inputs, verbose=0)
        engine = TwoSteps(self.model.keras_model)
        return lambda: engine(*self.inputs)

    def prepare_training(self, batch: str, layers: str) -> dict[str, Any]:
        """Make ready to learn from a batch, an .npz file of arrays under the inputs' names."""
        with np.load(batch) as arrays:
            self.batch = {name: arrays[name] for name in arrays.files}
        self.model.set_trainable(LAYERS[layers], verbose=0)
        self.model.compile(self.config.LEARNING_RATE, self.config.LEARNING_MOMENTUM)
        return {}

    def step(self) -> dict[str, float]:
        """Take one step of training."""
        network = self.model.keras_model
        inputs: Any = self.batch
        labels: Any = np.zeros(len(self.batch["input_image"]))
        if hasattr(network, "input_names"):  # Keras 2, where losses are layers: no labels, and inputs in order
            inputs, labels = [self.batch[name] for name in network.input_names], None
        cpu, begin = time.process_time(), time.perf_counter()
        loss = network.train_on_batch(inputs, labels)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        return {"seconds": seconds, "cpu": cpu, "loss": float(np.ravel(loss)[0])}

    def open_loader(self, settings: dict[str, Any], pictures: list[str], masks: str) -> dict[str, Any]:
        """Prepare a data set: picture files, and an .npz file with each one's class ids, masks and their shape."""
        from mrcnn import model, utils
        from mrcnn.config import Config

        if "site-packages" in getattr(sys.modules.get("skimage"), "__file__", ""):
            resize = utils.resize  # since 0.20, scikit-image no longer resizes masks that are bool, which ports pass
            utils.resize = lambda image, *rest, **how: resize(
                image * 1.0 if image.dtype == bool else image, *rest, **how
            )
        with np.load(masks) as arrays:
            stored = {name: arrays[name] for name in arrays.files}

        class Pictures(utils.Dataset):
            def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
                shape = tuple(stored[f"{image_id}.shape"])
                bits = np.unpackbits(stored[f"{image_id}.masks"], count=int(np.prod(shape)))
                return bits.reshape(shape).astype(bool), stored[f"{image_id}.class_ids"]

        values = {name: np.array(value) if isinstance(value, list) else value for name, value in settings.items()}
        self.config = type("Measured", (Config,), values)()
        self.data = Pictures()
        for number in range(1, self.config.NUM_CLASSES):
            self.data.add_class("set", number, str(number))
        for number, path in enumerate(pictures):
            self.data.add_image("set", number, path)
        self.data.prepare()
        shapes = model.compute_backbone_shapes(self.config, self.config.IMAGE_SHAPE)
        scales, ratios = self.config.RPN_ANCHOR_SCALES, self.config.RPN_ANCHOR_RATIOS
        strides, step = self.config.BACKBONE_STRIDES, self.config.RPN_ANCHOR_STRIDE
        self.anchors = utils.generate_pyramid_anchors(scales, ratios, shapes, strides, step)
        return {}

    def load_pictures(self, augmented: bool, targets: bool, first: int, count: int) -> dict[str, float]:
        """Load so many examples as the original's program does, with the anchors' targets if asked for."""
        from mrcnn import model

        augmentation = None
        if augmented:
            try:
                from common import imgaug_numpy2
            except ImportError:
                import imgaug
            else:
                imgaug = imgaug_numpy2.load()
            augmentation = imgaug.augmenters.Fliplr(0.5)
        cpu, begin = time.process_time(), time.perf_counter()
        for number in range(first, first + count):
            image_id = number % len(self.data.image_ids)
            example = model.load_image_gt(self.data, self.config, image_id, augmentation=augmentation)
            if targets and np.any(example[2] > 0):
                model.build_rpn_targets(example[0].shape, self.anchors, example[2], example[3], self.config)
        return {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu, "count": count}


def peak_memory() -> int:
    """Most memory that this process held so far, in bytes."""
    # Linux counts what the starting process held at the time into ru_maxrss; its own high-water mark begins at zero.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Answer requests until they end."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not get between the answers
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(worker, request.pop("do"))(**request)
        answer["memory"] = peak_memory()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
