"""Requests and responses of the Open Inference Protocol v2, between bytes and tensors.

A body is JSON, or JSON and binary data behind it; then a header says how long the JSON is.
Sources: the protocol's ``inference_rest.md``, Triton's extensions for binary data and classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import msgspec

from pictell.server.tensors import (
    BYTES,
    Form,
    Pixels,
    Tensor,
    pictures_from_binary,
    pictures_from_json,
    pixels_from_binary,
    pixels_from_json,
    wrong,
)

HEADER_LENGTH = "Inference-Header-Content-Length"
VERSION = "1"
MAX_ID = 256
# Lists in JSON take twenty times their bytes in memory. Only the data of a tensor may be long.
MAX_LIST_BYTES = 16 * 1024
MAX_DIGITS = 12
# A field that is not there, or null.
ABSENT = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """An output to return, as binary data or as JSON.

    With ``classes`` its best classes are returned as text, ``score:index:label``.
    """

    name: str
    binary: bool = False
    classes: int = 0


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """A request: encoded pictures or a tensor (N, …) of pixels, and the outputs to return.

    ``top_k`` is how many labels each picture gets, 1 or more.
    """

    pictures: list[bytes] | Pixels
    outputs: list[RequestedOutput]
    top_k: int = 1
    id: str | None = None


class Signature(NamedTuple):
    """What a model takes, one of the ``inputs``, and gives.

    ``default`` names the outputs of a request that names none, ``classified`` that of which the
    best classes can be requested.
    """

    inputs: tuple[Form, ...]
    outputs: tuple[Form, ...]
    default: tuple[str, ...]
    classified: str


class _InputParameters(msgspec.Struct):
    binary_data_size: int | None = None
    shared_memory_region: str | None = None


class _Input(msgspec.Struct):
    name: str
    shape: msgspec.Raw
    datatype: str
    data: msgspec.Raw = ABSENT
    parameters: _InputParameters = msgspec.field(default_factory=_InputParameters)


class _OutputParameters(msgspec.Struct):
    binary_data: bool | None = None
    classification: Annotated[int, msgspec.Meta(ge=0)] = 0
    shared_memory_region: str | None = None


class _Output(msgspec.Struct):
    name: str
    parameters: _OutputParameters = msgspec.field(default_factory=_OutputParameters)


class _Parameters(msgspec.Struct):
    binary_data_output: bool = False
    top_k: Annotated[int, msgspec.Meta(ge=1)] = 1


class _Body(msgspec.Struct):
    inputs: msgspec.Raw
    outputs: msgspec.Raw = ABSENT
    id: Annotated[str, msgspec.Meta(max_length=MAX_ID)] | None = None
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)


# Made here, because msgspec can crash when two threads use a type for the first time.
_BODY = msgspec.json.Decoder(_Body)
_INPUTS = msgspec.json.Decoder(tuple[_Input])
_SHAPE = msgspec.json.Decoder(list[int])
_OUTPUTS = msgspec.json.Decoder(list[_Output] | None)


def parse_request(
    body: bytes, header_length: str | None, signature: Signature, max_pictures: int
) -> InferenceRequest:
    """The request in a body. ``header_length`` is the value of ``HEADER_LENGTH``.

    With a value of 0 the body is one picture, and the outputs are binary. Raises ``ProblemError``.
    """
    if header_length == "0":
        return InferenceRequest([body], [RequestedOutput(name, True) for name in signature.default])
    size = len(body) if header_length is None else _size(header_length, len(body))
    view = memoryview(body)
    found: _Body = _decode(view[:size], _BODY, "the JSON cannot be read")
    # A tuple of one ends the reading at the second input.
    inputs: tuple[_Input] = _decode(found.inputs, _INPUTS, "inputs must be one tensor")
    pictures = _pictures(inputs[0], view[size:], signature, max_pictures)
    outputs = _wanted(found, signature)
    return InferenceRequest(pictures, outputs, found.parameters.top_k, found.id)


def _size(header_length: str, body: int) -> int:
    """How many bytes of the body are JSON."""
    if header_length.isascii() and header_length.isdecimal() and len(header_length) <= MAX_DIGITS:
        size = int(header_length)
        if size <= body:
            return size
    raise wrong(f"{HEADER_LENGTH} must be a number of bytes up to the {body} of the body")


def _pictures(
    given: _Input, rest: memoryview, signature: Signature, max_pictures: int
) -> list[bytes] | Pixels:
    """The content of an input, from its JSON or the rest of the body."""
    form = _form(given, signature.inputs)
    shape: list[int] = _decode(_short(given.shape), _SHAPE, "the shape cannot be read")
    if not _fits(shape, form, max_pictures):
        raise wrong(
            f"{form.name} as {form.datatype} must have the shape {form.shape_text()} "
            f"for N of 1 to {max_pictures}"
        )
    _check_place(given, rest)
    if not _has_data(given):
        if form.datatype == BYTES:
            return pictures_from_binary(rest, shape[0])
        return pixels_from_binary(rest, form.datatype, shape)
    data = bytes(given.data)
    if form.datatype == BYTES:
        return pictures_from_json(data, shape)
    return pixels_from_json(data, form.datatype, shape)


def _form(given: _Input, forms: Sequence[Form]) -> Form:
    for form in forms:
        if (form.name, form.datatype) == (given.name, given.datatype):
            return form
    known = " or ".join(f"{form.name} as {form.datatype}" for form in forms)
    raise wrong(f"no input {given.name[:MAX_ID]!r} as {given.datatype[:MAX_ID]!r}: give {known}")


def _fits(shape: list[int], form: Form, max_pictures: int) -> bool:
    count, *sides = shape or [0]
    return 1 <= count <= max_pictures and (
        tuple(sides) == form.shape[1:] or (form.datatype == BYTES and sides == [1])
    )


def _has_data(given: _Input) -> bool:
    return memoryview(given.data) != memoryview(ABSENT)


def _check_place(given: _Input, rest: memoryview) -> None:
    """The data of an input is in the JSON, or is the rest of the body."""
    size = given.parameters.binary_data_size
    if given.parameters.shared_memory_region is not None:
        raise wrong("this server has no shared memory: send the data in the body")
    if _has_data(given) == (size is not None):
        raise wrong(f"the input {given.name} must have either data or binary_data_size")
    if (size := size or 0) != len(rest):
        raise wrong(f"{len(rest)} bytes follow the JSON, but binary_data_size is {size}")


def _wanted(found: _Body, signature: Signature) -> list[RequestedOutput]:
    """The outputs to return."""
    default = found.parameters.binary_data_output
    listed: list[_Output] | None = _decode(
        _short(found.outputs), _OUTPUTS, "the outputs cannot be read"
    )
    if not listed:
        return [RequestedOutput(name, default) for name in signature.default]
    if len({one.name for one in listed}) < len(listed):
        raise wrong("an output is requested twice: request it once")
    return [_checked(one, signature, default=default) for one in listed]


def _checked(output: _Output, signature: Signature, *, default: bool) -> RequestedOutput:
    known = [form.name for form in signature.outputs]
    parameters = output.parameters
    if output.name not in known:
        raise wrong(f"no output {output.name[:MAX_ID]!r}: this model gives {', '.join(known)}")
    if parameters.shared_memory_region is not None:
        raise wrong("this server has no shared memory: outputs are in the body")
    if parameters.classification and output.name != signature.classified:
        raise wrong(f"classification is a parameter of the output {signature.classified}")
    binary = default if parameters.binary_data is None else parameters.binary_data
    return RequestedOutput(output.name, binary, parameters.classification)


def _short(raw: msgspec.Raw) -> bytes:
    text = memoryview(raw)
    if len(text) > MAX_LIST_BYTES:
        raise wrong(f"a shape or a list of outputs has more than {MAX_LIST_BYTES} bytes")
    return bytes(text)


def _decode(
    text: bytes | memoryview | msgspec.Raw, decoder: msgspec.json.Decoder[Any], what: str
) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise wrong(f"{what}: {error}") from error


def to_response(
    record: Mapping[str, Any], tensors: Iterable[tuple[Tensor, bool]]
) -> tuple[bytes, int | None]:
    """A body, and how many of its bytes are JSON if others follow.

    ``record`` is what the JSON has before the ``tensors``, of which some are binary.
    """
    outputs, binary = list[dict[str, Any]](), list[bytes]()
    for tensor, is_binary in tensors:
        output: dict[str, Any] = {"name": tensor.name, "shape": tensor.shape}
        output["datatype"] = tensor.datatype
        if is_binary:
            binary.append(tensor.to_binary())
            output["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            output["data"] = tensor.to_json()
        outputs.append(output)
    head = msgspec.json.encode({**record, "outputs": outputs})
    return b"".join([head, *binary]), len(head) if binary else None
