"""Compressed bodies (Content-Encoding), decoded in pieces, so that no bomb fills the memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import chain

from pictell.errors import BadResponseError

Pieces = Iterator[bytes]

PIECE_BYTES = 64 * 1024
# More than a server applies; each costs as much as a whole body.
MAX_ENCODINGS = 3
# An empty member has 20 bytes; bgzip makes one for each 64 KiB.
_MAX_MEMBERS = 20_000
_ZLIB_METHOD = 0x08  # RFC 1950, 2.2
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
# They have names, but no server of pictures sends them to a client that asks for ``identity``.
_NOT_DECODED = frozenset({"compress", "dcb", "dcz", "x-compress", "zstd"})


def parse_encodings(header: str) -> tuple[str, ...]:
    """The encodings to undo, the last one first, as in ``Content-Encoding`` (RFC 9110, 8.4).

    Names that are empty or unknown mean nothing: the bytes decide. Raises ``BadResponseError`` for
    too many.
    """
    names = [name.strip().lower() for name in header.split(",")]
    found = tuple(name for name in reversed(names) if name in _DECODERS or name in _NOT_DECODED)
    if len(found) > MAX_ENCODINGS:
        raise BadResponseError(f"the body is compressed {len(found)} times")
    return found


def decode_pieces(pieces: Pieces, encoding: str) -> Pieces:
    """Undo one encoding. A piece has about ``PIECE_BYTES`` at most, and is never empty.

    Raises ``BadResponseError`` for a body that is damaged, incomplete or in an encoding that
    pictell does not read.
    """
    if encoding not in _DECODERS:
        raise BadResponseError(
            f"the body is compressed with {encoding}, which pictell does not read"
        )
    return filter(None, _DECODERS[encoding](pieces))


def _gunzip(pieces: Pieces) -> Pieces:
    """Undo gzip, of one member or several (RFC 1952, 2.2)."""
    rest = b""
    for _ in range(_MAX_MEMBERS):
        rest = yield from _inflate(chain([rest], pieces), _GZIP)
        # Zeros that fill a block of a tape are no error, as in gzip itself.
        while not rest.strip(b"\0"):
            if not (rest := next(pieces, b"")):
                return
        rest = rest.lstrip(b"\0")
    raise _damaged()


def _deflate(pieces: Pieces) -> Pieces:
    """Undo deflate: a zlib stream (RFC 9110, 8.4.1.2), or without its frame, as some servers do."""
    head = b""
    while len(head) < 2 and (piece := next(pieces, b"")):
        head += piece
    is_zlib = head[:1] and head[0] & 0x0F == _ZLIB_METHOD and int.from_bytes(head[:2]) % 31 == 0
    rest = yield from _inflate(chain([head], pieces), _ZLIB if is_zlib else _RAW)
    if rest or any(pieces):
        raise _damaged()


def _inflate(pieces: Pieces, window_bits: int) -> Generator[bytes, None, bytes]:
    """Undo one zlib stream; return what came behind it in its last piece."""
    decoder = zlib.decompressobj(window_bits)
    # zlib may hold content back when all of the body has been fed.
    for piece in chain(pieces, [b""]):
        while True:
            try:
                content = decoder.decompress(piece, PIECE_BYTES)
            except zlib.error as error:
                raise _damaged() from error
            if content:
                yield content
            if decoder.eof:
                return decoder.unused_data
            piece = decoder.unconsumed_tail
            if not piece and len(content) < PIECE_BYTES:
                break
    raise _incomplete()


def _unbrotli(pieces: Pieces) -> Pieces:
    """Undo Brotli (RFC 7932)."""
    # Few downloads need it.
    import brotli

    decoder = brotli.Decompressor()
    try:
        for piece in pieces:
            yield decoder.process(piece, output_buffer_limit=PIECE_BYTES)
            while not decoder.can_accept_more_data():
                yield decoder.process(b"", output_buffer_limit=PIECE_BYTES)
        while content := decoder.process(b"", output_buffer_limit=PIECE_BYTES):
            yield content
    except brotli.error as error:
        raise _damaged() from error
    if not decoder.is_finished():
        raise _incomplete()


def _damaged() -> BadResponseError:
    message = "the server says that the body is compressed, but it is damaged or not compressed"
    return BadResponseError(message)


def _incomplete() -> BadResponseError:
    return BadResponseError("the compressed body is incomplete")


_DECODERS: Mapping[str, Callable[[Pieces], Pieces]] = {
    "br": _unbrotli,
    "deflate": _deflate,
    "gzip": _gunzip,
    "x-gzip": _gunzip,
}
