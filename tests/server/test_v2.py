"""The inference protocol over a real socket, by Triton's client and by plain JSON."""

import base64
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

import small_networks as small
from command import ROOT, pictell
from pictell import load
from pictell.graphs import Weights
from pictell.inspection import checksum
from pictell.models.folder import write_model_folder
from pictell.types import Label, ModelSpec, PreprocessSpec, Source
from serving import CAT, Server, serving

SAMPLES = [CAT, ROOT / "samples" / "wall-clock.png"]
SCORE_STEP = 1e-6
OPTIONS = {"network_timeout": 60.0, "connection_timeout": 60.0}


@pytest.fixture
def client(server: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}", **OPTIONS) as client:
        yield client


@pytest.fixture(scope="module")
def printed() -> list[dict[str, Any]]:
    """What the command prints of the samples."""
    run = pictell("--format", "json", *SAMPLES)
    assert run.returncode == 0, run.stderr
    results: list[dict[str, Any]] = json.loads(run.stdout)
    return results


def pictures(*paths: Path, binary: bool = True) -> triton.InferInput:
    """The input of encoded pictures."""
    content = [path.read_bytes() for path in paths]
    if not binary:
        content = [base64.b64encode(one) for one in content]
    tensor = triton.InferInput("image", [len(content)], "BYTES")
    return tensor.set_data_from_numpy(np.array(content, np.object_), binary_data=binary)


def texts(result: triton.InferResult, name: str) -> list[Any]:
    """A BYTES output as texts: from binary data bytes, from JSON texts."""
    array = result.as_numpy(name)
    return np.vectorize(lambda one: one.decode() if isinstance(one, bytes) else one)(array).tolist()


