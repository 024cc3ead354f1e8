"""Compute where the features of the default model lie on average.

    python tools/build_origin.py PICTURES/

It writes ``src/pictell/training/default_origin.npz``: the mean features of pictures of all kinds,
which ``training/familiarity.py`` subtracts, and the checksum of the model's weights. That of the
package was computed on the 650 pictures of the validation set of ImageNet that also calibrated the
default model. Run it again when the default model or the features change.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pictell.options import EngineOptions
from pictell.training.extractor import open_extractor, read_extractor
from pictell.training.familiarity import ORIGIN

FOLDER = Path(__file__).parent.parent / "src" / "pictell" / "training"


def main() -> None:
    """Compute the mean and write the file."""
    extractor = read_extractor("default")
    with open_extractor(extractor, EngineOptions()) as classifier:
        rows = [row for row in classifier.embed_stream(sys.argv[1:]) if isinstance(row, np.ndarray)]
    mean = np.mean(rows, axis=0)
    sha256 = np.array(extractor.spec.sha256)
    np.savez(FOLDER / ORIGIN, origin=mean.astype(np.float16), weights_sha256=sha256)
    print(f"{len(rows)} pictures, norm of the mean {np.linalg.norm(mean):.3f}")


if __name__ == "__main__":
    main()
