"""The scenes of the sample pictures, one function each, and the means to paint them."""
