"""Bodies with a Content-Encoding, from a real server."""

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from functools import reduce

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.errors import BadResponseError, BodyTooLargeError, FetchTimeoutError
from pictell.images.encodings import PIECE_BYTES, decode_pieces
from pictures import photo_as
from raw_server import PICTURE, Server, get, http

# Its first bytes are those of no picture, so a declared encoding is believed.
TEXT = b"no picture " * 30_000
MAX_BYTES = 10**6


def raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
}


def encoded(content: bytes, *encodings: str) -> bytes:
    return reduce(lambda body, encoding: ENCODERS[encoding](body), encodings, content)


def answer(body: bytes, *encodings: str) -> bytes:
    return http(body, *(f"Content-Encoding: {one}" for one in encodings))


@pytest.mark.parametrize("content", [PICTURE, TEXT], ids=["picture", "text"])
@pytest.mark.parametrize("encoding", ENCODERS)
def test_an_encoded_body_is_decoded(
    encoding: str, content: bytes, serve: Callable[..., Server]
) -> None:
    server = serve(answer(encoded(content, encoding), encoding))
    assert get(server.url()) == content
    assert b"Accept-Encoding: identity\r\n" in server.requests[0]
    chunks = encoded(content, encoding)
    pieces = b"".join(b"%x\r\n%s\r\n" % (1, chunks[at : at + 1]) for at in range(len(chunks)))
    chunked = ("Transfer-Encoding: chunked", f"Content-Encoding: {encoding}")
    assert get(serve(http(pieces + b"0\r\n\r\n", *chunked)).url(), max_bytes=10**7) == content


def test_deflate_may_lack_the_frame_of_zlib(serve: Callable[..., Server]) -> None:
    assert get(serve(answer(raw_deflate(TEXT), "deflate")).url()) == TEXT


def test_gzip_may_have_several_members_and_padding(serve: Callable[..., Server]) -> None:
    parts = [gzip.compress(TEXT[at : at + 9000]) for at in range(0, len(TEXT), 9000)]
    for body in (b"".join(parts), b"\0\0".join(parts) + bytes(70_000)):
        assert get(serve(answer(body, "gzip")).url()) == TEXT


@pytest.mark.parametrize(
    "headers",
    [
        ["gzip, identity"],
        ["identity", "gzip"],
        ["GZip"],
        [" , gzip ,"],
        ["none, gzip"],
    ],
)
def test_names_of_encodings_are_read_loosely(
    headers: list[str], serve: Callable[..., Server]
) -> None:
    assert get(serve(answer(gzip.compress(TEXT), *headers)).url()) == TEXT


@pytest.mark.parametrize("header", ["", "identity", "Identity", "none", "utf-8", "x-unknown", ",,"])
@pytest.mark.parametrize("content", [PICTURE, TEXT], ids=["picture", "text"])
def test_an_empty_or_unknown_encoding_means_nothing(
    header: str, content: bytes, serve: Callable[..., Server]
) -> None:
    assert get(serve(answer(content, header)).url()) == content


@pytest.mark.parametrize("encodings", [["gzip", "br"], ["deflate", "gzip", "br"]])
def test_encodings_are_undone_in_reverse_order(
    encodings: list[str], serve: Callable[..., Server]
) -> None:
    body = encoded(TEXT, *encodings)
    assert get(serve(answer(body, ", ".join(encodings))).url()) == TEXT
    assert get(serve(answer(body, *encodings)).url()) == TEXT


def test_too_many_encodings_are_refused(serve: Callable[..., Server]) -> None:
    with pytest.raises(BadResponseError, match="compressed 4 times"):
        get(serve(answer(encoded(TEXT, *["gzip"] * 4), *["gzip"] * 4)).url())


@pytest.mark.parametrize("encoding", [*ENCODERS, "zstd", "compress", "gzip, br, gzip"])
@pytest.mark.parametrize("flavour", ["jpeg", "png", "webp-lossy", "bmp", "tiff", "avif"])
def test_a_picture_is_one_whatever_the_server_declares(
    encoding: str, flavour: str, serve: Callable[..., Server]
) -> None:
    content = photo_as(flavour)
    assert get(serve(answer(content, encoding)).url()) == content


def test_a_picture_that_is_compressed_less_often_than_declared(
    serve: Callable[..., Server],
) -> None:
    assert get(serve(answer(gzip.compress(PICTURE), "gzip, gzip")).url()) == PICTURE


@pytest.mark.parametrize("encoding", [*ENCODERS, "gzip, br"])
def test_what_is_neither_compressed_nor_a_picture_says_so(
    encoding: str, serve: Callable[..., Server]
) -> None:
    with pytest.raises(BadResponseError, match="damaged or not compressed"):
        get(serve(answer(b"\xfe<html>an error page</html>", encoding)).url())


