"""The client of a server: the results of a ``Classifier``, whatever answers at the URL."""

import io
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from copy import deepcopy
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trustme
from PIL import Image, ImageCms

import pictell
import raw_server
from command import ROOT
from pictell import RemoteClassifier, Source, connect, errors
from pretend_server import (
    MODEL,
    RESULT,
    Answer,
    PretendServer,
    close,
    drip,
    endless,
    http,
    problem,
    silence,
)
from serving import CAT, Server, serving

SAMPLES = ROOT / "samples"
TOKEN = "a-secret-of-this-test"
HTML = http(b"<html>hello</html>", "200 OK", "Content-Type: text/html")


@pytest.fixture
def remote(server: Server) -> Iterator[RemoteClassifier]:
    with connect(server.url) as remote:
        yield remote


@pytest.fixture(scope="module")
def local() -> Iterator[pictell.Classifier]:
    with pictell.load() as local:
        yield local


def facts(result: pictell.Result) -> dict[str, Any]:
    """What a result says, without the time it took."""
    return {key: value for key, value in result.to_dict().items() if key != "timings"}


def oriented() -> Image.Image:
    """A picture whose EXIF data says that it lies on its side."""
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(CAT).save(file, "PNG", exif=exif)
    return Image.open(file)


def with_profile() -> Image.Image:
    image = Image.open(CAT)
    image.load()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    image.info["icc_profile"] = profile.tobytes()
    return image


def test_results_are_those_of_a_classifier(
    remote: RemoteClassifier, local: pictell.Classifier
) -> None:
    pictures = [str(CAT), CAT, CAT.read_bytes(), np.asarray(Image.open(CAT)), Image.open(CAT)]
    for picture in [*pictures, oriented(), with_profile(), Image.open(CAT).convert("LA")]:
        assert facts(remote.classify(picture, top_k=3)) == facts(local.classify(picture, top_k=3))
    with CAT.open("rb") as stream:
        assert remote.classify(stream).source == "stream"


def test_a_stream_keeps_the_order_and_names_what_failed(
    remote: RemoteClassifier, local: pictell.Classifier, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(CAT.read_bytes()[:2000])
    wrong = np.zeros((4, 4), np.uint8)
    pictures = [SAMPLES, broken, "missing.jpg", ROOT / "README.md", b"", wrong, CAT]
    found = [*remote.stream(pictures, top_k=2)]
    assert [*map(facts, found)] == [*map(facts, local.stream(pictures, top_k=2))]
    codes = [one.error and one.error.code for one in found[-7:]]
    named = ["broken_picture", "source_not_found", "not_a_picture"]
    assert codes == [None, *named, *["not_a_picture"] * 2, None]


def test_a_stream_is_lazy(remote: RemoteClassifier) -> None:
    taken = count()
    endless_pictures = (CAT for _ in taken)
    assert len([*islice(remote.stream(endless_pictures), 5)]) == 5
    assert next(taken) < 200


def test_arrays_come_with_a_result_if_they_are_wanted(
    remote: RemoteClassifier, local: pictell.Classifier
) -> None:
    options = {"probabilities": True, "embedding": True}
    (here,), (there,) = (one.stream([CAT], **options) for one in (local, remote))
    assert here.probabilities is not None
    assert there.probabilities is not None
    assert there.probabilities.dtype == here.probabilities.dtype
    np.testing.assert_allclose(there.probabilities, here.probabilities, atol=1e-6)
    assert here.embedding is not None
    assert there.embedding is not None
    assert there.embedding.dtype == np.float32
    np.testing.assert_array_equal(there.embedding, here.embedding)
    result = remote.classify(CAT)
    assert (result.probabilities, result.embedding) == (None, None)


def test_embeddings_are_those_of_a_classifier(
    remote: RemoteClassifier, local: pictell.Classifier
) -> None:
    rows = remote.embed([SAMPLES])
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, local.embed([SAMPLES]))
    with pytest.raises(errors.SourceNotFoundError, match=r"missing\.jpg"):
        remote.embed([CAT, "missing.jpg"])
    with pytest.raises(errors.UsageError, match="no pictures"):
        remote.embed([])


def test_a_wrong_picture_or_option_is_wrong_use(remote: RemoteClassifier) -> None:
    for wrong in (0, 1.5, "3"):
        with pytest.raises(errors.UsageError, match="top_k"):
            remote.classify(CAT, top_k=wrong)  # type: ignore[arg-type]
    with pytest.raises(errors.UsageError, match="top_k"):
        remote.classify(CAT, top_k=5000)  # the server says so
    with pytest.raises(errors.UsageError, match="a picture is"):
        remote.classify(7)  # type: ignore[arg-type]
    with pytest.raises(errors.UsageError, match="box"):
        remote.classify(Source("cat", CAT, (0, 0, 9, 9)))


