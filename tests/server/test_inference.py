"""Requests and responses of the inference protocol, between bytes and tensors, without a server."""

import base64
import json
import tracemalloc
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from tritonclient.http import InferResult
from tritonclient.utils import serialize_byte_tensor

from pictell.server.inference import InferenceRequest, Signature, parse_request, to_response
from pictell.server.problems import ProblemError
from pictell.server.tensors import Form, Tensor

MOST = 4
SIDES = (2, 3, 3)
IMAGE = Form("image", "BYTES", (-1,), "pictures")
BYTES_IN, FLOATS_IN = Form("x", "UINT8", (-1, *SIDES), ""), Form("y", "FP32", (-1, *SIDES), "")
SIGNATURE = Signature(
    (IMAGE, BYTES_IN, FLOATS_IN),
    (Form("scores", "FP32", (-1, 5), ""), Form("labels", "BYTES", (-1, -1), "")),
    ("scores",),
    "scores",
)
PICTURES = [b"\xff\xd8 first", b"", b"third"]
DTYPES: Mapping[str, Any] = {"UINT8": np.uint8, "FP32": np.float32}


def parse(body: bytes, header: str | None = None) -> InferenceRequest:
    return parse_request(body, header, SIGNATURE, MOST)


def as_json(*inputs: Mapping[str, Any], **others: Any) -> bytes:
    return json.dumps({"inputs": inputs, **others}).encode()


def image(**changes: Any) -> dict[str, Any]:
    """An input of two pictures in base64; ``None`` leaves a field out."""
    texts = [base64.b64encode(one).decode() for one in PICTURES[:2]]
    tensor = {"name": "image", "shape": [2], "datatype": "BYTES", "data": texts} | changes
    return {key: value for key, value in tensor.items() if value is not None}


def pixels(shape: Any = (1, *SIDES), data: Any = None, **changes: Any) -> dict[str, Any]:
    data = np.zeros(shape, int).tolist() if data is None else data
    return {"name": "x", "shape": list(shape), "datatype": "UINT8", "data": data, **changes}


def binary(
    tensor: dict[str, Any], data: bytes, size: Any = ..., tail: bytes = b""
) -> InferenceRequest:
    """What is parsed of an input whose data follow the JSON."""
    parameters = {"binary_data_size": len(data) if size is ... else size}
    head = as_json({**tensor, "parameters": parameters})
    return parse(head + data + tail, str(len(head)))


def test_pictures_come_as_base64_in_one_list_or_a_list_for_each() -> None:
    flat = parse(as_json(image()))
    texts = [[text] for text in image()["data"]]
    nested = parse(as_json(image(shape=[2, 1], data=texts)))
    column = parse(as_json(image(shape=[2, 1])))
    assert flat.pictures == nested.pictures == column.pictures == PICTURES[:2]


@pytest.mark.parametrize("shape", [[3], [3, 1]])
def test_pictures_come_as_binary_data(shape: list[int]) -> None:
    array = np.array(PICTURES, np.object_)
    tensor = image(shape=shape, data=None)
    assert binary(tensor, serialize_byte_tensor(array).item()).pictures == PICTURES


@given(
    st.sampled_from([BYTES_IN, FLOATS_IN]).flatmap(
        lambda form: st.tuples(
            st.just(form),
            arrays.arrays(
                DTYPES[form.datatype],
                st.integers(1, MOST).map(lambda count: (count, *SIDES)),
                elements={"allow_nan": False, "allow_infinity": False}
                if form.datatype == "FP32"
                else None,
            ),
        )
    ),
    st.sampled_from(["flat", "nested", "binary"]),
)
def test_pixels_come_as_they_are_sent(given_: tuple[Form, NDArray[np.generic]], way: str) -> None:
    form, array = given_
    tensor = pixels(array.shape, name=form.name, datatype=form.datatype)
    if way == "binary":
        del tensor["data"]
        found = binary(tensor, array.tobytes()).pictures
    else:
        tensor["data"] = (array.ravel() if way == "flat" else array).tolist()
        found = parse(as_json(tensor)).pictures
    assert isinstance(found, np.ndarray)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_long_lists_of_numbers_are_read_whole() -> None:
    form = Form("x", "FP32", (-1, 200, 200, 3), "")
    array = np.random.default_rng(5).normal(size=(2, 200, 200, 3)).astype(np.float32)
    body = as_json(pixels(array.shape, array.tolist(), datatype="FP32"))
    request = parse_request(body, None, SIGNATURE._replace(inputs=(form,)), MOST)
    np.testing.assert_array_equal(request.pictures, array)


