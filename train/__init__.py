"""Teaches Mask R-CNN a dataset folder: heads on published weights, or a network of one's own from nothing."""
