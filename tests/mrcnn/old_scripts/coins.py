"""A script of the usual kind: outlines from the VGG Image Annotator, two stages of training, colour kept on objects."""

import argparse
import json
import os

import keras
import numpy as np
import skimage.color
import skimage.draw
import skimage.io
from imgaug import augmenters as iaa  # before mrcnn, as such scripts do

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import Config


def small_trunk(input_image, stage5=False, train_bn=None):
    stages, x = [], input_image
    for filters in (8, 8, 16, 16, 16):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
        stages.append(x)
    return stages


class CoinsConfig(Config):
    NAME = "coins"
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 1
    VALIDATION_STEPS = 1
    DETECTION_MIN_CONFIDENCE = 0.0
    BACKBONE = staticmethod(small_trunk)
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_ROIS_PER_IMAGE = 8
    POST_NMS_ROIS_TRAINING = 20
    POST_NMS_ROIS_INFERENCE = 20
    DETECTION_MAX_INSTANCES = 5
    TOP_DOWN_PYRAMID_SIZE = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 32


class CoinsDataset(utils.Dataset):
    def load_coins(self, dataset_dir, subset):
        self.add_class("coins", 1, "coin")
        dataset_dir = os.path.join(dataset_dir, subset)
        with open(os.path.join(dataset_dir, "via_region_data.json")) as file:
            annotations = [a for a in json.load(file).values() if a["regions"]]
        for a in annotations:
            regions = a["regions"].values() if isinstance(a["regions"], dict) else a["regions"]
            path = os.path.join(dataset_dir, a["filename"])
            height, width = skimage.io.imread(path).shape[:2]
            polygons = [r["shape_attributes"] for r in regions]
            self.add_image("coins", image_id=a["filename"], path=path, width=width, height=height, polygons=polygons)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        if info["source"] != "coins":
            return super(self.__class__, self).load_mask(image_id)
        mask = np.zeros([info["height"], info["width"], len(info["polygons"])], dtype=np.uint8)
        for i, p in enumerate(info["polygons"]):
            rr, cc = skimage.draw.polygon(p["all_points_y"], p["all_points_x"])
            mask[rr, cc, i] = 1
        return mask, np.ones([mask.shape[-1]], dtype=np.int32)


def train(model, dataset_dir):
    sets = {}
    for subset in ("train", "val"):
        sets[subset] = CoinsDataset()
        sets[subset].load_coins(dataset_dir, subset)
        sets[subset].prepare()
    flips = iaa.SomeOf((0, 2), [iaa.Fliplr(0.5), iaa.Affine(rotate=90), iaa.Multiply((0.8, 1.5))])
    rate = config.LEARNING_RATE
    model.train(sets["train"], sets["val"], learning_rate=rate, epochs=1, layers="heads", augmentation=flips)
    model.train(sets["train"], sets["val"], learning_rate=rate / 10, epochs=2, layers="all", augmentation=flips)


def splash(model, path):
    image = skimage.io.imread(path)
    r = model.detect([image], verbose=1)[0]
    gray = skimage.color.gray2rgb(skimage.color.rgb2gray(image)) * 255
    mask = np.sum(r["masks"], -1, keepdims=True) >= 1
    skimage.io.imsave("splash.png", np.where(mask, image, gray).astype(np.uint8), check_contrast=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("--dataset")
    parser.add_argument("--image")
    parser.add_argument("--logs")
    args = parser.parse_args()
    config = CoinsConfig()
    config.display()
    mode = "training" if args.command == "train" else "inference"
    model = modellib.MaskRCNN(mode=mode, config=config, model_dir=args.logs)
    if args.command == "train":
        train(model, args.dataset)
    else:
        model.load_weights(model.find_last(), by_name=True)
        splash(model, args.image)