def infer(server: Server, body: object, path: str = "default/infer") -> dict[str, Any]:
    """A request in JSON, without a client's library."""
    request = urllib.request.Request(
        f"{server.url}/v2/models/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        found: dict[str, Any] = json.load(response)
        return found


def test_the_server_says_that_it_lives_and_is_ready(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("default")
    assert client.is_model_ready("default", "1")
    assert not client.is_model_ready("default", "2")
    assert not client.is_model_ready("other")
    assert {"binary_tensor_data", "classification"} <= {*client.get_server_metadata()["extensions"]}
    (model,) = client.get_model_repository_index()
    assert (model["name"], model["state"]) == ("default", "READY")


def test_the_metadata_describe_what_the_model_takes_and_gives(
    client: triton.InferenceServerClient,
) -> None:
    metadata = client.get_model_metadata("default")
    assert metadata == client.get_model_metadata("default", "1")
    assert (metadata["name"], metadata["versions"]) == ("default", ["1"])
    forms = {
        kind: [(one["name"], one["datatype"], one["shape"]) for one in metadata[kind]]
        for kind in ("inputs", "outputs")
    }
    assert forms["inputs"] == [("image", "BYTES", [-1]), ("image", "UINT8", [-1, 224, 224, 3])]
    assert forms["outputs"] == [
        ("scores", "FP32", [-1, 1000]),
        ("labels", "BYTES", [-1, -1]),
        ("answer", "BYTES", [-1]),
        ("status", "BYTES", [-1]),
        ("embedding", "FP32", [-1, 1280]),
    ]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_pictures_get_what_the_command_prints(
    client: triton.InferenceServerClient,
    printed: list[dict[str, Any]],
    binary_in: bool,
    binary_out: bool,
) -> None:
    names = ("scores", "labels", "answer", "status")
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    tensor = pictures(*SAMPLES, binary=binary_in)
    result = client.infer("default", [tensor], outputs=outputs, parameters={"top_k": 3})
    scores = result.as_numpy("scores")
    assert (scores.dtype, scores.shape) == (np.float32, (2, 1000))
    for i, record in enumerate(printed):
        best = record["predictions"][:3]
        assert texts(result, "labels")[i] == [one["label"] for one in best]
        assert texts(result, "answer")[i] == record["answer"]["name"]
        assert texts(result, "status")[i] == record["status"]
        for one in record["predictions"]:
            assert scores[i, one["class_index"]] == pytest.approx(one["score"], abs=SCORE_STEP)


def test_a_request_without_outputs_gets_them_all_but_the_embedding(
    client: triton.InferenceServerClient,
) -> None:
    result = client.infer("default", [pictures(CAT)], request_id="a 1", model_version="1")
    response = result.get_response()
    assert (response["model_name"], response["model_version"]) == ("default", "1")
    assert response["id"] == "a 1"
    names = [one["name"] for one in response["outputs"]]
    assert names == ["scores", "labels", "answer", "status"]
    assert result.as_numpy("labels").shape == (1, 1)


def test_the_best_classes_of_scores_are_texts_as_in_triton(
    client: triton.InferenceServerClient, printed: list[dict[str, Any]]
) -> None:
    outputs = [triton.InferRequestedOutput("scores", class_count=2)]
    result = client.infer("default", [pictures(*SAMPLES)], outputs=outputs)
    assert texts(result, "scores") == [
        [
            f"{one['score']:f}:{one['class_index']}:{one['label']}"
            for one in record["predictions"][:2]
        ]
        for record in printed
    ]


def test_the_embedding_comes_on_request(client: triton.InferenceServerClient) -> None:
    outputs = [triton.InferRequestedOutput("embedding")]
    result = client.infer("default", [pictures(*SAMPLES)], outputs=outputs)
    with load() as classifier:
        np.testing.assert_allclose(
            result.as_numpy("embedding"), classifier.embed(SAMPLES), atol=1e-6
        )


@pytest.mark.parametrize("binary", [True, False])
def test_pixels_go_straight_to_the_model(
    client: triton.InferenceServerClient, binary: bool
) -> None:
    with load() as classifier:
        model = classifier.model
        batch = np.concatenate([model.prepare(Source(path.name, path)).tensor for path in SAMPLES])
    tensor = triton.InferInput("image", batch.shape, "UINT8")
    tensor.set_data_from_numpy(batch, binary_data=binary)
    outputs = [triton.InferRequestedOutput(name) for name in ("scores", "labels")]
    of_pixels = client.infer("default", [tensor], outputs=outputs)
    of_pictures = client.infer("default", [pictures(*SAMPLES)], outputs=outputs)
    assert texts(of_pixels, "labels") == texts(of_pictures, "labels")
    np.testing.assert_allclose(
        of_pixels.as_numpy("scores"), of_pictures.as_numpy("scores"), atol=SCORE_STEP
    )


def test_several_requests_at_once_get_their_own_answers(server: Server) -> None:
    address = f"127.0.0.1:{server.port}"
    with triton.InferenceServerClient(address, concurrency=4, **OPTIONS) as client:
        inputs = [[pictures(SAMPLES[i % 2])] for i in range(8)]
        waiting = [client.async_infer("default", one) for one in inputs]
        labels = [texts(one.get_result(), "labels")[0][0] for one in waiting]
    assert len(set(labels)) == 2
    assert labels == labels[:2] * 4


def test_json_without_a_library(server: Server, printed: list[dict[str, Any]]) -> None:
    text = base64.b64encode(CAT.read_bytes()).decode()
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}
    found = infer(server, {"id": "42", "inputs": [tensor], "outputs": [{"name": "labels"}]})
    assert found == {
        "model_name": "default",
        "model_version": "1",
        "id": "42",
        "outputs": [
            {
                "name": "labels",
                "shape": [1, 1],
                "datatype": "BYTES",
                "data": [printed[0]["predictions"][0]["label"]],
            }
        ],
    }
    assert "id" not in infer(server, {"inputs": [tensor]}, "default/versions/1/infer")


def test_a_body_can_be_the_picture_itself(server: Server) -> None:
    header = {"Inference-Header-Content-Length": "0"}
    path = "/v2/models/default/infer"
    answer = server.post(path, body=CAT.read_bytes(), headers=header)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    result = triton.InferResult.from_response_body(answer.data, header_length=length)
    assert texts(result, "labels") == [[server.classify(CAT)]]


def test_a_picture_that_cannot_be_decoded_fails_the_request_and_is_named(
    client: triton.InferenceServerClient, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(CAT.read_bytes()[:100])
    text = tmp_path / "text.jpg"
    text.write_bytes(b"no picture")
    for path, status in ((broken, "422"), (text, "415")):
        with pytest.raises(InferenceServerException, match=r"image\[1\]: ") as caught:
            client.infer("default", [pictures(CAT, path, CAT)])
        assert caught.value.status() == status
    assert client.infer("default", [pictures(CAT)]).as_numpy("labels").size == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/default/versions/2", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/default/infer", 400),
        ("POST", "/v2/models/default/infer?top_k=3", 400),
        ("GET", "/v2/models/default/infer", 405),
        ("GET", "/v2/models/default/config", 501),
        ("GET", "/v2/models/default/versions/1/stats", 501),
        ("POST", "/v2/repository/models/default/unload", 501),
        ("POST", "/v2/systemsharedmemory/region/a/register", 501),
        ("GET", "/v2/logging", 404),
    ],
)
def test_an_error_is_a_status_and_a_line(
    server: Server, method: str, path: str, status: int
) -> None:
    answer = server.request(method, path)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    (message,) = answer.json().values()
    assert list(answer.json()) == ["error"]
    assert message.isprintable()


def test_a_compressed_body_is_refused(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="compressed") as caught:
        client.infer("default", [pictures(CAT)], request_compression_algorithm="gzip")
    assert caught.value.status() == "415"


def test_a_client_that_takes_compressed_answers_gets_one(
    client: triton.InferenceServerClient,
) -> None:
    result = client.infer("default", [pictures(CAT)], response_compression_algorithm="gzip")
    assert result.as_numpy("labels").size == 1


