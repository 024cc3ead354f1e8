"""Where the work runs. An executor maps a function over a stream; it knows nothing of pictures."""
