"""Mask R-CNN as one ONNX graph, written node by node: no converter package, the same file from every Keras backend."""