def test_urls_are_downloaded_here(server: Server) -> None:
    with (
        raw_server.Server(raw_server.http(CAT.read_bytes())) as pictures,
        connect(server.url, allow_private=True) as remote,
        connect(server.url) as careful,
    ):
        result = remote.classify(pictures.url())
        assert (result.source, result.top.label) == (pictures.url(), "tiger cat")
        with pytest.raises(errors.AddressRefusedError):
            careful.classify(pictures.url())


def test_a_token_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(PICTELL_SERVE_TOKENS=TOKEN) as server:
        with pytest.raises(errors.ServerError, match="PICTELL_TOKEN"):
            connect(server.url)
        with pytest.raises(errors.ServerError) as caught:
            connect(server.url, token=f"not-{TOKEN}")
        assert TOKEN not in str(caught.getrepr(style="long", showlocals=False))
        with connect(server.url, token=TOKEN) as remote:
            assert remote.classify(CAT).top.label == "tiger cat"
            assert TOKEN not in repr(remote)
        monkeypatch.setenv("PICTELL_TOKEN", TOKEN)
        connect(server.url).close()
        for wrong in ("two words", "line\nbreak", "ä", " "):
            with pytest.raises(errors.UsageError) as refused:
                connect(server.url, token=wrong)
            assert wrong not in str(refused.value) or wrong == " "


def test_a_model_of_the_server_is_chosen_by_name(server: Server) -> None:
    with connect(server.url, model="default") as remote:
        assert remote.model.model == remote.classify(CAT).model
    with pytest.raises(errors.UnknownModelError, match="default"):
        connect(server.url, model="other")


def test_a_closed_client_says_so(server: Server) -> None:
    with connect(server.url) as remote:
        remote.classify(CAT)
    remote.close()
    with pytest.raises(errors.UsageError, match="closed"):
        remote.classify(CAT)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://localhost",
        "http://",
        "http://user:secret@localhost:8000",
        "http://localhost:8000/?x=1",
        "",
    ],
)
def test_a_wrong_url_is_wrong_use(url: str) -> None:
    with pytest.raises(errors.UsageError) as caught:
        connect(url)
    assert "secret" not in str(caught.value)


def test_options_out_of_range_are_wrong_use() -> None:
    for options in ({"timeout_s": 0}, {"timeout_s": "9"}, {"requests": 0}, {"requests": 1000}):
        with pytest.raises(errors.UsageError, match=next(iter(options))):
            connect("http://localhost:1", **options)  # type: ignore[arg-type]


def test_no_server_is_one_clear_error_at_once() -> None:
    with PretendServer(HTML) as server:
        url = server.url
    with pytest.raises(errors.ServerUnavailableError, match=f"{url}.*pictell serve"):
        connect(url)


def test_a_path_before_the_routes_is_kept() -> None:
    with PretendServer(http(RESULT)) as server, connect(f"{server.url}/pictell/") as remote:
        remote.classify(b"x")
    assert [head.split()[1].partition("?")[0] for head in server.heads] == [
        "/pictell/v1/models",
        "/pictell/v1/classify",
    ]


def test_connections_are_used_again_and_the_bytes_sent_as_they_are() -> None:
    pictures = [bytes([number]) * 1000 for number in range(100)]
    with PretendServer(http(RESULT)) as server, connect(server.url, requests=3) as remote:
        results = [*remote.stream(pictures)]
        assert [str(one.status) for one in results] == ["sure"] * 100
        assert server.connections <= 3
    assert sorted(server.bodies) == pictures


def test_a_connection_that_the_server_closed_is_replaced() -> None:
    def answer_once(handler: Any) -> None:
        handler.wfile.write(http(RESULT))

    with PretendServer(answer_once) as server, connect(server.url) as remote:
        for _ in range(5):
            assert remote.classify(b"x").width == 4


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own store decides")
def test_tls_trusts_what_the_system_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with PretendServer(http(RESULT), tls=tls) as server:
        with pytest.raises(errors.ServerUnavailableError, match="TLS"):
            connect(server.url, token=TOKEN)
        assert server.heads == []
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with connect(server.url, token=TOKEN) as remote:
            for _ in range(5):
                assert remote.classify(bytes(100_000)).width == 4
        assert server.connections == 1


BUSY = problem("503 Service Unavailable", "overloaded", "too much to do", "Retry-After: 0")


@pytest.mark.parametrize(
    "first", [BUSY, http(b"<html>", "502 Bad Gateway"), http(b"", "429 Too Many Requests"), close]
)
def test_a_server_that_is_busy_or_lost_is_asked_again(first: Answer) -> None:
    with PretendServer(first, first, http(RESULT)) as server, connect(server.url) as remote:
        assert remote.classify(b"x").width == 4
        assert len(server.bodies) == 3


