"""From what the user names to a tensor: sources, read, fetch, decode, preprocess."""
