"""From what the user typed to a tensor: sources, fetch, formats, decode, preprocess."""
