"""Evaluate, calibrate and verify models: read labelled pictures, classify, measure, compare.

    dataset ─► matching ─► collect ─► outcomes ─► summary ─► comparison

``evaluate`` goes from a dataset to a summary. ``metrics`` and ``intervals`` are the formulas, pure
functions of arrays.
"""
