"""The command ``pictell serve``: models as an HTTP service with a web page."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields, replace
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pictell.budget import budget_share
from pictell.cli import defaults
from pictell.cli.answer_options import add_answer_options, add_limits, check_answer_options
from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.model_options import add_engine_options
from pictell.cli.output import say
from pictell.cli.parser import Parser, number, positive_int, whole_number
from pictell.cli.serve_settings import Several, fill_from_elsewhere
from pictell.errors import UsageError
from pictell.files import TextFileError, read_text
from pictell.options import Limits
from pictell.server.settings import MIB, Settings

EXAMPLE = """\
Serve models over HTTP, with a page to drop pictures on, at http://127.0.0.1:8000:

  pictell serve
  pictell serve --model default --model pets=PETS.onnx --workers 2
  pictell serve --host 0.0.0.0 --tokens-file TOKENS --rate-limit 100/minute

  curl -F image=@samples/cat.jpg localhost:8000/v1/classify

Each option can also be set by a variable, PICTELL_SERVE_PORT for --port, or in the table [serve] of
config.toml. docs/serve.md is a guide.
"""
if TYPE_CHECKING:
    from collections.abc import Callable

    from pictell.classifier import Classifier

DEFAULTS = {one.name: one.default for one in fields(Settings)}
TOKENS_VARIABLE = "PICTELL_SERVE_TOKENS"
# A request is worth less than the server, so a picture gets less time and memory than elsewhere.
# The server may hold 16 downloads at a time.
LIMITS = Limits(max_bytes=32 * MIB, isolate=True, decode_timeout_s=10.0, max_memory=1024 * MIB)
MAX_TOKENS_BYTES = 1024 * 1024
MIN_TOKEN = 16
MAX_PORT = 65535
MAX_S = 3600


def run(words: list[str]) -> int:
    """Serve until SIGINT or SIGTERM. Raises ``PictellError``."""
    options = _parse(words)
    if any(find_spec(name) is None for name in ("uvicorn", "starlette", "limits", "multipart")):
        raise UsageError("the server needs the extra serve: pip install 'pictell[serve]'")
    from pictell.server.run import serve

    names = {one.name for one in fields(Settings)}
    chosen = {name: value for name, value in vars(options).items() if name in names}
    chosen |= {"models": _models(options), "tokens": _tokens(options)}
    settings = Settings(**chosen)
    if not settings.is_local and not settings.tokens:
        say(
            f"WARNING: everyone who reaches {settings.host} can use this server, which has no "
            "tokens (--tokens-file)"
        )
    return 0 if serve(settings) else SOME_FAILED


def _parse(words: list[str]) -> argparse.Namespace:
    parser = make_parser()
    fill_from_elsewhere(parser)
    options = parser.parse(words)
    check_answer_options(options)
    defaults.fill(options, "min_confidence")
    options.limits = _limits(options)
    for name in ("fetch_hosts", "cors_origins", "allowed_hosts", "trusted_proxies"):
        setattr(options, name, tuple(getattr(options, name) or ()))
    return options


def _limits(options: argparse.Namespace) -> Limits:
    """The limits of a server, and those that the user gives instead."""
    given = {name: getattr(options, name) for name in Limits.__slots__}
    own = LIMITS if options.isolate else Limits(max_bytes=LIMITS.max_bytes)
    limits = replace(own, **{name: value for name, value in given.items() if value is not None})
    if options.workers == 1:
        return limits
    # All workers together have one budget.
    return replace(limits, memory_budget=budget_share(limits.memory_budget, 1, options.workers))


def _models(options: argparse.Namespace) -> dict[str, Callable[[], Classifier]]:
    """What opens each model, by its name in requests. Raises ``UsageError``."""
    from pictell.loading import load

    found: dict[str, Callable[[], Classifier]] = {}
    for text in options.model or [defaults.find("model")["model"].value]:
        name, separator, model = text.partition("=")
        if not separator:
            is_path = "/" in text or os.path.lexists(text)
            name, model = Path(text).stem if is_path else text, text
        if not name or "/" in name or name in found:
            raise UsageError(f"--model {text}: give each model a name of its own, as in NAME=FILE")
        found[name] = partial(
            load,
            model,
            engine=options.engine_options,
            limits=options.limits,
            min_confidence=options.min_confidence,
            max_depth=options.max_depth,
            flat=options.flat,
            labels_from=options.labels_from,
        )
    return found


def _tokens(options: argparse.Namespace) -> tuple[str, ...]:
    """The lines of the file, or of the variable. Raises ``UsageError``."""
    # Processes that decode pictures inherit the environment.
    text = os.environ.pop(TOKENS_VARIABLE, "")
    if options.tokens_file is not None:
        try:
            text = read_text(Path(options.tokens_file), MAX_TOKENS_BYTES)
        except TextFileError as error:
            raise UsageError(f"the file of tokens {options.tokens_file} {error}") from error
    tokens = tuple(text.split())
    if any(len(one) < MIN_TOKEN for one in tokens):
        raise UsageError(f"a token has fewer than {MIN_TOKEN} characters: make longer ones")
    if not text.isascii():
        raise UsageError("a token has other characters than ASCII, which a header cannot carry")
    if options.tokens_file is not None and not tokens:
        raise UsageError(f"{options.tokens_file} has no tokens: write one on each line")
    return tokens


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell serve", "[OPTION …]", EXAMPLE)
    parser.register("action", "append", Several)
    add = parser.add_argument
    model = "a model's name, folder or file; NAME=MODEL is its name in requests; several: repeat"
    add("-m", "--model", action="append", metavar="M", help=model)
    for option, kind, metavar, meaning in (
        ("--host", str, "H", "the address to listen on"),
        ("--port", _port, "N", "the port; 0 is any that is free"),
        ("--workers", positive_int, "N", "processes that share the port, each with all models"),
    ):
        default = DEFAULTS[option.removeprefix("--")]
        add(option, type=kind, default=default, metavar=metavar, help=f"{meaning} ({default})")
    _add_access(parser)
    _add_load(parser)
    add_answer_options(parser)
    add_limits(parser, isolate=True, limits=LIMITS)
    add_engine_options(parser)
    return parser


def _add_access(parser: Parser) -> None:
    add = parser.add_argument_group("who may use the server").add_argument
    tokens = f"requests need a token: a line of FILE, or of {TOKENS_VARIABLE}"
    add("--tokens-file", metavar="FILE", help=tokens)
    rate = "for each token, or for each address without tokens, such as 100/minute"
    add("--rate-limit", type=_rate, metavar="R", help=rate)
    add("--fetch", action="store_true", help="fetch the pictures of URLs, from public hosts only")
    cors = "pages of this origin may use the server, or *; several: repeat"
    allowed = "a name that requests may give the server; several: repeat"
    proxies = "an address or network of proxies; several: repeat"
    for option, name, kind, meaning in (
        ("--fetch-host", "fetch_hosts", _host, "fetch from this host only; several: repeat"),
        ("--cors-origin", "cors_origins", _origin, cors),
        ("--allowed-host", "allowed_hosts", _host, allowed),
        ("--trusted-proxy", "trusted_proxies", _network, proxies),
    ):
        add(option, dest=name, type=kind, action="append", metavar="H", help=meaning)


def _add_load(parser: Parser) -> None:
    add = parser.add_argument_group("how much at once").add_argument
    for option, name, kind, meaning in (
        ("--max-queue", "max_queue", positive_int, "pictures that wait or are worked on; then 503"),
        ("--max-pictures", "max_pictures", positive_int, "pictures of one request"),
        ("--max-body", "max_body_bytes", positive_int, "body of a request, in bytes"),
        ("--max-buffered", "max_buffered_bytes", positive_int, "bodies at a time, in bytes"),
        ("--max-connections", "max_connections", positive_int, "connections at a time"),
        (
            "--request-timeout",
            "request_timeout_s",
            _seconds,
            "seconds for a request after its body",
        ),
        ("--body-timeout", "body_timeout_s", _seconds, "seconds for a body to arrive"),
        ("--head-timeout", "head_timeout_s", _seconds, "seconds for a head to arrive"),
        (
            "--drain",
            "drain_s",
            _seconds,
            "seconds to keep serving after SIGTERM, while /readyz fails",
        ),
    ):
        default = DEFAULTS[name]
        text = f"{meaning} ({default})"
        add(option, dest=name, type=kind, default=default, metavar="N", help=text)


def _port(text: str) -> int:
    if not 0 <= (port := whole_number(text)) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"must be 0 to {MAX_PORT}, not {text!r}")
    return port


def _seconds(text: str) -> float:
    if not 0 <= (value := number(text)) <= MAX_S:
        raise argparse.ArgumentTypeError(f"must be 0 to {MAX_S} seconds, not {text!r}")
    return value


def _host(text: str) -> str:
    """A name or an address, without scheme and port, as URLs have it in lower case."""
    try:
        host = urlsplit(f"//[{text}]" if ":" in text else f"//{text}").hostname
    except ValueError:
        host = None
    if not text or host != text.lower() or "*" in text:
        raise argparse.ArgumentTypeError(f"must be a host such as example.org, not {text!r}")
    return host


def _origin(text: str) -> str:
    """An origin as browsers write it, in lower case."""
    text = text.lower()
    try:
        parts = urlsplit(text)
        sound = text == f"{parts.scheme}://{parts.netloc}" and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound and text != "*":
        message = f"must be * or an origin such as https://example.org, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return text


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        message = f"must be an address or a network such as 10.0.0.0/8: {error}"
        raise argparse.ArgumentTypeError(message) from None
    return text


def _rate(text: str) -> str:
    from limits import parse_many

    try:
        (rate,) = parse_many(text)
        is_sound = rate.amount > 0
    except ValueError:
        is_sound = False
    if not is_sound:
        message = f"must be a number and a time such as 100/minute, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return text
