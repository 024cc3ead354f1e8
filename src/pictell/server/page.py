"""The page to drop pictures on: a few static files, which need nothing from other servers."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).with_name("page")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# The files of the page by their paths. Everyone may read them: they hold nothing of the server.
FILES = {
    "/": "index.html",
    "/page.css": "page.css",
    "/page.js": "page.js",
    "/card.js": "card.js",
    "/copy.js": "copy.js",
    "/notice.js": "notice.js",
    "/queue.js": "queue.js",
    "/server.js": "server.js",
    "/words.js": "words.js",
    "/docs": "docs.html",
    "/docs.js": "docs.js",
    "/icon.svg": "icon.svg",
}
# Thumbnails are blobs. No text can become HTML or a script, whatever a file or a label is called.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def routes() -> list[Route]:
    """The routes of the page."""
    return [_route(path, FOLDER / name) for path, name in FILES.items()]


def _route(path: str, file: Path) -> Route:
    content = file.read_bytes()
    etag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {"cache-control": "no-cache", "content-security-policy": POLICY, "etag": etag}

    async def get(request: Request) -> Response:
        # A browser asks each time, so that a new release is seen at once.
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=TYPES[file.suffix])

    return Route(path, get)
