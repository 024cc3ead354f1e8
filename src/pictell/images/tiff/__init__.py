"""TIFF files (TIFF 6.0, BigTIFF), judged by their own tags."""
