import os
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.errors import AddressRefusedError, UsageError
from pictell.images.addresses import Hop, follow, is_public, parse_proxy, parse_url

PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255"),
    *("100.128.0.0",),
    *("126.255.255.255", "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255"),
    *("169.255.0.0",),
    *("172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0"),
    *("198.17.255.255", "198.20.0.0"),
    *("223.255.255.255",),
    *("2000::1", "2600:1f18::1", "2606:2800:220:1:248:1893:25c8:1946", "2001:200::1"),
    *("2a00:1450:4001::200e",),
    *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
    *("2600::5efe:808:808", "2600::200:5efe:808:808", "2600::5eff:7f00:1"),
]  # fmt: skip

PRIVATE = [
    *("0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.0"),
    *("100.100.100.200",),
    *("100.127.255.255", "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1"),
    *("169.254.169.254",),
    *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1",),
    *("192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1"),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::ffff:169.254.169.254",),
    *("::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:0:0:1::8.8.8.8", "64:ff9b:1::7f00:1"),
    *("64:ff9b:1:7f00:0:100::", "64:ff9b:1::8.8.8.8"),
    *("100::1", "1fff:ffff::1", "4000::1", "5f00::1"),
    *("2001::1", "2001:0:7f00:1:0:0:f7f7:f7f7", "2001:0:808:808:0:0:80ff:fffe", "2001:2::1"),
    *("2001:10::1",),
    *("2001:1ff:ffff::1", "2001:db8::1", "3fff::1", "3fff:fff::1"),
    *("2002:7f00:1::", "2002:808:808::1", "2002:a00:1::1", "2002:c0a8:101::1", "2002:a9fe:a9fe::1"),
    *("2600::5efe:7f00:1", "2600::200:5efe:a00:1", "2002:808:808::5efe:7f00:1"),
    *("fe80::5efe:808:808",),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1"),
    *("fe80::1%eth0", "2600::1%eth0", "::1%lo"),
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_pass(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", PRIVATE)
def test_private_and_reserved_addresses_are_refused(text: str) -> None:
    assert not is_public(ip_address(text))


def wrappings(address: IPv4Address) -> list[IPv6Address]:
    number = int(address)
    flipped = number ^ 0xFFFF_FFFF
    google = 0x0808_0808
    numbers = {
        "mapped": 0xFFFF << 32 | number,
        "compatible": number,
        "translated": 0xFFFF << 48 | number,
        "nat64": 0x64_FF9B << 96 | number,
        "local nat64, /96": 0x64_FF9B_0001 << 80 | number,
        "local nat64, /48": 0x64_FF9B_0001 << 80
        | (number >> 16) << 64
        | (number & 0xFFFF) << 40,  # RFC 6052 §2.2: around the octet that stays 0
        "6to4": 0x2002 << 112 | number << 80 | 1,
        "teredo server": 0x2001_0000 << 96 | number << 64 | (google ^ 0xFFFF_FFFF),
        "teredo client": 0x2001_0000 << 96 | google << 64 | flipped,
        "isatap": 0x2600 << 112 | 0x5EFE << 32 | number,
        "isatap, universal": 0x2600 << 112 | 0x0200_5EFE << 32 | number,
        "isatap over 6to4": 0x2002 << 112 | google << 80 | 0x5EFE << 32 | number,
    }
    return [IPv6Address(number) for number in numbers.values()]


# Hypothesis prefers addresses of special registries, so it filters out few examples.
@given(st.ip_addresses(v=4).filter(lambda address: not address.is_global))
def test_an_address_that_is_not_global_is_refused_inside_ipv6_too(address: IPv4Address) -> None:
    assert not is_public(address)
    assert not any(is_public(wrapped) for wrapped in wrappings(address))


@given(st.ip_addresses())
def test_public_addresses_are_global_in_the_standard_library(
    address: IPv4Address | IPv6Address,
) -> None:
    native = address.version == 4 or address in IPv6Network("2000::/3")
    assert address.is_global or not (native and is_public(address))


@pytest.mark.parametrize(
    ("text", "hop"),
    [
        ("http://example.org", Hop("http", "example.org", 80, "/")),
        ("HTTPS://Example.ORG./a?b#c", Hop("https", "example.org", 443, "/a?b")),
        ("http://example.org:8080?q", Hop("http", "example.org", 8080, "/?q")),
        ("http://my_cam.local/a%20b", Hop("http", "my_cam.local", 80, "/a%20b")),
        ("http://[::FFFF:1.2.3.4]:81/", Hop("http", str(IPv6Address("::ffff:1.2.3.4")), 81, "/")),
        ("http://[0:0::1]/", Hop("http", "::1", 80, "/")),
        ("http://bücher.example/ä?ö", Hop("http", "xn--bcher-kva.example", 80, "/%C3%A4?%C3%B6")),
        ("http://\uff11\uff12\uff17.1/", Hop("http", "127.1", 80, "/")),
        ("http://a\u3002b/", Hop("http", "a.b", 80, "/")),
        ('http://a/"<\\>', Hop("http", "a", 80, "/%22%3C%5C%3E")),
    ],
)  # fmt: skip
def test_urls_are_parsed(text: str, hop: Hop) -> None:
    assert parse_url(text) == hop


@pytest.mark.parametrize(
    "text",
    [
        *("", "cat.jpg", "//example.org/", "http:", "http://", "http:///cat.jpg"),
        *("http:example.org", "file:///etc/passwd", "gopher://example.org/", "ftp://example.org/"),
        *("data:,x", "javascript:alert(1)", "ws://example.org/", "http+unix://%2Fsocket/"),
        *("http://a b/", "http://a/b c", "http://a/\r\nX: y", "http://a\t/", " http://a/", "http://a/\x85"),
        *("http://a:0x50/", "http://a:65536/", "http://a:-1/", "http://a:b/", "http://a:\u0668\u0660/"),
        *("http://.a/", "http://a..b/", "http://..", "http://-a/", "http://" + "a" * 64 + "/"),
        *("http://a%2eb/", "http://a\\b/", "http://a,b/", "http://a*/", "http://a\u2100b/"),
        *("http://[::1/", "http://::1/", "http://[::1%25eth0]/", "http://[fe80::1%eth0]/"),
    ],
)  # fmt: skip
def test_bad_urls_are_refused(text: str) -> None:
    with pytest.raises(AddressRefusedError):
        parse_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://secret@example.org/",
        "http://user:secret@example.org/",
        "http://:secret@example.org/",
        "http://@example.org/?secret",
        "http://secret\\@example.org/",
        "http://user:secret@[example.org/",
        "http://user:secret@a\u2100b/",
        "http://user:secret@example.org:port/",
        "http://user:se cret@example.org/",
        "ftp://user:secret@example.org/",
    ],
)
def test_credentials_are_refused_and_never_shown(text: str) -> None:
    with pytest.raises(AddressRefusedError) as caught:
        parse_url(text)
    assert "cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


