"""Train a new classifier on the embedding of a model.

``backbone`` finds the embedding in a graph and cuts the graph there. ``graph`` writes the trained
model: views of the picture (``views``), the backbone, features (``recipe``) and a head.
``onnx_parts`` builds the new nodes for the opset of the backbone.
"""
