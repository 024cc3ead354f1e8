"""The guide of the server runs as printed; what deploys it names options and paths that exist."""

import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from command import PICTELL, ROOT, environment
from pictell.cli.serve import make_parser
from pictell.cli.serve_settings import PREFIX
from pictell.server.guard import OPEN_PATHS
from pictell.server.openapi import document
from pictell.server.settings import Settings
from serving import CAT, serving
from waiting import wait_until

GUIDE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(
    r"^    (?P<command>(?:curl |pictell --server |PICTELL_SERVER=).*)$"
    r"|^```python\n(?P<python>(?:.*\n)+?)```$",
    re.MULTILINE,
)
# A token of the reader's own, or a picture on the internet.
PLACEHOLDER = re.compile(r"TOKEN|https://")
SMALL_TIMES = ("--drain", "0.1")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_examples_of_the_guide_run(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    with serving(*SMALL_TIMES) as server:
        text = GUIDE.replace("localhost:8000", f"localhost:{server.port}").replace("\\\n", "")
        examples = [
            match["command"] or f"python - <<'END'\n{match['python']}END"
            for match in EXAMPLE.finditer(text)
            if not PLACEHOLDER.search(match[0])
        ]
        assert len(examples) >= 8
        failing = 'curl() { command curl --fail-with-body -sS "$@"; }'
        run = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join([failing, "set -v", *examples])],
            cwd=tmp_path,
            env=environment(PATH=f"{Path(PICTELL).parent}:/usr/bin:/bin"),
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, (run.stdout[-2000:], run.stderr[-2000:])


def test_the_guide_lists_every_option_as_help_does() -> None:
    listed = dict(re.findall(r"^\| `(--[\w-]+)` \| (.*) \|$", GUIDE, re.MULTILINE))
    options = {
        option: action.help
        for action in make_parser()._actions
        for option in action.option_strings
        if option.startswith("--") and action.dest != "help"
    }
    assert listed == options


def test_the_server_of_the_guide_takes_the_name_that_its_proxy_passes(tmp_path: Path) -> None:
    (domain,) = re.findall(r"^ +DOMAIN=(\S+) UPSTREAM=127", GUIDE, re.MULTILINE)
    (words,) = re.findall(r"^ +pictell serve (.*--trusted-proxy.*)$", GUIDE, re.MULTILINE)
    tokens = tmp_path / "TOKENS"
    tokens.write_text("a-token-of-some-length\n")
    with serving(*SMALL_TIMES, *words.replace("TOKENS", str(tokens)).split()) as server:
        headers = {"Host": domain, "Origin": f"https://{domain}", "X-Forwarded-Proto": "https"}
        headers["Authorization"] = f"Bearer {tokens.read_text().strip()}"
        assert server.get("/v1/models", headers=headers).status == 200


def test_the_description_has_every_route() -> None:
    with serving(*SMALL_TIMES) as server:
        for path, methods in document()["paths"].items():
            for method in methods:
                answer = server.request(method.upper(), path.replace("{name}", "default"))
                # A route that there is not has the status 404, a wrong method 405.
                assert answer.status in {200, 400}, path


def settings_of(words: list[str]) -> dict[str, Any]:
    return vars(make_parser().parse(words))


def test_the_manifest_for_kubernetes_gives_the_server_time_to_stop() -> None:
    text = (ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8")
    deployment, service = yaml.safe_load_all(text)
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = settings_of(container["args"])
    needed = sum(settings[name] for name in ("drain_s", "body_timeout_s", "request_timeout_s"))
    assert pod["terminationGracePeriodSeconds"] > needed
    probes = [container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness")]
    assert {*probes, container["readinessProbe"]["httpGet"]["path"]} <= OPEN_PATHS
    (port,) = container["ports"]
    assert port["containerPort"] == settings["port"]
    (forwarded,) = service["spec"]["ports"]
    assert forwarded["targetPort"] == port["name"]


def test_the_compose_file_and_the_image_fit_together() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    server = compose["services"]["pictell"]
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f" AS {server['build']['target']}\n" in image
    (port,) = re.findall(r"^EXPOSE (\d+)$", image, re.MULTILINE)
    assert int(port) == settings_of([])["port"]
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    assert f":pictell:{port}}}" in caddyfile
    known = {option for option in make_parser()._option_string_actions if option[:2] == "--"}
    given = {
        "--" + name.removeprefix(PREFIX).lower().replace("_", "-") for name in server["environment"]
    }
    # The tokens have a variable, but no option with their value.
    assert given - {"--tokens"} <= known


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed")
def test_the_proxy_of_the_guide_passes_pictures_and_the_address_of_clients(tmp_path: Path) -> None:
    port, admin = free_port(), free_port()
    with serving(*SMALL_TIMES, "--trusted-proxy", "127.0.0.1") as server:
        proxy = subprocess.Popen(
            ["caddy", "run", "--adapter", "caddyfile", "--config", ROOT / "deploy" / "Caddyfile"],
            env=environment(
                PATH="/usr/bin:/bin",
                HOME=str(tmp_path),
                # Without TLS, because its certificate would be put into the system's store.
                DOMAIN=f"http://localhost:{port}",
                UPSTREAM=f"127.0.0.1:{server.port}",
                CADDY_ADMIN=f"127.0.0.1:{admin}",
            ),
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://localhost:{port}"
            wait_until(lambda: _answers(f"{url}/readyz"))
            answer = urllib3.request(
                "POST", f"{url}/v1/classify", body=CAT.read_bytes(), timeout=60
            )
            assert answer.json()["answer"]["name"] == "cat"
        finally:
            proxy.terminate()
            proxy.wait(30)
    assert '"path": "/v1/classify", "status": 200' in server.log


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", url, retries=False, timeout=5).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_settings_without_a_model_are_an_error() -> None:
    with pytest.raises(ValueError, match="model"):
        Settings(models={})