@pytest.mark.parametrize("encoding", ["zstd", "compress"])
def test_an_encoding_that_is_not_read_is_named(encoding: str, serve: Callable[..., Server]) -> None:
    with pytest.raises(BadResponseError, match=f"compressed with {encoding}"):
        get(serve(answer(b"\x28\xb5\x2f\xfd....", encoding)).url())


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("lost", [1, 4, 8, 100])
def test_an_incomplete_body_is_an_error(
    encoding: str, lost: int, serve: Callable[..., Server]
) -> None:
    body = encoded(PICTURE, encoding)[:-lost]
    with pytest.raises(BadResponseError, match="incomplete"):
        get(serve(answer(body, encoding)).url())


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_damaged_body_and_rubbish_behind_it_are_errors(
    encoding: str, serve: Callable[..., Server]
) -> None:
    body = encoded(PICTURE, encoding)
    with pytest.raises(BadResponseError):
        get(serve(answer(body + b"rubbish", encoding)).url())
    if encoding != "br":  # it has no checksum
        damaged = bytearray(body)
        damaged[len(body) // 2] ^= 0xFF
        with pytest.raises(BadResponseError):
            get(serve(answer(bytes(damaged), encoding)).url())


@pytest.mark.parametrize("body", [gzip.compress(b""), b""])
def test_an_empty_body_is_an_error_whatever_its_encoding(
    body: bytes, serve: Callable[..., Server]
) -> None:
    with pytest.raises(BadResponseError, match="an empty body"):
        get(serve(answer(body, "gzip")).url())


def test_max_bytes_is_exact_after_decoding(serve: Callable[..., Server]) -> None:
    for encoding in ENCODERS:
        server = serve(answer(encoded(TEXT, encoding), encoding))
        assert get(server.url(), max_bytes=len(TEXT)) == TEXT
        with pytest.raises(BodyTooLargeError) as caught:
            get(server.url(), max_bytes=len(TEXT) - 1)
        assert caught.value.max_bytes == len(TEXT) - 1


def test_the_budget_counts_decoded_bytes(serve: Callable[..., Server]) -> None:
    reserved: list[int] = []
    get(serve(answer(gzip.compress(TEXT), "gzip")).url(), reserve=reserved.append)
    assert sum(reserved) == len(TEXT)


def bomb(encoding: str) -> bytes:
    """Zeros, 256 MiB of them, compressed."""
    zeros = [bytes(1 << 20)] * 256
    if encoding == "br":
        compressor = brotli.Compressor(quality=1)
        return b"".join(map(compressor.process, zeros)) + compressor.finish()
    deflater = zlib.compressobj(1, wbits=31 if encoding == "gzip" else 15)
    return b"".join(map(deflater.compress, zeros)) + deflater.flush()


@pytest.mark.parametrize(
    "encodings", [["gzip"], ["deflate"], ["br"], ["gzip", "gzip"], ["br", "gzip", "deflate"]]
)
def test_a_bomb_is_refused_before_it_fills_the_memory(
    encodings: list[str], serve: Callable[..., Server]
) -> None:
    server = serve(answer(encoded(bomb(encodings[0]), *encodings[1:]), ", ".join(encodings)))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            get(server.url(), max_bytes=10 * MAX_BYTES)
        assert tracemalloc.get_traced_memory()[1] < 30 * MAX_BYTES
    finally:
        tracemalloc.stop()


def test_layers_between_are_bounded_too(serve: Callable[..., Server]) -> None:
    """Blocks without content, 200 MB of them, in a body of less than a megabyte."""
    compressor = zlib.compressobj(1, wbits=31)
    empty = b"\0\0\0\xff\xff" * 200_000
    body = b"".join(map(compressor.compress, [empty] * 200)) + compressor.flush()
    with pytest.raises(BodyTooLargeError):
        get(serve(answer(body, "deflate, gzip")).url())


def test_members_without_content_are_counted(serve: Callable[..., Server]) -> None:
    with pytest.raises(BadResponseError):
        get(serve(answer(gzip.compress(b"") * 50_000, "gzip")).url(), max_bytes=10**7)


def test_the_deadline_holds_for_encoded_bodies(serve: Callable[..., Server]) -> None:
    body = gzip.compress(PICTURE)

    def drip(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
        sock.sendall(http(b"", "Content-Encoding: gzip", f"Content-Length: {len(body)}"))
        for byte in body:
            sock.sendall(bytes([byte]))
            if closing.wait(0.02):
                break

    with pytest.raises(FetchTimeoutError):
        get(serve(drip).url(), timeout_s=0.2)


def decoded(body: bytes, encoding: str, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    found = list(decode_pieces(iter(pieces), encoding))
    assert all(0 < len(piece) <= 2 * PIECE_BYTES for piece in found)
    return b"".join(found)


@given(st.binary(max_size=300), st.integers(1, 50), st.sampled_from([*ENCODERS]))
def test_pieces_of_any_size_give_the_same(content: bytes, size: int, encoding: str) -> None:
    assert decoded(encoded(content, encoding), encoding, size) == content
    if encoding == "deflate":
        assert decoded(raw_deflate(content), encoding, size) == content


@given(st.binary(max_size=300), st.integers(1, 50), st.sampled_from([*ENCODERS]))
def test_any_bytes_are_decoded_or_refused(body: bytes, size: int, encoding: str) -> None:
    try:
        decoded(body, encoding, size)
    except BadResponseError:
        return
