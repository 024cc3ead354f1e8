"""Colours of an image become sRGB, as its embedded ICC profile says."""

from __future__ import annotations

import io
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

# Profiles of cameras and printers are smaller. Larger ones are not kept in memory.
MAX_CACHED_BYTES = 1 << 20


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in mode RGB and in sRGB (IEC 61966-2-1).

    A profile that is damaged, or is for another kind of pixels, is ignored.
    """
    # The profile that most cameras and programs embed is sRGB.
    if not profile or b"sRGB IEC61966-2" in profile:
        return image if image.mode == "RGB" else image.convert("RGB")
    # Few pictures have another colour space, so Little CMS is imported here.
    from PIL import ImageCms

    with suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
        cached = len(profile) <= MAX_CACHED_BYTES
        transform = _transform if cached else _transform.__wrapped__
        return transform(profile, image.mode).apply(image)
    return image.convert("RGB")


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCmsTransform:
    """From a profile to sRGB. To make one takes as long as to use it on a photo."""
    from PIL import ImageCms

    source = ImageCms.ImageCmsProfile(io.BytesIO(_without_chains(profile)))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def _without_chains(profile: bytes) -> bytes:
    """The profile without its tags D2B0 to D2B3, which Little CMS would prefer.

    They are chains of steps of any length, so that a small profile can take hours. Beside them a
    profile has tables for readers that do not know them (ICC.1:2022, 9.2).
    """
    start, count = 132, int.from_bytes(profile[128:132])
    end = start + 12 * min(count, len(profile) // 12)
    names = (profile[at : at + 4] for at in range(start, end, 12))
    if not any(name.startswith(b"D2B") for name in names):
        return profile
    tags = [profile[at : at + 12] for at in range(start, end, 12)]
    hidden = b"".join(b"none" + tag[4:] if tag.startswith(b"D2B") else tag for tag in tags)
    return profile[:start] + hidden + profile[end:]
