"""Which hosts get session ids: judged by their text alone, and refused where clients read it differently."""

from __future__ import annotations

import contextlib
import importlib
import pickle
import socket
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from otel_sessions._propagation.destinations import host_of_authority, host_of_url
from otel_sessions._settings.destinations import ALL, NONE, PRIVATE, Destinations
from otel_sessions._settings.hosts import UnusableDestinationError

CORP = Destinations.parsed(["*.corp.example"])


def ids(*texts):
    return [pytest.param(text, id=ascii(text)[:40]) for text in texts]


# --- private ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ids(
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104  # nothing is bound
        "::1",
        "[::1]",
        "0:0:0:0:0:0:0:1",
        "::",
        "fd00::1",
        "FD00::1",
        "fe80::1",
        "fe80::1%eth0",
        "[fe80::1%25eth0]",
        "::ffff:10.0.0.1",
        "::ffff:7f00:1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "redis",
        "my-svc_1",
        "beef",
        "x",
        "internal",
        "printer.local",
        "foo.internal",
        "foo.internal.",
        "a.b.c.internal",
        "redis.default.svc",
        "redis.default.svc.cluster.local",
        "app.localhost",
        "bücher.internal",
        "xn--bcher-kva.internal",
        "0x7f000001.internal",
        "_sip._tcp.internal",
        f"{'a' * 63}.internal",
    ),
)
def test_a_private_host_gets_ids(host):
    assert PRIVATE.allows(host)


@pytest.mark.parametrize(
    "host",
    ids(
        "api.openai.com",
        "8.8.8.8",
        "[8.8.8.8]",
        "172.15.255.255",
        "172.32.0.1",
        "169.253.0.1",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "240.0.0.1",
        "0.0.0.1",
        "255.255.255.255",
        "2001:4860:4860::8888",
        "2001:db8::1",
        "::ffff:8.8.8.8",
        "::ffff:808:808",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "64:ff9b::8.8.8.8",
        "64:ff9b::10.0.0.1",
        "2001:0:7f00:1::",
        "fec0::1",
        "ff02::1",
    ),
)
def test_a_public_host_gets_none(host):
    assert not PRIVATE.allows(host)


@pytest.mark.parametrize(
    "host",
    ids(
        "134744072",
        "0x08080808",
        "0X08080808",
        "010.8.8.8",
        "8.8.2056",
        "0x8.0x8.0x8.0x8",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0x7f000001",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "0",
        "0x",
        "1.2.3.4.5",
        "127.0.0.01",
        "127.0.0.1.",
        "foo.1",
        "foo.internal.0x1",
        "::ffff:010.0.0.1",
    ),
)
def test_an_address_in_disguise_is_refused_even_where_it_is_private(host):
    assert not PRIVATE.allows(host)


@pytest.mark.parametrize(
    "host",
    ids(
        "",
        ".",
        "..",
        "[]",
        "[",
        "]",
        ".internal",
        "a..internal",
        "foo.internal..",
        "foo.internal.evil.com",
        "foointernal.com",
        "localhost.evil.com",
        f"{'a' * 64}.internal",
        f"{'a.' * 123}internal",
        "a" * 3000,
        "1redis",
        "-redis",
        "_redis",
        "evil%2ecom",
        "localhost%00.evil.com",
        "localhost\x00.internal",
        "localhost\n",
        "local host",
        " localhost",
        "localhost:80",
        "http://localhost",
        "localhost/",
        "user@localhost",
        "evil.com#.internal",
        "evil.com\\.internal",
        "*.internal",
        "[localhost]",
        "[127.0.0.1]",
        "[::1",
        "::1]",
        "[::1]:80",
        "[[::1]]",
        "::1%",
        "::1%a%b",
        "::1%a/b",
        "1:2",
        "é" * 200 + ".internal",
        "b" + "ü" * 200 + ".internal",
        "\ud800.internal",
    ),
)
def test_what_is_no_host_is_refused(host):
    assert not PRIVATE.allows(host)


