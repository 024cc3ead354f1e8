"""Pictures that their decoder warns of, in tests of what comes after it."""

from pathlib import Path
from typing import Any, get_args

import pytest

from pictell.evaluation import thumbnails
from pictell.images import decode, tensor
from pictell.training import duplicates
from pictell.types import DecodedImage, PictureWarning


def warn(path: Path, *warnings: PictureWarning) -> Path:
    """Mark a PNG file, so that ``warn_of_marked`` warns of it. What follows a PNG is ignored."""
    path.write_bytes(path.read_bytes() + " ".join(warnings).encode())
    return path


def warn_of_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let decoders of this process warn of the files that ``warn`` marked."""
    original = decode.decode

    def decode_and_warn(content: Any, *arguments: Any, **options: Any) -> DecodedImage:
        found = original(content, *arguments, **options)
        end = content[-32:] if isinstance(content, bytes) else b""
        marked = [one for one in get_args(PictureWarning) if one.encode() in end]
        return found._replace(warnings=tuple(marked)) if marked else found

    for module in (tensor, duplicates, thumbnails):
        monkeypatch.setattr(module, "decode", decode_and_warn)