UNAVAILABLE = errors.ServerUnavailableError
NOT_PICTELL = errors.ServerError


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (BUSY, UNAVAILABLE, "503 Service Unavailable"),
        (http(b"", "429 Too Many", "Retry-After: 3600"), UNAVAILABLE, "429"),
        (http(b"", "429 Too Many", f"Retry-After: {'9' * 5000}"), UNAVAILABLE, "429"),
        (close, UNAVAILABLE, "broke off"),
        (b"nonsense\r\n\r\n", UNAVAILABLE, "not valid HTTP"),
        (http(b"", "200 OK", "Content-Encoding: gzip"), UNAVAILABLE, "compressed"),
        (silence, UNAVAILABLE, "within 2 s"),
        (drip(http(RESULT)), UNAVAILABLE, "within 2 s"),
        (endless, NOT_PICTELL, "more than"),
        (HTML, NOT_PICTELL, "malformed"),
        (http(b""), NOT_PICTELL, "does not answer as pictell serve"),
        (http(b"[" * 100_000), NOT_PICTELL, "does not answer as pictell serve"),
        (http(b"<html>", "404 Not Found"), NOT_PICTELL, "404 Not Found"),
        (problem("403 Forbidden", "wrong_host", "no\n\nentry"), NOT_PICTELL, ": no entry"),
        (problem("400 Bad Request", "wrong_use", "no such"), errors.UsageError, "no such"),
        (problem("404 Not Found", "unknown_model", "gone"), errors.UnknownModelError, "gone"),
        (http({}, "422 X", "Content-Type: application/problem+json"), NOT_PICTELL, "code"),
    ],
)
def test_a_server_that_fails_every_picture_ends_the_run_with_one_error(
    answer: Answer, kind: type[errors.PictellError], says: str
) -> None:
    with (
        PretendServer(http(RESULT), answer) as server,
        connect(server.url, timeout_s=2, requests=1) as remote,
    ):
        results = remote.stream([b"x"] * 1000)
        assert next(results).width == 4
        # The time may be over before the last attempt has failed.
        with pytest.raises(kind, match=f"{says}|within 2 s"):
            next(results)
        assert len(server.bodies) < 20


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (problem("422 X", "broken_picture", "damaged"), errors.BrokenPictureError, "damaged"),
        (problem("422 X", "from_the_future", "odd"), errors.PictellError, "odd"),
        (problem("500 X", "internal", "a bug"), errors.PictellError, "a bug"),
        (problem("500 X", "runtime_failed", "no"), errors.RuntimeFailedError, "no"),
        (problem("422 X", "decode", "a\nb " + "c" * 999), errors.DecodeError, "a b c"),
        (http(b"<html>", "413 Too Large"), errors.SourceTooLargeError, "proxy"),
    ],
)
def test_an_error_of_a_picture_costs_that_picture(
    answer: bytes, kind: type[errors.PictellError], message: str
) -> None:
    with (
        PretendServer(answer, http(RESULT)) as server,
        connect(server.url, requests=1) as remote,
    ):
        failed, good = remote.stream([Source("first.jpg", b"x"), b"y"])
        assert type(failed.error) is kind
        assert failed.error.source == failed.source == "first.jpg"
        assert message in failed.error.message
        assert "\n" not in failed.error.message
        assert len(failed.error.message) < 400
        assert (failed.model, good.source) == ("pretended", "bytes")


def changed(key: str, value: object) -> bytes:
    record = deepcopy(RESULT) | {key: value}
    if value is None:
        del record[key]
    return http(record)


@pytest.mark.parametrize(
    "answer",
    [
        changed("model", None),
        changed("model", 7),
        changed("status", "certain"),
        changed("predictions", []),
        changed("predictions", [{"label": "cat", "score": "high", "class_index": 0}]),
        changed("predictions", [{"label": ["cat"], "score": 1, "class_index": 0}]),
        changed("answer", {"name": "cat"}),
        changed("width", -1),
        changed("timings", None),
        changed("warnings", "damaged"),
        changed("warnings", [7]),
        changed("warnings", ["\x1b[2J"]),
        changed("warnings", ["damaged"] * 100),
        changed("embedding", [[1]]),
        changed("embedding", [1e30]),
        changed("probabilities", ["x"]),
        http([RESULT]),
        http({"results": [RESULT]}),
        http(json.dumps(RESULT).replace("0.9", "NaN").encode()),
        http(json.dumps(RESULT).replace("0.9", "1e999").encode()),
        http(json.dumps(RESULT).encode().replace(b"pretended", b"\xff")),
    ],
)
def test_a_result_of_another_form_is_an_error_of_the_server(answer: bytes) -> None:
    with (
        PretendServer(answer) as server,
        connect(server.url) as remote,
        pytest.raises(errors.ServerError, match=server.url),
    ):
        remote.classify(b"x", probabilities=True)