@pytest.mark.parametrize(
    "host",
    ids(
        "\uff11\uff12\uff17.0.0.1",
        "\uff38.internal",
        "foo\u3002internal",
        "foo\uff0einternal",
        "foo\uff61internal",
        "foo\u2024internal",
        "foo.\u24d8nternal",
        "loca\u200dlhost.internal",
        "a\u00adb.internal",
        "stra\u00dfe.internal",
        "\u03bf\u03c2.internal",
        "\U0001f1001.internal",
        "a\U000e0100b.internal",
        "a\u2064b.internal",
        "\u115f0x08080808.internal",
        "\u115f0x08080808",
        "\u212airin.internal",
        "\u212airin-b\u00fccher.internal",
        "bu\u0308cher.internal",
        "\u2100.internal",
        "evil.com\uff0f.internal",
        "xn--bcher-kva.b\u00fccher.internal",
    ),
)
def test_a_name_that_clients_encode_differently_is_refused(host):
    assert not PRIVATE.allows(host)


@pytest.mark.parametrize("host", [None, b"localhost", 1, ["localhost"]])
def test_what_is_no_text_is_refused(host):
    assert not PRIVATE.allows(host)


@pytest.mark.parametrize("host", [None, "", "evil.com\\", "134744072", "a" * 3000, "api.openai.com"])
def test_all_allows_what_is_malformed_too_and_none_nothing(host):
    assert (ALL.allows(host), NONE.allows(host)) == (True, False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "none", "all", "private"])
def test_none_refuses_this_machine_and_a_host_of_its_own_name(host):
    assert not NONE.allows(host)


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "host"),
    [
        ("*.corp.example", "a.corp.example"),
        ("*.corp.example", "a.b.corp.example"),
        ("*.corp.example", "A.CORP.Example."),
        ("*.Corp.Example.", "a.corp.example"),
        ("api-*.corp.example", "api-eu.corp.example"),
        ("api-*.corp.example", "api-.corp.example"),
        ("api.*.corp.example", "api.eu.corp.example"),
        ("api-?.corp.example", "api-1.corp.example"),
        ("redis-*", "redis-1"),
        ("api.example.com", "API.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "BÜCHER.example"),
        ("*.bücher.example", "a.xn--bcher-kva.example"),
        ("10.1.0.0/16", "10.1.2.3"),
        ("10.1.2.3/16", "10.1.255.255"),
        ("8.8.8.8", "8.8.8.8"),
        ("8.8.8.8/32", "::ffff:8.8.8.8"),
        ("8.8.8.0/24", "::ffff:808:808"),
        ("::ffff:8.8.8.0/120", "8.8.8.8"),
        ("0.0.0.0/0", "1.2.3.4"),
        ("2001:DB8::/32", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "[2001:DB8:0::1]"),
    ],
)
def test_a_listed_host_gets_ids(item, host):
    assert Destinations.parsed([item]).allows(host)


@pytest.mark.parametrize(
    ("item", "host"),
    [
        ("*.corp.example", "corp.example"),
        ("*.corp.example", ".corp.example"),
        ("*.corp.example", "evilcorp.example"),
        ("*.corp.example", "a.corp.example.evil.com"),
        ("*.corp.example", "evil.com/.corp.example"),
        ("*.corp.example", "evil.com\uff0f.corp.example"),
        ("*.corp.example", "localhost"),
        ("api-*.corp.example", "api-eu.evil.corp.example"),
        ("api.*.corp.example", "api.a.b.corp.example"),
        ("api.*.corp.example", "api.corp.example"),
        ("api-?.corp.example", "api-.corp.example"),
        ("redis-*", "redis-1.evil.com"),
        ("api.example.com", "v1.api.example.com"),
        ("api.example.com", "api-example.com"),
        ("8.8.8.0/24", "134744072"),
        ("8.8.8.0/24", "0x08080808"),
        ("8.8.8.0/24", "010.8.8.8"),
        ("8.8.8.0/24", "8.8.9.1"),
        ("8.8.8.0/24", "8.8.8.8.evil.com"),
        ("::/0", "1.2.3.4"),
        ("::/0", "::ffff:1.2.3.4"),
        ("0.0.0.0/0", "2001:db8::1"),
        ("0.0.0.0/0", "134744072"),
    ],
)
def test_what_only_resembles_a_listed_host_gets_none(item, host):
    assert not Destinations.parsed([item]).allows(host)