def test_a_body_without_json_is_one_picture_and_its_outputs_are_binary() -> None:
    request = parse(b"\xff\xd8 picture", "0")
    assert request.pictures == [b"\xff\xd8 picture"]
    assert [(one.name, one.binary) for one in request.outputs] == [("scores", True)]


def test_outputs_are_those_that_the_request_names_as_it_wants_them() -> None:
    outputs = [
        {"name": "labels", "parameters": {"binary_data": False, "other": [1]}},
        {"name": "scores", "parameters": {"classification": 3}},
    ]
    parameters = {"binary_data_output": True, "top_k": 2, "timeout": 5, "other": {"a": 1}}
    request = parse(as_json(image(), outputs=outputs, parameters=parameters, id="7"))
    found = [(one.name, one.binary, one.classes) for one in request.outputs]
    assert found == [("labels", False, 0), ("scores", True, 3)]
    assert (request.id, request.top_k) == ("7", 2)


@pytest.mark.parametrize("outputs", [None, []])
def test_without_outputs_the_default_ones_are_wanted(outputs: list[Any] | None) -> None:
    request = parse(as_json(image(), outputs=outputs))
    assert [(one.name, one.binary) for one in request.outputs] == [("scores", False)]
    assert (request.id, request.top_k) == (None, 1)


