"""Mask R-CNN on Keras 3: an engine in `keras.ops`, and a face with the public names of the original code."""