def test_what_is_listed_beside_private_is_added_to_it():
    destinations = Destinations.parsed(["private", "*.corp.example,2001:db8::/32"])
    hosts = ["localhost", "10.0.0.1", "a.corp.example", "2001:db8::1", "a.example", "8.8.8.8"]
    assert [destinations.allows(host) for host in hosts] == [True, True, True, True, False, False]


@pytest.mark.parametrize(
    ("items", "text"),
    [
        (["private"], "private"),
        (["Private , *.Corp.example.", "10.1.2.3/8"], "private,*.corp.example,10.0.0.0/8"),
        ("private,a.example", "private,a.example"),
        (["a.example", "A.example"], "a.example"),
        (["10.0.0.1/32", "10.0.0.1", "[::1]", "::ffff:10.0.0.1"], "10.0.0.1,::1"),
        (["::ffff:10.1.2.3/104"], "10.0.0.0/8"),
        (["::/0"], "::/0"),
        (["b\u00fccher.example"], "xn--bcher-kva.example"),
        (["private", "ALL", "a.example"], "all"),
        (["none", "None"], "none"),
        ([], "none"),
    ],
)
def test_a_list_is_given_back_in_its_canonical_form(items, text):
    destinations = Destinations.parsed(items)
    assert (str(destinations), Destinations.parsed([text])) == (text, destinations)


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("", "'' is empty: name a host, or leave out the comma"),
        ("private,", "'' is empty: name a host, or leave out the comma"),
        ("a.example b.example", "'a.example b.example' has white space in it: put a comma between two hosts"),
        ("https://a.example", "'https://a.example' is a URL: give its host only"),
        ("https://me:secret@a.example", "an item has a user in it: give the host only"),
        ("//a.example", "'//a.example' is a URL: give its host only"),
        ("*", "'*' stands for every host: write all"),
        ("**", "'**' says nothing of the host: write all or private"),
        ("?*.", "'?*.' is no name of a host"),
        ("a.example:443", "'a.example:443' has a port: give the host only"),
        ("10.0.0.1:443", "'10.0.0.1:443' has a port: give the host only"),
        ("[::1]:443", "'[::1]:443' has a port: give the host only"),
        ("fd00::1::2", "'fd00::1::2' is no address: give one such as fd00::1"),
        ("fe80::1%eth0", "'fe80::1%eth0' has a zone or an escaped sign in it: give the plain host only"),
        ("a.example/v1", "'a.example/v1' has a path: give the host only"),
        ("a.example/", "'a.example/' is no network: give one such as 10.0.0.0/8 or fd00::/8, or a host without a path"),
        (
            "10.0.0.0/33",
            "'10.0.0.0/33' is no network: give one such as 10.0.0.0/8 or fd00::/8, or a host without a path",
        ),
        (".corp.example", "'.corp.example' starts with a dot: write *. before the name"),
        ("10.*", "'10.*' ends in a wildcard, and so anyone's host may match: write the end, or a network"),
        ("a.ex*", "'a.ex*' ends in a wildcard, and so anyone's host may match: write the end, or a network"),
        ("127.1", "'127.1' is no address in its usual form: write it as 10.0.0.1"),
        ("134744072", "'134744072' is no address in its usual form: write it as 10.0.0.1"),
        ("010.8.8.8", "'010.8.8.8' is no address in its usual form: write it as 10.0.0.1"),
        ("0x7f000001", "'0x7f000001' is no address in its usual form: write it as 10.0.0.1"),
        ("a..example", "'a..example' is no name of a host"),
        ("stra\u00dfe.example", "'stra\u00dfe.example' is no name of a host"),
        ("b\u00fc*.example", "'b\u00fc*.example' is no name of a host"),
        ("[a-z].example", "'[a-z].example' is no address: give one such as fd00::1"),
        ("!" * 200, f"'{'!' * 99}... is no name of a host"),
        ("all,none", "'none' stands beside other destinations: leave out one or the other"),
        (None, "None is not text"),
        (1, "1 is not text"),
    ],
)
def test_an_item_that_cannot_be_used_is_named_with_its_remedy(item, problem):
    with pytest.raises(UnusableDestinationError) as error:
        Destinations.parsed([item])
    assert str(error.value) == problem


