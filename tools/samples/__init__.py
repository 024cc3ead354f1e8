"""The scenes of the sample pictures, one function each, and the tools to paint them."""
