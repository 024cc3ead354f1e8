"""The models on this machine: the catalogue, downloads, and the folder that holds them."""