@pytest.mark.parametrize(
    ("items", "item"), [(["private, a b"], "a b"), (["none", "a.example"], "none"), (["a@b"], "a@b"), ([1], 1)]
)
def test_the_error_holds_the_item(items, item):
    with pytest.raises(UnusableDestinationError) as error:
        Destinations.parsed(items)
    assert error.value.item == item


def test_destinations_are_values():
    destinations = Destinations.parsed(["private", "10.0.0.0/8"])
    equal = Destinations.parsed(["private,10.0.0.0/8"])
    assert (destinations, hash(destinations)) == (equal, hash(equal))
    assert pickle.loads(pickle.dumps(destinations)) == destinations  # noqa: S301  # our own
    assert repr(destinations) == "Destinations(items=('private', '10.0.0.0/8'))"


# --- URLs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://localhost/", "localhost"),
        ("http://localhost", "localhost"),
        ("HTTPS://Localhost:8080/a?b#c", "Localhost"),
        ("wss://a.example?x", "a.example"),
        ("grpc://a.example:50051", "a.example"),
        ("http://a.example:/", "a.example"),
        ("http://a.example./", "a.example."),
        ("http://[::1]:8080/", "::1"),
        ("http://[fe80::1%25eth0]/", "fe80::1%25eth0"),
        ("http://[fe80::1%eth0]/", "fe80::1%eth0"),
        ("http://b\u00fccher.example/", "b\u00fccher.example"),
        ("http://localhost@evil.com/", "evil.com"),
        ("http://localhost:80@evil.com/", "evil.com"),
        ("http://localhost%2f@evil.com/", "evil.com"),
        ("http://@evil.com/", "evil.com"),
        ("http://REDACTED:REDACTED@a.example/", "a.example"),
        ("http://evil.com#@localhost/", "evil.com"),
        ("http://evil.com?@localhost", "evil.com"),
        ("http://evil.com/@localhost", "evil.com"),
        ("http://evil.com/\\@localhost", "evil.com"),
        ("http://a.example/a b?q=\u00fc", "a.example"),
        (f"http://a.example/{'a' * 100_000}", "a.example"),
    ],
)
def test_the_host_of_a_url_is_what_a_client_connects_to(url, host):
    assert host_of_url(url) == host


@pytest.mark.parametrize(
    "url",
    [
        *ids(
            "",
            "localhost",
            "localhost:80/a",
            "/a",
            "//localhost/",
            "mailto:a@localhost",
            "http:/localhost",
            "http:localhost",
            "http:///localhost",
            "http://",
            "http://:80",
            "http://?localhost",
            "file:///etc",
            " http://localhost",
            "\x00http://localhost",
            "ht\ntp://localhost",
            "http:/\t/localhost",
            "http://local\thost/",
            "http://localhost\n",
            "http://localhost\r\n/",
            "http://local host/",
            "http://localhost\u3000/",
            "http://localhost\u2028/",
            "http://localhost\x7f/",
            "http://localhost\x85/",
            "http://evil.com\\@localhost/",
            "http://localhost\\.evil.com/",
            "http:\\\\localhost",
            "http://a@b@localhost/",
            "http://evil.com\uff0f@localhost/",
            "http://[::1]@localhost:x/",
            "http://[evil.com]@localhost/",
            "http://evil%2ecom/",
            "http://localhost%00.evil.com/",
            "http://%6cocalhost/",
            "http://localhost:80:80/",
            "http://localhost:a/",
            "http://localhost:999999/",
            "http://[::1/",
            "http://::1/",
            "http://[::1]evil.com/",
            "http://[::1].evil.com/",
            "http://evil.com[::1]/",
            "http://[::1%25a%25b]/",
            "http://[localhost]/",
            "http://localhost;evil.com/",
            "http://localhost,evil.com/",
            f"http://{'a' * 3000}/",
        ),
        pytest.param(None, id="None"),
        pytest.param(b"http://localhost", id="bytes"),
    ],
)
def test_a_url_has_no_host_where_clients_may_differ(url):
    assert host_of_url(url) is None