def small_model(tmp_path: Path) -> Path:
    """A model with an input ``x``, float32 (N, 3, 8, 10), and neither embedding nor answers."""
    graph = small.network(layout="NCHW", names={"image": "x"})
    content = Weights("onnx", {"weights.onnx": graph})
    sides = (small.WIDTH, small.HEIGHT)
    spec = ModelSpec(
        name="small",
        format="onnx",
        weights=Path("weights.onnx"),
        sha256=checksum(content.files),
        input_name="x",
        output_name="scores",
        activation="softmax",
        preprocess=PreprocessSpec(
            *sides, "squash", 1.0, "bilinear", "NCHW", "BGR", (127.0,) * 3, (128.0,) * 3
        ),
        labels=tuple(map(Label, "abcd")),
        licence="none",
        source="pictell",
    )
    folder = tmp_path / "small"
    folder.mkdir()
    write_model_folder(folder, spec, content)
    return folder


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of that model, for at most two pictures in a request, with a token."""
    folder = small_model(tmp_path_factory.mktemp("models"))
    token = {"PICTELL_SERVE_TOKENS": "0123456789abcdef"}
    words = ("--model", f"small={folder}", "--max-pictures", "2", "--max-body", "1048576")
    with serving(*words, **token) as server:
        yield server


def post(server: Server, tensor: dict[str, Any], data: bytes = b"", **others: Any) -> Any:
    """The answer to one input, with the token; binary ``data`` follow the JSON."""
    head = json.dumps({"inputs": [tensor], **others}).encode()
    headers = {"Authorization": "Bearer 0123456789abcdef"}
    headers |= {"Inference-Header-Content-Length": str(len(head))} if data else {}
    return server.post("/v2/models/small/infer", body=head + data, headers=headers)


def small_pixels(count: int) -> NDArray[np.float32]:
    shape = (count, 3, small.HEIGHT, small.WIDTH)
    return np.random.default_rng(4).normal(size=shape).astype(np.float32)


def small_input(array: NDArray[np.float32], **changes: Any) -> dict[str, Any]:
    return {"name": "x", "shape": list(array.shape), "datatype": "FP32", **changes}


def test_a_model_without_answers_gives_scores_and_labels(small_server: Server) -> None:
    headers = {"Authorization": "Bearer 0123456789abcdef"}
    metadata = small_server.get("/v2/models/small", headers=headers).json()
    assert [one["name"] for one in metadata["outputs"]] == ["scores", "labels"]
    (image, pixels) = metadata["inputs"]
    assert (image["name"], pixels["name"]) == ("image", "x")
    assert (pixels["datatype"], pixels["shape"]) == ("FP32", [-1, 3, small.HEIGHT, small.WIDTH])
    array = small_pixels(2)
    logits = small.run(small.network(layout="NCHW"), array, "scores")[0]
    answers = [
        post(small_server, small_input(array, data=array.tolist())),
        post(
            small_server,
            small_input(array, parameters={"binary_data_size": array.nbytes}),
            array.tobytes(),
        ),
    ]
    for answer in answers:
        assert answer.status == 200, answer.data
        scores, labels = answer.json()["outputs"]
        assert (scores["shape"], labels["shape"]) == ([2, small.CLASSES], [2, 1])
        expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(np.reshape(scores["data"], (2, -1)), expected, atol=1e-6)
        assert labels["data"] == ["abcd"[row.argmax()] for row in logits]


def test_more_classes_than_there_are_are_all(small_server: Server) -> None:
    array = small_pixels(1)
    outputs = [{"name": "scores", "parameters": {"classification": 2**62}}, {"name": "labels"}]
    answer = post(
        small_server,
        small_input(array, data=array.tolist()),
        outputs=outputs,
        parameters={"top_k": 1000},
    )
    assert [one["shape"] for one in answer.json()["outputs"]] == [[1, small.CLASSES]] * 2


def test_pixels_that_the_model_cannot_work_with_are_the_clients_fault(
    small_server: Server,
) -> None:
    array = np.full((1, 3, small.HEIGHT, small.WIDTH), 3e38, np.float32)
    answer = post(small_server, small_input(array, data=array.tolist()))
    assert answer.status == 422
    assert answer.json()["error"].startswith("x[0]: ")


def test_the_limits_of_the_server_hold(small_server: Server) -> None:
    array = small_pixels(3)
    too_many = post(small_server, small_input(array, data=array.tolist()))
    assert too_many.status == 400
    assert "1 to 2" in too_many.json()["error"]
    long = post(small_server, small_input(array[:1], data=[0] * 700_000))
    assert (long.status, [*long.json()]) == (413, ["error"])
    refused = small_server.get("/v2/models/small")
    assert (refused.status, [*refused.json()]) == (401, ["error"])
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert small_server.get(path).status == 200
