"""How good a model is on labelled pictures: read them, answer them, measure, compare.

    dataset ─► matching ─► outcomes ─► summary ─► comparison

``metrics`` and ``intervals`` are the formulas, pure functions of arrays.
"""
