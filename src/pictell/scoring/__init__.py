"""From logits to probabilities, calibrated scores, top-k classes and a decision; pure functions."""
