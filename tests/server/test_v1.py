"""The routes of ``/v1``: pictures in, results out."""

import base64
import json
import subprocess
from typing import Any

import numpy as np
import pytest
import urllib3

import pictell
from command import ROOT
from command import pictell as command
from serving import CAT, Server

BALL = ROOT / "samples" / "golf-ball.png"
TEXT = b"this is no picture"


def encoded(content: bytes, **fields: str) -> dict[str, str]:
    return {"base64": base64.b64encode(content).decode(), **fields}


def without_timings(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in {"timings", "source"}}


def best(result: dict[str, Any]) -> str:
    return str(result["predictions"][0]["label"])


def code(answer: urllib3.BaseHTTPResponse) -> tuple[int, str]:
    """The status and the code of an error, which has the form of RFC 9457."""
    assert answer.headers["content-type"] == "application/problem+json", answer.data
    problem = answer.json()
    assert problem["status"] == answer.status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert "\n" not in problem["detail"]
    return answer.status, str(problem["code"])


def form(*parts: tuple[str, str, bytes]) -> dict[str, Any]:
    """What urllib3 takes for a form: each part has a field, the name of a file, and content."""
    return {"fields": [(field, (name, content)) for field, name, content in parts]}


def curl(server: Server, *words: str) -> Any:
    run = subprocess.run(["curl", "-sS", *words], capture_output=True, timeout=60, check=True)
    return json.loads(run.stdout)


def test_the_lines_of_the_guide(server: Server) -> None:
    to = f"{server.url}/v1/classify"
    assert best(curl(server, "-F", f"image=@{CAT}", to)) == "tiger cat"
    jpeg = ("-H", "Content-Type: image/jpeg")
    found = curl(server, "--data-binary", f"@{CAT}", *jpeg, f"{to}?top_k=3")
    assert [best(found), len(found["predictions"])] == ["tiger cat", 3]
    body, kind = '{"url":"https://example.org/cat.jpg"}', ("-H", "Content-Type: application/json")
    assert curl(server, "-d", body, *kind, to)["code"] == "fetching_off"


def test_a_result_is_that_of_the_command(server: Server) -> None:
    (there,) = json.loads(command("--format", "json", CAT).stdout)
    here = server.post("/v1/classify?name=a.jpg", body=CAT.read_bytes()).json()
    assert here["source"] == "a.jpg"
    assert without_timings(here) == without_timings(there)


def test_a_photo_that_lacks_its_last_bytes_has_a_warning(server: Server) -> None:
    data = CAT.read_bytes()
    cut = data[: int(0.99 * len(data))]
    for route in ("classify", "embed"):
        assert server.post(f"/v1/{route}", body=cut).json()["warnings"] == ["truncated"]
        assert server.post(f"/v1/{route}", body=data).json()["warnings"] == []
    with pictell.connect(server.url) as remote:
        assert remote.classify(cut).warnings == ("truncated",)
    assert server.post("/v1/classify?allow_truncated=true", body=cut).status == 400


def test_the_query_chooses_what_a_result_has(server: Server) -> None:
    query = "top_k=1&probabilities=true&embedding=1&model=default"
    found = server.post(f"/v1/classify?{query}", body=CAT.read_bytes()).json()
    assert len(found["predictions"]) == 1
    assert sum(found["probabilities"]) == pytest.approx(1, abs=1e-4)
    with pictell.load() as classifier:
        (embedding,) = classifier.embed([CAT])
    assert np.array_equal(np.asarray(found["embedding"], np.float32), embedding)


def test_embeddings(server: Server) -> None:
    parts = [("images", "a", CAT.read_bytes()), ("images", "b", BALL.read_bytes())]
    found = server.post("/v1/embed", **form(*parts)).json()["results"]
    with pictell.load() as classifier:
        expected = classifier.embed([CAT, BALL])
    assert [one["source"] for one in found] == ["a", "b"]
    assert np.array_equal(np.asarray([one["embedding"] for one in found], np.float32), expected)


def test_one_picture_of_a_form(server: Server) -> None:
    answer = server.post("/v1/classify", **form(("image", "../../etc/cat.jpg", CAT.read_bytes())))
    assert best(answer.json()) == "tiger cat"


def test_each_picture_has_its_own_result_or_error(server: Server) -> None:
    contents = {"cat": CAT.read_bytes(), "text": TEXT, "ball": BALL.read_bytes(), "none": b""}
    by_form = form(*(("images", name, content) for name, content in contents.items()))
    images = [encoded(content, name=name) for name, content in contents.items()]
    for options in (by_form, {"json": {"images": images}}):
        answer = server.post("/v1/classify", **options)
        found = answer.json()["results"]
        assert answer.status == 200
        assert [one["source"] for one in found] == list(contents)
        outcomes = [one["error"]["code"] if "error" in one else best(one) for one in found]
        assert outcomes == ["tiger cat", "not_a_picture", "golf ball", "not_a_picture"]


