"""The cells of a notebook of the usual kind, one after the other: shapes drawn on the fly, no file needed."""

import random

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np

import mrcnn.model as modellib
from mrcnn import utils, visualize
from mrcnn.config import Config
from mrcnn.model import log

random.seed(0)
np.random.seed(0)


def small_trunk(input_image, stage5=False, train_bn=None):
    stages, x = [], input_image
    for number, filters in enumerate((8, 8, 16, 16, 16), start=1):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu", name=f"res{number}")(x)
        stages.append(x)
    return stages


class ShapesConfig(Config):
    NAME = "shapes"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 2
    BACKBONE = staticmethod(small_trunk)
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_ROIS_PER_IMAGE = 8
    POST_NMS_ROIS_TRAINING = 20
    POST_NMS_ROIS_INFERENCE = 20
    STEPS_PER_EPOCH = 1
    VALIDATION_STEPS = 1
    TOP_DOWN_PYRAMID_SIZE = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 32


class ShapesDataset(utils.Dataset):
    def load_shapes(self, count, height, width):
        self.add_class("shapes", 1, "square")
        self.add_class("shapes", 2, "circle")
        for i in range(count):
            shapes = []
            for _ in range(random.randint(1, 3)):
                x, y = (random.randint(15, side - 15) for side in (width, height))
                shapes.append((random.choice(["square", "circle"]), (x, y, random.randint(8, 14))))
            boxes = np.array([[y - s, x - s, y + s, x + s] for _, (x, y, s) in shapes])
            keep = utils.non_max_suppression(boxes, np.arange(len(shapes)), 0.3)
            shapes = [shape for place, shape in enumerate(shapes) if place in keep]
            self.add_image("shapes", image_id=i, path=None, width=width, height=height, shapes=shapes)

    def load_image(self, image_id):
        image = np.full((64, 64, 3), 90, np.uint8)
        for shape, dims in self.image_info[image_id]["shapes"]:
            self.draw(image, shape, dims, (200, 40, 160))
        return image

    def image_reference(self, image_id):
        return self.image_info[image_id]["shapes"]

    def load_mask(self, image_id):
        shapes = self.image_info[image_id]["shapes"]
        mask = np.zeros([64, 64, len(shapes)], dtype=np.uint8)
        for i, (shape, dims) in enumerate(shapes):
            mask[:, :, i : i + 1] = self.draw(mask[:, :, i : i + 1].copy(), shape, dims, 1)
        occlusion = np.logical_not(mask[:, :, -1]).astype(np.uint8)
        for i in range(len(shapes) - 2, -1, -1):
            mask[:, :, i] = mask[:, :, i] * occlusion
            occlusion = np.logical_and(occlusion, np.logical_not(mask[:, :, i]))
        return mask, np.array([self.class_names.index(shape) for shape, _ in shapes]).astype(np.int32)

    def draw(self, image, shape, dims, color):
        x, y, s = dims
        if shape == "square":
            return cv2.rectangle(image, (x - s, y - s), (x + s, y + s), color, -1)
        return cv2.circle(image, (x, y), s, color, -1)


config = ShapesConfig()
config.display()
dataset_train = ShapesDataset()
dataset_train.load_shapes(4, config.IMAGE_SHAPE[0], config.IMAGE_SHAPE[1])
dataset_train.prepare()
dataset_val = ShapesDataset()
dataset_val.load_shapes(2, config.IMAGE_SHAPE[0], config.IMAGE_SHAPE[1])
dataset_val.prepare()
for image_id in np.random.choice(dataset_train.image_ids, 2):
    mask, class_ids = dataset_train.load_mask(image_id)
    image = dataset_train.load_image(image_id)
    visualize.display_top_masks(image, mask, class_ids, dataset_train.class_names)

model = modellib.MaskRCNN(mode="training", config=config, model_dir="logs")
model.train(dataset_train, dataset_val, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")
model.train(dataset_train, dataset_val, learning_rate=config.LEARNING_RATE / 10, epochs=2, layers="all")
model.keras_model.save_weights("logs/mask_rcnn_shapes.weights.h5")


class InferenceConfig(ShapesConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


inference_config = InferenceConfig()
model = modellib.MaskRCNN(mode="inference", config=inference_config, model_dir="logs")
model.load_weights(model.find_last(), by_name=True)
image_id = random.choice(dataset_val.image_ids)
original_image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
    dataset_val, inference_config, image_id, use_mini_mask=False
)
log("original_image", original_image)
log("gt_mask", gt_mask)
visualize.display_instances(original_image, gt_bbox, gt_mask, gt_class_id, dataset_train.class_names, figsize=(8, 8))
r = model.detect([original_image], verbose=1)[0]
_, ax = plt.subplots(1, figsize=(8, 8))
visualize.display_instances(
    original_image, r["rois"], r["masks"], r["class_ids"], dataset_val.class_names, r["scores"], ax=ax
)
plt.savefig("instances.png")

APs = []
for image_id in np.random.choice(dataset_val.image_ids, 2):
    image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
        dataset_val, inference_config, image_id, use_mini_mask=False
    )
    molded_images = np.expand_dims(modellib.mold_image(image, inference_config), 0)
    r = model.detect([image], verbose=0)[0]
    AP, precisions, recalls, overlaps = utils.compute_ap(
        gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
    )
    APs.append(AP)
print("mAP: ", np.mean(APs))