# --- authorities and targets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("localhost", "localhost"),
        ("a.example:443", "a.example"),
        ("[::1]:50051", "::1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("10.0.0.1:80", "10.0.0.1"),
        ("dns:///a.example:443", "a.example"),
        ("dns://8.8.8.8/a.example:443", "a.example"),
        ("dns:a.example", "a.example"),
        ("dns:a.example:443", "a.example"),
        ("dns", "dns"),
        ("ipv4:1.2.3.4:50051", "1.2.3.4"),
        ("ipv4:1.2.3.4:50051,1.2.3.4:50052", "1.2.3.4"),
        ("ipv6:[::1]:50051", "::1"),
        ("ipv6:[::1]:50051,[::1]:50052", "::1"),
        ("ipv6:::1", "::1"),
        ("unix:/run/a.sock", "localhost"),
        ("unix:///run/a.sock", "localhost"),
        ("unix-abstract:a", "localhost"),
        ("a.example:1,a.example:2", "a.example"),
    ],
)
def test_an_authority_and_a_grpc_target_have_a_host(authority, host):
    assert host_of_authority(authority) == host


@pytest.mark.parametrize(
    "authority",
    [
        *ids(
            "",
            ":80",
            "a.example:b",
            "a.example:80:80",
            "https://a.example",
            "a.example/",
            "user@a.example",
            "localhost\\",
            "localhost\n",
            "local%68ost",
            "dns:///",
            "dns://a.example:443",
            "DNS:a.example",
            "xds:///a.example",
            "vsock:1:2",
            "ipv4:1.2.3.4:1,5.6.7.8:1",
            "localhost:1,evil.com:1",
            "localhost,",
            ",",
            "[::1",
            "[::1]:80:80",
            "a.example," * 300 + "a.example",
            "/run/a.sock",
        ),
        pytest.param(None, id="None"),
        pytest.param(1, id="int"),
    ],
)
def test_an_authority_that_cannot_be_told_has_no_host(authority):
    assert host_of_authority(authority) is None


# --- properties -------------------------------------------------------------------------------------------------------

# Pieces of which hostile hosts and URLs are made, beside any text.
PIECES = st.sampled_from(
    [
        "localhost",
        "redis",
        "internal",
        ".internal",
        ".local",
        "evil.com",
        "evil",
        "127.0.0.1",
        "8.8.8.8",
        "10.0.0.1",
        "[::1]",
        "::1",
        "[",
        "]",
        "0x8",
        "010",
        "134744072",
        "::ffff:",
        "%25eth0",
        "%2e",
        "%00",
        ".",
        "..",
        ":",
        ":80",
        "/",
        "//",
        "?",
        "#",
        "@",
        "\\",
        "*",
        "-",
        "_",
        " ",
        "\t",
        "\n",
        "\r",
        "\x00",
        "\uff0e",
        "\u3002",
        "\uff0f",
        "\uff20",
        "\uff11",
        "\u2024",
        "\xdf",
        "\u200d",
        "\u115f",
        "\xfc",
        "u\u0308",
        "xn--",
        "\U0001f600",
        "http:",
        "http://",
        "user:pw",
    ]
)
HOSTILE = st.lists(PIECES | st.text(max_size=2), max_size=8).map("".join)
LISTS = [ALL, NONE, PRIVATE, CORP, Destinations.parsed("private,10.0.0.0/8,a-*.example,::ffff:8.8.8.0/120")]


@given(HOSTILE | st.text())
def test_no_text_makes_it_raise(text):
    for destinations in LISTS:
        assert destinations.allows(text) in {True, False}
    for host in (host_of_url(text), host_of_url(f"http://{text}"), host_of_authority(text)):
        assert host is None or host
    with contextlib.suppress(UnusableDestinationError):
        Destinations.parsed([text])


@given(st.lists(st.sampled_from(["private", "all", " ", "10.1.2.3/8", "::1", "*.A.example"]) | HOSTILE, max_size=4))
def test_a_list_that_can_be_used_is_equal_to_what_is_read_of_its_text(items):
    with contextlib.suppress(UnusableDestinationError):
        destinations = Destinations.parsed(items)
        assert Destinations.parsed([str(destinations)]) == destinations


def is_public_by_inet_aton(text):
    try:
        return IPv4Address(socket.inet_aton(text)).is_global
    except OSError:
        return False


