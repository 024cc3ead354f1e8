"""Move the photos of a folder, every third one to another file system; a script to be killed.

many_moves.py PHOTOS HERE THERE JOURNALS
"""

import sys
from pathlib import Path

from pictell.collection.changes import Changes, Step


def main(photos: Path, here: Path, there: Path, journals: Path) -> None:
    names = sorted(path.name for path in photos.iterdir())
    steps = (
        Step("move", (here if number % 3 else there) / name[:2] / name, photos / name)
        for number, name in enumerate(names)
    )
    with Changes.begin("sort", journals) as changes:
        print("started", flush=True)
        assert [made.error for made in changes.make(steps)] == [None] * len(names)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
