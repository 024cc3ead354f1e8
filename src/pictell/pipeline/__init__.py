"""Bounded stages of work: executors, batches, the budget of memory in flight, deadlines.

Nothing here knows of pictures.
"""
