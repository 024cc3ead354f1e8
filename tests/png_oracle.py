"""An independent reader of PNG files without interlacing, from ISO/IEC 15948."""

import struct
import zlib

import numpy as np

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def read_over_white(data: bytes) -> np.ndarray:
    """RGB over white, shape (H, W, 3), float64 in 0..255; of 16-bit samples the high byte."""
    chunks = read_chunks(data)
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert not interlace
    samples = _unpacked(zlib.decompress(chunks[b"IDAT"]), width, height, depth, colour)
    transparent = chunks.get(b"tRNS")
    if colour == 3:
        palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
        alphas = np.frombuffer((transparent or b"").ljust(len(palette), b"\xff"), np.uint8)
        return _over_white(palette[samples[..., 0]], alphas[samples[..., 0]])
    levels = _eight_bits(samples, depth)
    if colour in {4, 6}:
        return _over_white(levels[..., :-1], levels[..., -1])
    alpha = np.full((height, width), 255)
    if transparent is not None:
        alpha[(samples == np.frombuffer(transparent, ">u2")).all(axis=-1)] = 0
    return _over_white(levels, alpha)


def read_chunks(data: bytes) -> dict[bytes, bytes]:
    """Chunk bodies by name; bodies of the same name are joined."""
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        chunks[name] = chunks.get(name, b"") + data[at + 8 : at + 8 + length]
        at += 12 + length
    return chunks


def _unpacked(data: bytes, width: int, height: int, depth: int, colour: int) -> np.ndarray:
    """Integer samples, shape (H, W, channels)."""
    bits = depth * CHANNELS[colour]
    row_bytes, step = (width * bits + 7) // 8, max(1, bits // 8)
    rows = _unfiltered(data, height, row_bytes, step)
    if depth == 16:
        samples = rows.reshape(-1).view(">u2").reshape(height, -1).astype(np.uint16)
    elif depth == 8:
        samples = rows
    else:
        bit_rows = np.unpackbits(rows, axis=1).reshape(height, -1, depth)
        samples = bit_rows @ (1 << np.arange(depth)[::-1])
    return samples[:, : width * CHANNELS[colour]].reshape(height, width, CHANNELS[colour])


def _unfiltered(data: bytes, height: int, row_bytes: int, step: int) -> np.ndarray:
    rows = np.zeros((height, row_bytes), np.uint8)
    above = [0] * (row_bytes + step)
    for index in range(height):
        start = index * (row_bytes + 1)
        kind, filtered = data[start], data[start + 1 : start + 1 + row_bytes]
        row = [0] * step
        for at, value in enumerate(filtered, step):
            predicted = _predicted(kind, row[at - step], above[at], above[at - step])
            row.append((value + predicted) & 255)
        rows[index] = row[step:]
        above = row
    return rows


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda value: abs(guess - value))
    return (0, left, up, (left + up) // 2)[kind]


def _eight_bits(samples: np.ndarray, depth: int) -> np.ndarray:
    return samples >> 8 if depth == 16 else samples * (255 // (2**depth - 1))


def _over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    opacity = alpha[..., np.newaxis] / 255
    return np.broadcast_to(colour * opacity + 255 * (1 - opacity), (*alpha.shape, 3))