NUMBER = st.sampled_from(["{:d}", "{:#x}", "0{:o}", "{:08d}"])
PART = st.builds(str.format, NUMBER, st.integers(0, 255) | st.integers(0, 2**32 - 1))


@given(st.lists(PART, min_size=1, max_size=4).map(".".join) | st.from_regex(r"\A[0-9a-fx.]{1,16}\Z"))
@example("134744072")
@example("0x08080808")
@example("010.8.8.8")
@example("8.8.8.8")
def test_what_inet_aton_takes_for_a_public_address_gets_none(text):
    assert not (is_public_by_inet_aton(text) and PRIVATE.allows(text))


@given(st.integers(0, 2**32 - 1), st.integers(0, 3), NUMBER)
def test_an_ipv4_address_is_read_in_its_canonical_form_alone(number, dots, form):
    parts = [*number.to_bytes(4, "big")[:dots], number % 256 ** (4 - dots)]
    text = ".".join(map(form.format, parts))
    assume(text != str(IPv4Address(number)))
    assert not Destinations.parsed(["private,0.0.0.0/0"]).allows(text)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 32))
def test_a_network_allows_its_addresses_and_no_others(address, of, length):
    network = IPv4Network((of, length), strict=False)
    destinations = Destinations.parsed([f"{of}/{length}"])
    expected = address in network
    assert (destinations.allows(str(address)), destinations.allows(f"::ffff:{address}")) == (expected, expected)


@given(st.ip_addresses())
def test_a_global_address_gets_none(address):
    assume(address.is_global)
    assert not PRIVATE.allows(str(address))


@given(HOSTILE)
def test_what_a_glob_allows_ends_in_it(text):
    host = f"{text}.corp.example"
    assert not CORP.allows(f"{host}.evil.com")
    assert not CORP.allows(f"{text}corp.example") or text.endswith(".")
    assert not CORP.allows(host) or "/" not in host


def of_httpx(url):
    return importlib.import_module("httpx").URL(url).host


def of_urllib3(url):
    return importlib.import_module("urllib3").util.parse_url(url).host


def of_requests(url):
    return of_urllib3(importlib.import_module("requests").Request("GET", url).prepare().url)


def of_yarl(url):
    return importlib.import_module("yarl").URL(url).raw_host


def of_urllib(url):
    return importlib.import_module("urllib.parse").urlsplit(url).hostname


CLIENTS = [
    pytest.param(client, id=name, marks=pytest.mark.skipif(find_spec(name) is None, reason="not installed"))
    for name, client in {
        "httpx": of_httpx,
        "urllib3": of_urllib3,
        "requests": of_requests,
        "yarl": of_yarl,
        "urllib.parse": of_urllib,
    }.items()
]


def is_private_for(client, url):
    """Tell whether what ``client`` connects to is private, or nothing."""
    try:
        host = client(url)
    except Exception:  # noqa: BLE001  # it sends nothing then
        return True
    return PRIVATE.allows(host)


@pytest.mark.parametrize("client", CLIENTS)
@settings(deadline=None)  # the first one imports the client
@given(
    scheme=st.sampled_from(["http://"] * 4 + ["https://", "ws://", "http:", "http:/", "", " http://"]),
    before=HOSTILE,
    middle=st.sampled_from(["localhost", "a.internal", "127.0.0.1", "[::1]", "[fe80::1%25eth0]", "b\u00fccher.local"]),
    after=HOSTILE,
)
@example("http://", "evil.com\\@", "localhost", "")
@example("http://", "", "localhost", "\\@evil.com")
@example("http://", "evil.com#@", "localhost", "")
@example("http://", "", "localhost", "@evil.com")
@example("http://", "evil.com\uff0f@", "localhost", "")
@example("http://", "\u115f0x08080808", "", "")
def test_what_is_private_in_a_url_is_private_for_the_client_too(client, scheme, before, middle, after):
    url = scheme + before + middle + after
    assert not PRIVATE.allows(host_of_url(url)) or is_private_for(client, url)


@pytest.mark.parametrize("host", ["ai.", "uz.", "orders."])
def test_a_single_label_with_a_last_dot_is_a_top_level_domain(host):
    assert not PRIVATE.allows(host)
    assert PRIVATE.allows(host.removesuffix("."))
    assert PRIVATE.allows("localhost.")
