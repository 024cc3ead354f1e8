"""Pure functions: logits become probabilities, calibrated scores, top-k labels and a decision."""