# With surrogates: os.fsdecode makes them from bytes that are not UTF-8.
any_text = st.text(st.characters(codec=None)) | st.text(
    alphabet="htps:/@[]%.:-_0123456789abcdefx?#\\ \u3002\uff11\udcff\ud800"
)


@given(any_text)
def test_any_text_becomes_a_hop_or_a_refusal(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}/", f"http://a/{text}"):
        try:
            hop = parse_url(url)
        except AddressRefusedError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert (hop.host + hop.target).isascii()
            assert " " not in hop.host + hop.target


@given(any_text)
def test_any_redirect_becomes_a_hop_or_a_refusal(location: str) -> None:
    with suppress(AddressRefusedError):
        assert follow(parse_url("http://a.example/x"), location).target.isascii()


@given(any_text)
def test_any_proxy_is_parsed_or_wrong_use(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}@host:3128", f"http://user:{text}@host"):
        with suppress(UsageError):
            proxy = parse_proxy(url)
            assert (proxy.host + str(proxy.headers)).isascii()


def test_a_byte_that_is_not_utf8_is_sent_as_it_is() -> None:
    assert parse_url(os.fsdecode(b"http://a/\xff?\xfe")).target == "/%FF?%FE"


@pytest.mark.parametrize("text", ["http://a/\ud800", os.fsdecode(b"http://\xff127.0.0.1/")])
def test_other_surrogates_are_refused(text: str) -> None:
    with pytest.raises(AddressRefusedError):
        parse_url(text)


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("http://a:80/", "a"),
        ("https://a:80/", "a:80"),
        ("https://a:443/", "a"),
        ("http://[::1]/", "[::1]"),
        ("http://[::1]:8080/", "[::1]:8080"),
    ],
)
def test_the_authority_leaves_out_the_default_port(text: str, authority: str) -> None:
    assert parse_url(text).authority == authority


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("b.jpg", "http://a.example:8080/x/b.jpg"),
        ("/b.jpg", "http://a.example:8080/b.jpg"),
        ("?c", "http://a.example:8080/x/y?c"),
        ("../../b", "http://a.example:8080/b"),
        ("//c.example/b", "http://c.example/b"),
        ("https://c.example/b", "https://c.example/b"),
        ("/my cat.jpg", "http://a.example:8080/my%20cat.jpg"),
        ("/b%20c", "http://a.example:8080/b%20c"),
        ("/größe".encode().decode("latin-1"), "http://a.example:8080/gr%C3%B6%C3%9Fe"),
    ],
)
def test_redirects_are_joined(location: str, url: str) -> None:
    assert follow(parse_url("http://a.example:8080/x/y?z"), location) == parse_url(url)


@pytest.mark.parametrize(
    "location",
    [
        *("http://a.example/", "//u:secret@a.example/", "file:///etc/passwd", "gopher://a/"),
        *("data:,x", "http://", "https://[/", "//a.example:99999/", "//a.example\\@b.example/"),
        "//a\x00b/",
    ],
)  # fmt: skip
def test_bad_redirects_are_refused(location: str) -> None:
    with pytest.raises(AddressRefusedError, match=r"^the redirect is refused: ") as caught:
        follow(parse_url("https://a.example/"), location)
    assert "secret" not in str(caught.value)
