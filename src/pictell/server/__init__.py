"""A model as an HTTP service: routes, limits, batches, the page and the client."""
