"""The ONNX file in a folder of Hugging Face's form."""

from __future__ import annotations

from pathlib import Path

from pictell.errors import InvalidModelError
from pictell.inspection.selection import listed
from pictell.models.exports.files import find, names_in

# optimum writes the first, collections of converted models have the second.
USUAL = ("model.onnx", "onnx/model.onnx")
FOLDERS = (".", "onnx")
# Weights that need their Python code.
WEIGHTS = (".safetensors", "pytorch_model.bin", "tf_model.h5", ".msgpack")


def find_onnx(folder: Path, exporting: str) -> Path | None:
    """The ONNX file: ``model.onnx``, or the only one; ``None`` if the folder is of another form.

    ``exporting`` says how to make it. Raises ``InvalidModelError`` if there are several, or only
    weights without a graph.
    """
    usual = find(folder, *USUAL)
    if usual is not None:
        return usual
    for place in FOLDERS:
        names = names_in(folder / place, ".onnx")
        if len(names) > 1:
            raise InvalidModelError(
                f"the folder has {listed(names)}: rename the one to use to model.onnx"
            )
        if names:
            return find(folder, (Path(place) / names[0]).as_posix())
    weights = names_in(folder, *WEIGHTS)
    if weights:
        raise InvalidModelError(f"{weights[0]} has weights without a graph: {exporting}")
    return None
