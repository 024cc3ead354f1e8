"""The pictures that a command line names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from pictell.images.sources import expand_argument
from pictell.types import Source


def named_sources(
    options: argparse.Namespace, on_skip: Callable[[Path], object]
) -> Iterator[Source]:
    """The sources of ``pictures``, in their order, then those of the list ``from_file``."""
    for word in options.pictures:
        yield from expand_argument(word, on_skip)
    if options.from_file is not None:
        from pictell.images.lists import expand_list

        yield from expand_list(
            options.from_file,
            separator=b"\0" if options.null else b"\n",
            allow_private=options.allow_private,
            on_skip=on_skip,
        )