WRONG: Mapping[str, bytes] = {
    "empty": b"",
    "no JSON": b"\xff\xd8\xff\xe0 a picture",
    "no object": b"[1]",
    "cut": as_json(image())[:-2],
    "two values": as_json(image()) + b"{}",
    "deep": b"[" * 100_000,
    "deep data": as_json(pixels())[:-5].replace(b"[[", b"[" * 100_000),
    "no inputs": b"{}",
    "an empty list": as_json(),
    "two inputs": as_json(image(), pixels()),
    "the same input twice": as_json(image(), image()),
    "no name": as_json(image(name=None)),
    "an unknown name": as_json(image(name="picture\n")),
    "an unknown datatype": as_json(image(datatype="FP8")),
    "the datatype of another input": as_json(pixels(datatype="FP32")),
    "no shape": as_json(image(shape=None)),
    "a shape of no axes": as_json(image(shape=[])),
    "no pictures": as_json(image(shape=[0], data=[])),
    "a negative shape": as_json(image(shape=[-1])),
    "a negative product": as_json(pixels(data=[1], shape=[-1, -2, 3, 3])),
    "too many pictures": as_json(image(shape=[5], data=["AAAA"] * 5)),
    "a shape that overflows": as_json(image(shape=[2**64 + 2])),
    "a shape of digits": as_json(image()).replace(b"[2]", b"[%b]" % (b"2" * 10_000)),
    "a long shape": as_json(image(shape=[1] * 100_000)),
    "a shape of fractions": as_json(image(shape=[2.5])),
    "a shape of another model": as_json(pixels(shape=[1, 3, 3, 2])),
    "too many axes": as_json(image(shape=[2, 1, 1])),
    "no data": as_json(image(data=None)),
    "data that are null": as_json(image()).replace(b'"data": [', b'"data": null, "z": ['),
    "too few pictures": as_json(image(shape=[3])),
    "too many elements": as_json(image(shape=[1])),
    "no elements": as_json(image(shape=[1], data=[])),
    "a text as data": as_json(image(shape=[1], data="AAAA")),
    "no base64": as_json(image(data=["AAAA", "?"])),
    "a list in a list": as_json(image(data=[["AAAA"], ["AAAA"]])),
    "lists of another shape": as_json(image(shape=[2, 1], data=[["AAAA", "AAAA"], []])),
    "too few numbers": as_json(pixels(data=[0] * 17)),
    "too many numbers": as_json(pixels(data=[0] * 19)),
    "uneven lists": as_json(pixels(data=[[[[0] * 4, [0] * 2, [0] * 3], [[0] * 3] * 3]])),
    "a number that does not fit": as_json(pixels(data=[256] + [0] * 17)),
    "a negative number": as_json(pixels(data=[-1] + [0] * 17)),
    "a fraction": as_json(pixels(data=[0.5] + [0] * 17)),
    "a text as a number": as_json(pixels(data=["1"] + [0] * 17)),
    "true as a number": as_json(pixels(data=[True] + [0] * 17)),
    "an object as a number": as_json(pixels(data=[{"a": 1}] + [0] * 17)),
    "NaN": as_json(pixels(name="y", datatype="FP32", data=[float("nan")] + [0] * 17)),
    "infinity": as_json(pixels(name="y", datatype="FP32", data=[float("inf")] + [0] * 17)),
    "too large for float32": as_json(pixels(name="y", datatype="FP32", data=[1e39] + [0] * 17)),
    "too large for any": as_json(pixels()).replace(b"0", b"1e999", 1),
    "shared memory": as_json(image(data=None, parameters={"shared_memory_region": "a"})),
    "binary data in the JSON": as_json(image(data=None, parameters={"binary_data_size": 9})),
    "data twice": as_json(image(parameters={"binary_data_size": 0})),
    "an unknown output": as_json(image(), outputs=[{"name": "embedding"}]),
    "an output without a name": as_json(image(), outputs=[{}]),
    "an output twice": as_json(image(), outputs=[{"name": "scores"}] * 2),
    "many outputs": as_json(image(), outputs=[{"name": "scores"}] * 100_000),
    "an output in shared memory": as_json(
        image(),
        outputs=[{"name": "scores", "parameters": {"shared_memory_region": "a"}}],
    ),
    "classes of labels": as_json(
        image(), outputs=[{"name": "labels", "parameters": {"classification": 2}}]
    ),
    "negative classes": as_json(
        image(), outputs=[{"name": "scores", "parameters": {"classification": -2}}]
    ),
    "no labels": as_json(image(), parameters={"top_k": 0}),
    "a text as top_k": as_json(image(), parameters={"top_k": "3"}),
    "an id that is a number": as_json(image(), id=5),
    "a long id": as_json(image(), id="a" * 10_000),
    "a surrogate": as_json(image()).replace(b"image", b"\\ud800"),
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_an_error_of_one_line(body: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        parse(body)
    assert caught.value.status == 400
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "header", ["", "-1", "+9", "1e2", " 9", "९", "x", "9" * 5000, "999", "1", "00", "0,0"]
)
def test_a_wrong_length_of_the_json_is_an_error(header: str) -> None:
    with pytest.raises(ProblemError):
        parse(as_json(image()), header)


@pytest.mark.parametrize(
    ("data", "tail"),
    [
        (b"", b""),
        (b"\x01\0\0\0A\x01\0\0", b""),
        (b"\x01\0\0\0A\x01\0\0\0", b""),
        (b"\x01\0\0\0A\xff\xff\xff\xffB", b""),
        (b"\x01\0\0\0A\x01\0\0\0B\0", b""),
        (b"\x01\0\0\0A\x01\0\0\0B", b"\0"),
    ],
)
def test_binary_pictures_that_do_not_fit_their_lengths_are_an_error(
    data: bytes, tail: bytes
) -> None:
    with pytest.raises(ProblemError):
        binary(image(data=None), data, tail=tail)


@pytest.mark.parametrize("size", [-18, 0, 17, 19, 10**30, "18", None, 18.5])
def test_a_wrong_size_of_binary_data_is_an_error(size: object) -> None:
    tensor = pixels()
    del tensor["data"]
    with pytest.raises(ProblemError):
        binary(tensor, bytes(18), size)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_binary_pixels_must_be_finite(value: float) -> None:
    tensor = pixels(name="y", datatype="FP32")
    del tensor["data"]
    with pytest.raises(ProblemError):
        binary(tensor, np.full((1, *SIDES), value, np.float32).tobytes())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
SHAPES = st.lists(st.integers(-1, 5) | st.integers(), max_size=5) | JSON
INPUTS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["image", "x", "y"]) | JSON,
        "datatype": st.sampled_from(["BYTES", "UINT8", "FP32"]) | JSON,
        "shape": SHAPES | st.integers(1, MOST).map(lambda count: [count, *SIDES]),
    },
    optional={
        "data": JSON | st.lists(st.integers(0, 255), min_size=18, max_size=18),
        "parameters": JSON | st.fixed_dictionaries({"binary_data_size": st.integers(0, 40)}),
    },
)
BODIES = st.fixed_dictionaries(
    {"inputs": st.lists(INPUTS, min_size=1, max_size=1) | JSON},
    optional={
        "outputs": JSON | st.lists(st.fixed_dictionaries({"name": st.just("scores") | JSON})),
        "parameters": JSON | st.fixed_dictionaries({"top_k": JSON}),
        "id": JSON,
    },
).map(lambda body: json.dumps(body).encode())