@pytest.mark.parametrize("warnings", [[], ["damaged", "truncated"], ["of_a_newer_server"]])
def test_the_warnings_of_the_server_are_those_of_the_result(warnings: list[str]) -> None:
    with PretendServer(changed("warnings", warnings)) as server, connect(server.url) as remote:
        assert [*remote.classify(b"x").warnings] == warnings
        (result,) = remote.stream([b"x"])
        assert result.to_dict()["warnings"] == warnings


def test_a_server_of_an_older_release_knows_no_warnings() -> None:
    with PretendServer(http(RESULT)) as server, connect(server.url) as remote:
        assert remote.classify(b"x").warnings == ()


def test_a_new_field_is_ignored() -> None:
    answer = changed("mood", "good")
    with PretendServer(answer) as server, connect(server.url) as remote:
        assert remote.classify(b"x").top.label == "cat"


@pytest.mark.parametrize(
    "models", [HTML, http({"models": []}), http({"models": [{"name": 1}]}), endless, close, BUSY]
)
def test_something_else_at_the_url_is_one_error(models: Answer) -> None:
    with (
        PretendServer(HTML, models=models) as server,
        pytest.raises(errors.ServerError, match=server.url),
    ):
        connect(server.url, timeout_s=2)


def test_a_redirect_is_not_followed() -> None:
    with PretendServer(http(RESULT)) as other:
        moved = http(b"", "308 Permanent Redirect", f"Location: {other.url}/v1/classify")
        with (
            PretendServer(moved) as server,
            connect(server.url, token=TOKEN) as remote,
            pytest.raises(errors.ServerError, match=f"redirects to {other.url}"),
        ):
            remote.classify(b"x")
        assert other.heads == []


def test_a_model_without_an_embedding() -> None:
    models = http({"models": [MODEL | {"embedding": False}]})
    with PretendServer(HTML, models=models) as server, connect(server.url) as remote:
        for call in (remote.embed, remote.embed_stream):
            with pytest.raises(errors.UsageError, match="no embedding"):
                call([b"x"])
        with pytest.raises(errors.UsageError, match="no embedding"):
            remote.stream([b"x"], embedding=True)


def test_embeddings_of_different_lengths_are_an_error_of_the_server() -> None:
    answers = http({"embedding": [1.0]}), http({"embedding": [0.6, 0.8]})
    with (
        PretendServer(*answers) as server,
        connect(server.url, requests=1) as remote,
        pytest.raises(errors.ServerError, match="lengths"),
    ):
        remote.embed([b"x", b"y"])


def test_the_results_before_a_server_dies_are_given() -> None:
    with serving() as server, connect(server.url, timeout_s=5) as remote:
        all_done = threading.Event()

        def pictures() -> Iterator[Path]:
            yield from [CAT] * 3
            all_done.wait(60)
            assert server.stop() == 0
            yield from [CAT] * 1000

        results = remote.stream(pictures())
        assert [next(results).top.label for _ in range(3)] == ["tiger cat"] * 3
        all_done.set()
        with pytest.raises(errors.ServerUnavailableError, match=server.url):
            next(results)


def test_the_client_needs_neither_a_server_nor_an_image_library() -> None:
    code = (
        "import sys, pictell; pictell.connect; print(*{n.partition('.')[0] for n in sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(run.stdout.split())
    assert "urllib3" in imported
    assert not imported & {"starlette", "uvicorn", "limits", "onnxruntime", "numpy", "PIL"}


def test_a_server_that_takes_few_pictures_at_a_time_gets_all_of_them() -> None:
    with (
        serving("--max-queue", "2", "--rate-limit", "40/second") as server,
        connect(server.url, requests=8) as remote,
    ):
        results = [*remote.stream([CAT] * 60)]
        assert [one.top.label for one in results] == ["tiger cat"] * 60
        statuses = {line["status"] for line in server.access_log()}
        assert 503 in statuses


def test_a_picture_that_is_too_long_for_the_server_costs_itself(tmp_path: Path) -> None:
    long = tmp_path / "long.jpg"
    long.write_bytes(CAT.read_bytes() + bytes(20_000_000))
    with serving("--max-body", str(1024**2)) as server, connect(server.url) as remote:
        results = [*remote.stream([CAT, long] * 10)]
    assert [one.error and one.error.code for one in results] == [None, "body_too_large"] * 10


def test_a_run_goes_on_when_the_server_was_started_again() -> None:
    with serving() as server:
        remote = connect(server.url)
        results = remote.stream(CAT for _ in range(200))
        assert next(results).top.label == "tiger cat"
        assert server.stop() == 0
    with serving("--port", str(server.port)):
        assert [one.top.label for one in results] == ["tiger cat"] * 199
        remote.close()
