"""Parsing of URLs, redirects and proxies, and which IP addresses are public. It uses no network."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from pictell.errors import AddressRefusedError, UsageError

IPAddress: TypeAlias = IPv4Address | IPv6Address

_DEFAULT_PORTS = {"http": 80, "https": 443}

_MAX_URL_CHARS = 8000  # RFC 9110 §4.1 recommends that servers support at least this
_BLANKS = re.compile(r"[\x00-\x20\x7f-\x9f]")
_HOST_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_URL_CHARS = "%:/?#[]@!$&'()*+,;="  # RFC 3986 §2.1, §2.2; quote() adds the unreserved ones of §2.3

# IPv6 prefixes that lead to the IPv4 host in the last 32 bits.
_CARRIERS = (
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped: RFC 4291 §2.5.5.2
    IPv6Network("64:ff9b::/96"),  # NAT64: RFC 6052 §2.1
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # RFC 4291 §2.4, RFC 3587
# What ``is_global`` of some Python version accepts, although it is not a public host.
_REFUSED = (
    IPv4Network("168.63.129.16/32"),  # Azure's platform services, on the local network
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments: RFC 6890
    IPv4Network("192.88.99.0/24"),  # 6to4 relays: RFC 7526
    IPv4Network("224.0.0.0/4"),  # multicast: RFC 5771
    IPv6Network("2001::/23"),  # IETF protocol assignments: RFC 2928; Teredo tunnels: RFC 4380
    IPv6Network("2002::/16"),  # 6to4 tunnels to any IPv4 host, deprecated: RFC 3056, RFC 7526
    IPv6Network("3fff::/20"),  # documentation: RFC 9637
)

# ISATAP may use any prefix: the interface id is 0000:5efe or 0200:5efe, then the IPv4 address
# (RFC 5214 §6.1). The mask excludes the bit in which the two differ.
_ISATAP_MASK = 0xFDFF_FFFF
_ISATAP = 0x0000_5EFE


@dataclass(frozen=True, slots=True)
class Hop:
    """The parts of a URL that a user or a redirect named.

    ``scheme`` is http or https; ``host`` is a lower-case ASCII name, or an IP address without
    brackets; ``port`` is in 0..65535; ``target`` is the path and query, percent-encoded.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port for the Host header, without the default port (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. ``headers`` has its Proxy-Authorization, if any."""

    host: str
    port: int
    headers: Mapping[str, str] = field(repr=False)


def parse_proxy(text: str) -> Proxy:
    """Parse ``http://[USER:PASSWORD@]HOST[:PORT]``, where the port is 80 by default.

    Raises ``UsageError``, which never quotes ``text``: it could show a password.
    """
    scheme, _, rest = text.partition("://")
    credentials, at, authority = rest.rpartition("@")
    try:
        hop = parse_url(f"{scheme}://{authority}")
        plain = unquote_to_bytes(credentials.encode("utf-8", "surrogateescape"))
    except (AddressRefusedError, ValueError):
        hop, plain = None, b""
    if hop is None or (hop.scheme, hop.target) != ("http", "/"):
        raise UsageError("the proxy must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")
    basic = f"Basic {b64encode(plain).decode('ascii')}"  # RFC 7617
    return Proxy(hop.host, hop.port, {"Proxy-Authorization": basic} if at else {})


def parse_url(text: str, base: str = "") -> Hop:
    """Parse a URL, which may be relative to ``base``.

    A byte of the path or query that is not UTF-8 (see ``os.fsdecode``) is sent as that byte.

    Raises ``AddressRefusedError``. Its message and its cause never quote ``text``: they could show
    a password.
    """
    if len(text) > _MAX_URL_CHARS:
        raise AddressRefusedError(f"the URL is longer than {_MAX_URL_CHARS} characters")
    if _BLANKS.search(text):
        raise AddressRefusedError("the URL contains spaces or control characters; encode them")
    try:
        parts = urlsplit(urljoin(base, text))
        port = parts.port
        path_and_query = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = quote(path_and_query, safe=_URL_CHARS, errors="surrogateescape")
    except ValueError:
        raise AddressRefusedError("the URL is malformed") from None
    if parts.scheme not in _DEFAULT_PORTS:
        remedy = "" if parts.scheme else ": add https://"
        raise AddressRefusedError(f"only http:// and https:// URLs are fetched{remedy}")
    if "@" in parts.netloc:
        raise AddressRefusedError("URLs with a user name or password are refused; remove them")
    if port is None:
        port = _DEFAULT_PORTS[parts.scheme]
    return Hop(parts.scheme, _parse_host(parts.hostname or ""), port, target)


def _parse_host(text: str) -> str:
    with suppress(ValueError):
        if ":" in text and "%" not in text:
            return str(IPv6Address(text))
        name = text.encode("idna").decode("ascii").removesuffix(".")
        if _HOST_NAME.fullmatch(name):
            return name
    raise AddressRefusedError("the URL has no valid host name")


def follow(hop: Hop, location: str) -> Hop:
    """The next hop, from a redirect's Location header (http.client decodes it as Latin-1).

    Raises ``AddressRefusedError``, also for a redirect from https to http.
    """
    base = f"{hop.scheme}://{hop.authority}{hop.target}"
    try:
        # Servers send UTF-8 and spaces in this header without encoding them.
        next_hop = parse_url(quote(location, _URL_CHARS, "latin-1", "replace"), base)
    except AddressRefusedError as error:
        raise AddressRefusedError(f"the redirect is refused: {error}") from None
    if (hop.scheme, next_hop.scheme) == ("https", "http"):
        raise AddressRefusedError("the redirect is refused: it leads from https to http")
    return next_hop


def is_public(address: IPAddress) -> bool:
    """Whether ``address`` can only be a host on the public Internet.

    If an IPv6 address contains an IPv4 address, both must be public. An address with a scope
    (``%eth0``) is never public.
    """
    refused = any(address in network for network in _REFUSED)
    if isinstance(address, IPv4Address):
        return address.is_global and not refused
    carried = any(address in network for network in _CARRIERS)
    isatap = int(address) >> 32 & _ISATAP_MASK == _ISATAP
    if (carried or isatap) and not is_public(IPv4Address(int(address) & 0xFFFF_FFFF)):
        return False
    if refused or address.scope_id is not None:
        return False
    return carried or (address in _GLOBAL_UNICAST and address.is_global)
