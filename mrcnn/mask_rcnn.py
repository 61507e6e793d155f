"""The model as the original's code uses it: build, load weights, detect.

Legend: B batch, H and W pixels of a picture, h and w of a molded one, N objects, K detections with padding, M side of a
mask, C classes with background. Boxes are (y1, x1, y2, x2).
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn import (
    from_config,
    image_meta,
    inner_tensors,
    network,
    postprocess,
    preprocess,
    run_folders,
    training_network,
    weights,
)
from mrcnn.anchors import feature_shapes, normalized_anchors, pyramid_anchors
from mrcnn.array_log import log
from mrcnn.backbone_weights import load_backbone
from mrcnn.config import Config
from mrcnn.inference import TwoSteps
from mrcnn.training import Training

logger = logging.getLogger(__name__)

MODES = ("training", "inference")
IMAGENET_URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
IMAGENET_MD5 = "a268eb855778b3df3c7506639542a6af"


class MaskRCNN(Training):
    """Mask R-CNN with the original's methods.

    Args:
        mode: "training" or "inference".
        config: settings.
        model_dir: folder of trainings.

    Attributes:
        keras_model: the Keras model.
        anchors: (A, 4) pixels of the last molded size that was asked for.
        epoch: epochs done.
        log_dir: folder of this training.
        checkpoint_path: path of its checkpoints, with "{epoch:04d}".

    Source: original `model.MaskRCNN`.
    """

    def __init__(self, mode: str, config: Config, model_dir: str | Path) -> None:
        if mode not in MODES:
            raise ValueError(f"no mode {mode!r}: expected one of {', '.join(MODES)}")
        self.mode, self.config, self.model_dir = mode, config, str(model_dir)
        self.anchors: np.ndarray | None = None
        self._grid: training_network.AnchorGrid | None = None
        self._two_steps: TwoSteps | None = None
        self._lock = threading.Lock()
        self.set_log_dir()
        self.keras_model = self.build(mode, config)
        self.keras_model._make_predict_function = lambda: None  # what servers on Keras 2 call before they start threads

    def build(self, mode: str, config: Config) -> keras.Model:
        """Build the network for a mode."""
        size = (int(config.IMAGE_SHAPE[0]), int(config.IMAGE_SHAPE[1]))
        if config.IMAGE_RESIZE_MODE in ("square", "crop") and any(side % preprocess.MULTIPLE for side in size):
            raise ValueError(f"molded pictures of {size} do not halve six times; use a multiple of 64 for their sides")
        if mode == "inference":
            return network.inference_model(from_config.architecture(config), from_config.selection(config))
        if any(int(side) != 2 * config.MASK_POOL_SIZE for side in config.MASK_SHAPE):
            raise ValueError(
                f"MASK_SHAPE {tuple(config.MASK_SHAPE)} is not twice MASK_POOL_SIZE {config.MASK_POOL_SIZE}"
            )
        model = training_network.training_model(
            from_config.architecture(config),
            from_config.sampling(config),
            from_config.anchor_grid(config, size),
            from_config.objective(config),
        )
        load_backbone(model, config.BACKBONE, config.BACKBONE_WEIGHTS)
        return model

    def set_log_dir(self, model_path: str | Path | None = None) -> None:
        """Choose the folder to write to; that of a checkpoint when one is given."""
        now = datetime.datetime.now()
        name = self.config.NAME or "model"
        self.log_dir, self.checkpoint_path, self.epoch = run_folders.log_folder(self.model_dir, name, model_path, now)

    def find_last(self) -> str:
        """Return the path of the newest checkpoint; FileNotFoundError when there is none."""
        return str(run_folders.last_checkpoint(self.model_dir, self.config.NAME or "model"))

    def load_weights(
        self, filepath: str | Path, by_name: bool = False, exclude: Sequence[str] | None = None
    ) -> weights.LoadReport:
        """Load a weight file, say what was loaded, and go on in its folder; see `weights.load`."""
        report = weights.load(self.keras_model, filepath, by_name, exclude or ())
        untouched = self.mode == "inference" and report.not_in_file
        logger.log(logging.WARNING if untouched else logging.INFO, "%s: %s", filepath, report)
        self.set_log_dir(filepath)
        return report

    def get_imagenet_weights(self) -> str:
        """Fetch the ResNet-50 weights trained on ImageNet and return their path."""
        name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
        return keras.utils.get_file(name, IMAGENET_URL, cache_subdir="models", file_hash=IMAGENET_MD5)

    def get_anchors(self, image_shape: Sequence[int]) -> np.ndarray:
        """Return the (A, 4) float32 normalised anchors of a molded picture; sets `anchors`, in pixels."""
        grid = from_config.anchor_grid(self.config, (int(image_shape[0]), int(image_shape[1])))
        if self.anchors is None or grid != self._grid:  # laying them takes 9 ms at 1024 x 1024
            shapes = feature_shapes(grid.size, grid.strides)
            self.anchors = pyramid_anchors(grid.scales, grid.ratios, shapes, grid.strides, grid.anchor_stride)
            self._grid = grid
        return normalized_anchors(grid.size, grid.scales, grid.ratios, grid.strides, grid.anchor_stride)

    def mold_inputs(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Resize pictures and subtract the mean.

        Args:
            images: (H, W, 3), grey or with opacity; all must come to one molded size.

        Returns:
            (B, h, w, 3) float32, meta (B, 12 + C), windows (B, 4) pixels.
        """
        molded = [self._mold(image) for image in images]
        pictures, metas, windows = (np.stack(parts) for parts in zip(*molded, strict=True))
        return pictures, metas, windows

    def _mold(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        config = self.config
        picture = preprocess.match_channels(image, config.IMAGE_CHANNEL_COUNT)
        resized, placement = preprocess.resize_image(
            picture,
            config.IMAGE_MIN_DIM,
            config.IMAGE_MAX_DIM,
            config.IMAGE_MIN_SCALE,
            config.IMAGE_RESIZE_MODE,
            config.RESIZE_BORDER,
            limited=True if config.LIMIT_PAD64 else None,
        )
        active = np.zeros(config.NUM_CLASSES, np.int32)
        meta = image_meta.compose(0, picture.shape, resized.shape, placement.window, placement.scale, active)
        return preprocess.subtract_mean(resized, config.MEAN_PIXEL), meta, np.array(placement.window)

    def unmold_detections(
        self,
        detections: np.ndarray,
        mrcnn_mask: np.ndarray,
        original_image_shape: Sequence[int],
        image_shape: Sequence[int],
        window: Sequence[int],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Bring one picture's detections back to it.

        Args:
            detections: (K, 6).
            mrcnn_mask: (K, M, M, C).
            original_image_shape: (H, W, channels).
            image_shape: (h, w, channels).
            window: (y1, x1, y2, x2) molded pixels.

        Returns:
            Boxes (N, 4) int32 pixels, class ids (N,) int32, scores (N,) float32, masks (H, W, N) bool.
        """
        size = (int(original_image_shape[0]), int(original_image_shape[1]))
        boxes, places = postprocess.boxes_in_picture(
            detections, window, (int(image_shape[0]), int(image_shape[1])), size
        )
        class_ids = detections[places, 4].astype(np.int32)
        own = postprocess.own_masks(mrcnn_mask, class_ids, places)
        masks = postprocess.full_masks(own, boxes, size, self.config.RESIZE_BORDER)
        return boxes, class_ids, detections[places, 5], masks

    def detect(self, images: Sequence[np.ndarray], verbose: int = 0) -> list[dict[str, np.ndarray]]:
        """Find objects in pictures.

        Args:
            images: any number of (H, W, 3), grey or with opacity, of any sizes.
            verbose: 1 prints the shapes.

        Returns:
            For every picture rois (N, 4) int32 pixels, class_ids (N,) int32, scores (N,) float32, masks (H, W, N) bool.
        """
        if self.mode != "inference":
            raise ValueError("detect needs a model in mode 'inference'")
        molded = [self._mold(image) for image in images]
        results: list[dict[str, np.ndarray]] = []
        while len(results) < len(molded):
            batch = self._alike(molded[len(results) :])
            pictures, metas, windows = (np.stack(parts) for parts in zip(*batch, strict=True))
            shapes = [image_meta.parse(meta[None].astype(int))["original_image_shape"][0] for meta in metas]
            results.extend(self._detect_batch(pictures, metas, windows, shapes, verbose))
        return results

    def _alike(self, molded: Sequence[tuple[np.ndarray, ...]]) -> list[tuple[np.ndarray, ...]]:
        """Take from the front what goes through as one batch."""
        batch = []
        for row in molded[: max(self.config.BATCH_SIZE, 1)]:
            if row[0].shape != molded[0][0].shape:
                break
            batch.append(row)
        return batch

    def detect_molded(
        self, molded_images: np.ndarray, image_metas: np.ndarray, verbose: int = 0
    ) -> list[dict[str, np.ndarray]]:
        """Find objects in molded pictures; boxes and masks are those of the molded pictures.

        Args:
            molded_images: (B, h, w, channels).
            image_metas: (B, 12 + C).
            verbose: 1 prints the shapes.

        Returns:
            As `detect`.
        """
        shape = molded_images[0].shape
        windows = np.tile([0, 0, shape[0], shape[1]], (len(molded_images), 1))
        return self._detect_batch(molded_images, image_metas, windows, [shape] * len(molded_images), verbose)

    def _detect_batch(
        self, pictures: np.ndarray, metas: np.ndarray, windows: np.ndarray, shapes: Sequence[Any], verbose: int
    ) -> list[dict[str, np.ndarray]]:
        inputs = self._inputs(pictures, metas)
        if verbose:
            log(f"Processing {len(pictures)} images")
            for name, array in zip(("molded_images", "image_metas", "anchors"), inputs, strict=True):
                log(name, array)
        detections, masks = self._engine()(*inputs)
        results = []
        for found, drawn, shape, window in zip(detections, masks, shapes, windows, strict=True):
            size, molded = (int(shape[0]), int(shape[1])), (pictures.shape[1], pictures.shape[2])
            boxes, places = postprocess.boxes_in_picture(found, window, molded, size)
            results.append(
                {
                    "rois": boxes,
                    "class_ids": found[places, 4].astype(np.int32),
                    "scores": found[places, 5],
                    "masks": postprocess.full_masks(drawn[places], boxes, size, self.config.RESIZE_BORDER),
                }
            )
        return results

    def _engine(self) -> TwoSteps:
        """Return what computes; made once, whichever thread comes first."""
        with self._lock:
            if self._two_steps is None or self._two_steps.model is not self.keras_model:
                self._two_steps = TwoSteps(self.keras_model)
            return self._two_steps

    def _inputs(self, pictures: np.ndarray, metas: np.ndarray) -> list[np.ndarray]:
        anchors = self.get_anchors(pictures.shape[1:])
        rows = np.broadcast_to(anchors, (len(pictures), *anchors.shape))
        return [pictures.astype(np.float32), metas.astype(np.float32), rows]

    def run_graph(
        self, images: Sequence[np.ndarray], outputs: Sequence[tuple[str, Any]], image_metas: np.ndarray | None = None
    ) -> OrderedDict[str, np.ndarray]:
        """Return any tensors of the network for pictures.

        Args:
            images: (H, W, 3) each; molded ones when `image_metas` is given.
            outputs: names and Keras tensors.
            image_metas: (B, 12 + C) or None.

        Raises:
            ValueError: a tensor is None, such as `ancestor` gives for a name that there is not.
        """
        missing = [name for name, tensor in outputs if tensor is None]
        if missing:
            raise ValueError(f"no tensor for {', '.join(missing)}: the name given to ancestor is none of the network's")
        if image_metas is None:
            pictures, image_metas, _ = self.mold_inputs(images)
        else:
            pictures = np.asarray(images)
        model = keras.Model(self.keras_model.inputs, [tensor for _, tensor in outputs])
        values = model.predict_on_batch(self._inputs(pictures, image_metas))
        values = values if isinstance(values, list | tuple) else [values]
        return OrderedDict((name, np.asarray(value)) for (name, _), value in zip(outputs, values, strict=True))

    def ancestor(self, tensor: Any, name: str, checked: Any = None) -> Any:
        """Return the tensor of that name, None if there is none; see `inner_tensors.find`."""
        return inner_tensors.find(self.keras_model, name)