@given(BODIES | st.binary(), st.binary(max_size=40), st.integers(-2, 2) | st.none() | st.text())
def test_whatever_a_body_is_the_only_error_is_a_problem(
    head: bytes, data: bytes, header: int | str | None
) -> None:
    # An integer is how far the length is from the truth.
    length = str(len(head) + header) if isinstance(header, int) else header
    found = attempt(head + data, length)
    if isinstance(found, ProblemError):
        assert found.status == 400
        assert found.message.isprintable()
    else:
        assert 1 <= len(found.pictures) <= MOST
        assert found.outputs


def attempt(body: bytes, header: str | None) -> InferenceRequest | ProblemError:
    try:
        return parse(body, header)
    except ProblemError as problem:
        return problem


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": [' + b"[]," * 1_000_000 + b"[]]}",
        b'{"inputs": [' + b'{"name":"","shape":[],"datatype":""},' * 100_000,
        as_json(image(), parameters={"other": [[]] * 500_000}),
        as_json(image(shape=[1] * 1_000_000)),
        as_json(image(data=[""] * 1_000_000)),
        as_json(pixels(data=[0] * 1_000_000)),
        as_json(pixels(data=[[]] * 1_000_000)),
        as_json(image(), outputs=[{"name": ""}] * 100_000),
    ],
)
def test_a_wrong_body_takes_no_more_memory_than_a_few_times_its_bytes(body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ProblemError):
            parse(body + b"x")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(body)


def test_a_long_list_of_numbers_takes_few_times_its_bytes() -> None:
    form = Form("x", "UINT8", (-1, 1000, 1000, 3), "")
    body = as_json(pixels([1, 1000, 1000, 3], [0] * 3_000_000))
    tracemalloc.start()
    try:
        parse_request(body, None, SIGNATURE._replace(inputs=(form,)), MOST)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(body)


def test_a_response_is_read_by_a_client_as_it_was() -> None:
    scores = np.random.default_rng(2).random((2, 5), np.float32)
    texts = ["", "a", "Käfer 🐞", "\n"]
    tensors = [Tensor("scores", (2, 5), scores), Tensor("labels", (2, 2), texts)]
    for ways in ([True, True], [False, False], [True, False], [False, True]):
        body, length = to_response({"id": "1"}, zip(tensors, ways, strict=True))
        result = InferResult.from_response_body(body, header_length=length)
        assert (length is None) == (not any(ways))
        np.testing.assert_array_equal(result.as_numpy("scores"), scores)
        found = result.as_numpy("labels")
        assert found.shape == (2, 2)
        assert [one.decode() if isinstance(one, bytes) else one for one in found.flat] == texts
        assert result.get_response()["id"] == "1"
