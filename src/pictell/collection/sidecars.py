"""The sidecars of photos: where they are, and what changes in them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pictell.collection.changes import Step
from pictell.collection.keywords import Keyword
from pictell.collection.tagging import Tagged, tag, untag
from pictell.collection.xml_positions import XmpError
from pictell.collection.xml_text import MAX_BYTES
from pictell.files import os_reason

# How a sidecar is named: IMG_1.jpg.xmp or IMG_1.xmp.
Form = Literal["name", "stem"]
FORMS: tuple[Form, ...] = ("name", "stem")
# The first one is for new sidecars.
SUFFIXES = (".xmp", ".XMP")


@dataclass(frozen=True, slots=True)
class Target:
    """A sidecar with its photos, and the keywords of all of them."""

    path: Path
    photos: list[Path] = field(default_factory=list)
    keywords: list[Keyword] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """What changes in a sidecar: nothing without a ``step``, or if there is an ``error``."""

    target: Target
    tagged: Tagged
    step: Step | None = None
    error: str | None = None


def targets_to_tag(
    photos: Iterable[tuple[Path, Sequence[Keyword]]], form: Form | None
) -> list[Target]:
    """The sidecars of photos with their keywords.

    Without a ``form``, an existing sidecar is used, first ``IMG_1.jpg.xmp``, then ``IMG_1.xmp``;
    if there is none, it is ``IMG_1.jpg.xmp``.
    """
    found = dict[str, Target]()
    for photo, keywords in photos:
        target = _target(found, _sidecar(photo, form), photo)
        target.keywords.extend(one for one in keywords if one not in target.keywords)
    return list(found.values())


def targets_to_untag(photos: Iterable[Path], form: Form | None) -> list[Target]:
    """The sidecars that photos have, of the form or of both."""
    found = dict[str, Target]()
    for photo in photos:
        for one in FORMS if form is None else (form,):
            if (sidecar := _existing(photo, one)) is not None:
                _target(found, sidecar, photo)
    return list(found.values())


def plans(targets: Iterable[Target], *, remove: bool = False) -> Iterator[Plan]:
    """Read each sidecar, and tag or untag what it holds."""
    for target in targets:
        try:
            old, is_read_only = _read(target.path)
            if remove:
                tagged = Tagged(None) if old is None else untag(old)
            else:
                tagged = tag(old, target.keywords)
            step = _step(target.path, old, tagged.content)
            if step is not None and is_read_only:
                raise XmpError("is read-only: allow writing to change its keywords")
            yield Plan(target, tagged, step)
        except XmpError as error:
            yield Plan(target, Tagged(None), error=f"{error}; it stays as it is")
        except OSError as error:
            yield Plan(target, Tagged(None), error=f"cannot be read: {os_reason(error)}")


def _target(found: dict[str, Target], sidecar: Path, photo: Path) -> Target:
    target = found.setdefault(os.path.realpath(sidecar), Target(sidecar))
    if photo not in target.photos:
        target.photos.append(photo)
    return target


def _sidecar(photo: Path, form: Form | None) -> Path:
    for one in FORMS if form is None else (form,):
        if (existing := _existing(photo, one)) is not None:
            return existing
    return _named(photo, form or FORMS[0], SUFFIXES[0])


def _existing(photo: Path, form: Form) -> Path | None:
    candidates = [_named(photo, form, suffix) for suffix in SUFFIXES]
    return next(filter(os.path.lexists, candidates), None)


def _named(photo: Path, form: Form, suffix: str) -> Path:
    return photo.with_name((photo.name if form == "name" else photo.stem) + suffix)


def _read(path: Path) -> tuple[bytes | None, bool]:
    """What a sidecar holds, ``None`` if there is none, and whether it is read-only."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise XmpError("is a link to a file that does not exist") from None
        return None, False
    if not stat.S_ISREG(mode):
        raise XmpError("is not a regular file")
    with path.open("rb") as file:
        # More than the limit, so that the limit is noticed.
        return file.read(MAX_BYTES + 1), not mode & 0o222


def _step(path: Path, old: bytes | None, new: bytes | None) -> Step | None:
    if new == old:
        return None
    return Step("remove", path) if new is None else Step("write", path, content=new)
