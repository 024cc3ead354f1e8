"""Labelled pictures become a model: checked, embedded, split."""
