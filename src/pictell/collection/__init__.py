"""A collection of photos: sorted into folders, tagged in sidecars, searched, with undo."""