def test_a_picture_in_json(server: Server) -> None:
    found = server.post("/v1/classify", json=encoded(CAT.read_bytes(), name="my cat")).json()
    assert (found["source"], best(found)) == ("my cat", "tiger cat")


FORM_HEAD = {"Content-Type": "multipart/form-data; boundary=b"}
JSON_HEAD = {"Content-Type": "application/json"}
PART = b'--b\r\nContent-Disposition: form-data; name="image"'
REFUSED: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "a text": ({"body": TEXT}, (415, "not_a_picture")),
    "half a picture": ({"body": CAT.read_bytes()[:9000]}, (422, "broken_picture")),
    "nothing": ({"body": b""}, (400, "no_picture")),
    "another field": (form(("file", "a.jpg", b"x")), (400, "bad_form")),
    "one field twice": (form(("image", "a", b"x"), ("image", "b", b"x")), (400, "bad_form")),
    "no boundary": (
        {"body": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        (400, "bad_form"),
    ),
    "a form without an end": (
        {"body": PART + b"\r\n\r\nx", "headers": FORM_HEAD},
        (400, "bad_form"),
    ),
    "a name of no text": (
        {
            "body": PART + b'; filename="\xff"\r\n\r\nx\r\n--b--\r\n',
            "headers": FORM_HEAD,
        },
        (400, "bad_form"),
    ),
    "too many parts": (form(*[("images", "a", b"x")] * 101), (400, "bad_form")),
    "too many pictures": (form(*[("images", "a", b"x")] * 33), (413, "too_many_pictures")),
    "JSON as a form of curl": (
        {"body": b"{}", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        (415, "unsupported_media_type"),
    ),
    "a compressed body": (
        {"body": b"x", "headers": {"Content-Encoding": "gzip"}},
        (415, "compressed_body"),
    ),
    "no JSON": ({"body": b"{", "headers": JSON_HEAD}, (400, "bad_json")),
    "another key": ({"json": {"image": "x"}}, (400, "bad_json")),
    "no key": ({"json": {}}, (400, "bad_json")),
    "an empty list": ({"json": {"images": []}}, (400, "no_picture")),
    "a list and more": ({"json": {"images": [encoded(b"x")], "name": "x"}}, (400, "bad_json")),
    "not base64": ({"json": {"base64": "#"}}, (400, "bad_json")),
    "a URL and bytes": ({"json": encoded(b"x", url="http://a/")}, (400, "bad_json")),
    "a surrogate": (
        {"body": b'{"base64":"eA==","name":"\\ud800"}', "headers": JSON_HEAD},
        (400, "bad_json"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_body_is_refused(server: Server, name: str) -> None:
    options, expected = REFUSED[name]
    assert code(server.post("/v1/classify", **options)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("topk=3", (400, "wrong_use")),
        ("top_k=0", (400, "wrong_use")),
        ("top_k=1001", (400, "wrong_use")),
        ("top_k=1&top_k=2", (400, "wrong_use")),
        ("top_k=%F0%9D%9F%91", (400, "wrong_use")),
        ("embedding=yes", (400, "wrong_use")),
        ("model=other", (404, "unknown_model")),
    ],
)
def test_a_query_is_refused(server: Server, query: str, expected: tuple[int, str]) -> None:
    assert code(server.post(f"/v1/classify?{query}", body=CAT.read_bytes())) == expected


def test_paths_and_methods(server: Server) -> None:
    assert code(server.get("/nowhere")) == (404, "not_found")
    # A redirect would lose the prefix and the scheme of a proxy.
    assert code(server.get("/v1/models/", redirect=False)) == (404, "not_found")
    assert code(server.get("/v1/models/other")) == (404, "unknown_model")
    answer = server.get("/v1/classify")
    assert code(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_models(server: Server) -> None:
    (model,) = server.get("/v1/models").json()["models"]
    assert (model["name"], model["classes"], model["embedding"]) == ("default", 1000, True)
    labels = server.get("/v1/models/default").json()["labels"]
    assert len(labels) == 1000
    assert labels[282] == {"name": "tiger cat", "synset": "n02123159"}


def test_a_name_with_control_characters_stays_one_text(server: Server) -> None:
    name = "a\x1b[31m\u202eb\n.jpg"
    found = server.post("/v1/classify", json=encoded(CAT.read_bytes(), name=name)).json()
    assert found["source"] == name
