"""Labelled pictures become a classifier on the embedding of a model, in one ONNX file."""
