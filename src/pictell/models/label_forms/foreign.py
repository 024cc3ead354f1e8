"""Texts that hold no labels, but are often saved as one."""

from __future__ import annotations

import re

from pictell.models.label_forms.values import FormError

FOREIGN = (
    (
        re.compile(r"version https://git-lfs"),
        "a pointer of Git LFS, not labels: git lfs pull fetches them",
    ),
    (
        re.compile(r"<(\?xml|!doctype|!--|html|head|svg|[\w:]+ [\w:]+=)", re.IGNORECASE),
        "HTML or XML, not labels: save the file itself, which sites call 'raw'",
    ),
    (
        re.compile(r"\|[^\n]*\|[ \t]*\n\|[-: |]+\|"),
        "a table in Markdown, not labels: write it as CSV, with commas",
    ),
    (
        re.compile(r"[^\n]*\0|[^\n]*\n[^\n]*\0"),
        "binary data or UTF-16 without its mark, not labels: save it as UTF-8",
    ),
)


def check_not_foreign(text: str) -> None:
    """Raise ``FormError`` for a web page, a pointer to a file, or binary data."""
    for pattern, what in FOREIGN:
        if pattern.match(text):
            raise FormError(what)
