"""Targets of what goes out: hosts in disguise, judged by how four clients read a URL, and tracestates."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_plus, urlsplit

import httpx
import yarl
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, get_current_span, set_span_in_context
from urllib3.util import parse_url

from otel_sessions import clear_session, set_session
from otel_sessions.sdk import ParentBasedSessionRatio, SessionPropagator, SessionRatioSampler

from ._grammar import KEYS, SECRET, spliced
from ._targets import PARENT, Pipeline, Target, ill_formed, standard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

_NETWORKS = [
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "0.0.0.0/32",
        "::1/128", "::/128", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip
_PRIVATE_ENDS = (".local", ".internal", ".svc", ".cluster.local", ".localhost")
_PARSERS: tuple[Callable[[str], str | None], ...] = (
    lambda url: urlsplit(url).hostname,
    lambda url: parse_url(url).host,
    lambda url: yarl.URL(url).host,
    lambda url: httpx.URL(url).host,
)
_POLICIES = ("private", "none", "*.corp.example,203.0.113.0/24")


def _address_of(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address  # on the wire it is the IPv4 address


def _is_private(host: str) -> bool:
    with suppress(ValueError):
        address = _address_of(host)
        return any(address in network for network in _NETWORKS)
    return host.endswith(_PRIVATE_ENDS) or (host.isascii() and host[:1].isalpha() and "." not in host)


def _is_listed(host: str) -> bool:
    with suppress(ValueError):
        return _address_of(host) in ip_network("203.0.113.0/24")
    return host.endswith(".corp.example")


_ALLOWS: tuple[Callable[[str], bool], ...] = (_is_private, lambda _: False, _is_listed)


def _readings(url: str) -> set[str]:
    """Return the hosts that clients may go to; one that can't be read by a client is not called by it."""
    hosts = set()
    for parser in _PARSERS:
        with suppress(Exception):
            host = parser(url)
            if host:
                hosts.add(host.strip("[]").lower().partition("%")[0].removesuffix("."))
    return hosts


class Call(NamedTuple):
    """One call of a client: where to, under which policy, and what is in the headers already."""

    policy: int
    is_sampled: bool
    attributes: dict[str, Any]
    headers: dict[str, str]


_SCHEMES = ("http://", "https://", "http://", "https://", "HTTP://", "grpc://", "", "http:", "http:/", "http:\\\\")
_SIGNS = ("", "", ".", "@", ":", "/", "#", "?", "\\")
_GOOD = (
    "localhost",
    "127.0.0.1",
    "10.0.0.8",
    "redis",
    "[::1]",
    "x.local",
    "a.svc",
    "api.corp.example",
    "203.0.113.7",
    "[fe80::1%25eth0]",
)
_OTHERS = (
    "evil.example",
    "8.8.8.8",
    "[2001:db8::1]",
    "[::ffff:8.8.8.8]",
    "evil.example.",
    "203.0.114.7",
    "xcorp.example",
)
_BETWEEN = (
    "@", "@", "\\@", "\\", "#@", "?@", "/@", ":80@", ":@", "@@", ";", "%40", "%2f", "%5c", "%00", "\t", "\n", " ", "\r\n", "\x00", ".", "..",
    "%2e", "\u3002", "\uff0e", "\uff0f", "\uff20", "\uff03", "\u2024", "\u200b", "\xad", "\u2100", ",", "&", "+", "-", "_", "//", "/..//", "", ":",
)  # fmt: skip


def _disguised(dice: Random) -> str:
    """Return what one client may take for a host that is allowed, and another for one that is not."""
    if dice.random() < 0.3:
        return _numeral(dice)
    host, other = dice.choice(_GOOD), dice.choice(_OTHERS)
    pair = [host, dice.choice(_BETWEEN), other]
    if dice.random() < 0.5:
        pair.reverse()
    if dice.random() < 0.3:
        del pair[1:]
    for _ in range(dice.choice((0, 0, 1, 2))):
        pair.insert(
            dice.randrange(len(pair) + 1),
            dice.choice((*_BETWEEN, ":80", ":99999", "user", "%6c", "\u017f", "\u0131", "xn--")),
        )
    return "".join(pair)


def _numeral(dice: Random) -> str:
    """Return an IPv4 address in one of the forms that ``inet_aton`` reads, or an IPv6 address that holds it."""
    number = dice.choice((0x08080808, 0x7F000001, 0x0A000008, 0xCB007107, 0xC0A80001, dice.getrandbits(32)))
    rest = dice.choice((1, 2, 3, 4))
    parts = [number >> 24 - 8 * place & 255 for place in range(rest - 1)] + [number & (1 << 40 - 8 * rest) - 1]
    form = "".join(f"{format(part, dice.choice(('d', 'd', 'd', '#x', '#o', '03d', '#X')))}." for part in parts)
    text = form.replace("0o", "0")[: dice.choice((None, -1, -1, -1))]
    return f"[::{dice.choice(('', 'ffff:', 'FFFF:0:', 'ffff:0:0:'))}{text}]" if dice.random() < 0.2 else text


class Destination(Target):
    """A client span whose attributes name a host in disguise."""

    title = "`inject` in client spans that name hosts in disguise"
    share = 0.2
    own = (
        "localhost", "127.0.0.1", "10.0.0.8", "redis", "api.corp.example", "203.0.113.7", "8.8.8.8", "134744072", "0x08080808",
        "010.8.8.8", "127.1", "0", "[::1]", "[::ffff:8.8.8.8]", "[::ffff:10.0.0.1]", "[fe80::1%25eth0]", "::1", "evil.example",
        "localhost.evil.example", "x.local", "x.LOCAL.", "xn--e1afmkfd", "faß.local", "\uff45vil.example", "x\u3002local", "\u2460.local", "%65vil",
        "@", "\\", ":80", ":", "/", "?", "#", "%2e", "%00", "http://", "https://", "//", "user:pass@", "user@", ";", "..", " ",
    )  # fmt: skip

    def __init__(self) -> None:
        self.tracers = Pipeline().tracer, Pipeline(ParentBasedSessionRatio(0)).tracer
        self.propagators = [SessionPropagator(standard(), propagate_to=policy) for policy in _POLICIES]
        self.scoped = set_session(Context(), SECRET, user_id=f"{SECRET}-user").context

    def make(self, dice: Random, parts: Sequence[str]) -> Call:
        """Return a call."""
        host = _disguised(dice) if dice.random() < 0.5 else spliced(dice, parts, _SIGNS)
        url = f"{dice.choice(_SCHEMES)}{host}{dice.choice(('', '/', '/v1?q=1'))}"
        attributes: dict[str, Any] = {}
        for _ in range(dice.choice((1, 1, 1, 2))):
            name = dice.choice(("url.full", "url.full", "http.url", "server.address", "net.peer.name"))
            attributes[name] = url if name.endswith(("full", "url")) else host
        if dice.random() < 0.02:
            attributes[dice.choice(("url.full", "server.address"))] = dice.choice(
                (7, True, b"http://redis", ["http://redis"])
            )
        old = f"session.id={SECRET},theirs=1, user%2Eid ={SECRET};p" if dice.random() < 0.3 else ""
        return Call(dice.choice((0, 0, 0, 1, 2, 2)), dice.random() < 0.7, attributes, {"Baggage": old} if old else {})

    def act(self, case: Call) -> dict[str, str]:
        """Start the client span, and inject."""
        headers = dict(case.headers)
        tracer = self.tracers[0 if case.is_sampled else 1]
        span = tracer.start_span("GET", self.scoped, SpanKind.CLIENT, case.attributes)
        self.propagators[case.policy].inject(headers, set_span_in_context(span, self.scoped))
        span.end()
        return headers

    def judge(self, case: Call, outcome: dict[str, str]) -> list[str]:
        """Where an id was sent, every client that can read the URL has to go to a host that is allowed."""
        if not any(_names_ours(value) for name, value in outcome.items() if name.lower() == "baggage"):
            return []
        self.seen += 1
        found = ill_formed(outcome["baggage"])
        for name, value in case.attributes.items():
            url = value if name.endswith(("full", "url")) else f"http://{value}"
            for host in _readings(str(url)):
                if not _ALLOWS[case.policy](host):
                    found.append(f"an id was sent to {host!r}, under {_POLICIES[case.policy]}")
        return found


def _names_ours(header: str) -> bool:
    return any(unquote_plus(member.partition("=")[0]).strip() in KEYS for member in header.split(","))


_SESSION = f"{SECRET}-session"
_OWN_RV = hashlib.sha256(_SESSION.encode()).hexdigest()[:14]
_STATE_MEMBER = re.compile(
    r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
_HALF = 1 << 55


class State(NamedTuple):
    """One request with a tracestate, below which a sampler decides."""

    sampler: int
    is_outside: bool
    headers: dict[str, str]

    @property
    def has_session(self) -> bool:
        """Tell whether the caller has said a session."""
        return len(self.headers) > 2


class TraceStates(Target):
    """A tracestate, the verdict of a sampler on it, and what of it goes on to a host that is not allowed."""

    title = "`tracestate`, a sampler, and `inject` to a host that is not allowed"
    share = 0.15
    own = (
        f"ot=rv:{_OWN_RV}", f"ot=th:8;rv:{_OWN_RV.upper()}", "ot=rv:0123456789abcd", "ot=th:0", "ot=th:8;rv:fedcba98765432;x:y", "ot=",
        "ot=rv:", "ot=rv:xyz", "ot=;;;", "ot=x:y", "ot= rv:0123456789abcd", ";rv:ffffffffffffff", ";th:c", "vendor=1", "a@b=2", "congo=t61 x",
        "0=1", "OT=rv:1", "ot", "=", ";", ":", " ", "x=" + "y" * 250, *(f"v{number}={number}" for number in range(8)),
    )  # fmt: skip

    def __init__(self) -> None:
        samplers = SessionRatioSampler(0.5), ParentBasedSessionRatio(0.5)
        self.tracers = [Pipeline(sampler).tracer for sampler in samplers]
        self.propagator = SessionPropagator(
            standard(), propagate_to="private", trust_incoming=True, incoming_headers="session.id=x-session-id"
        )

    def make(self, dice: Random, parts: Sequence[str]) -> State:
        """Return the headers of a request."""
        state = spliced(dice, parts, (",", ",", ",", ", ", ",,", ";", "=", ""))
        parent = PARENT if dice.random() < 0.7 else PARENT[:-1] + "0"
        headers = {"traceparent": parent, "tracestate": state}
        headers |= dice.choice(({}, {}, {"baggage": f"session.id={_SESSION}"}, {"x-session-id": _SESSION}))
        return State(dice.randrange(2), dice.random() < 0.3, headers)

    def act(self, case: State) -> tuple[Any, Any, dict[str, str]]:
        """Start a server span, and a client span below."""
        received = self.propagator.extract(case.headers, Context())
        tracer = self.tracers[case.sampler]
        server = tracer.start_span("server", received, SpanKind.SERVER)
        inside = set_span_in_context(server, received)
        if case.is_outside:
            inside = clear_session(inside).context
        client = tracer.start_span("GET", inside, SpanKind.CLIENT, {"url.full": "https://api.example.com/"})
        sent: dict[str, str] = {}
        self.propagator.inject(sent, set_span_in_context(client, inside))
        client.end()
        server.end()
        return get_current_span(received).get_span_context(), server.get_span_context(), sent

    def judge(self, case: State, outcome: tuple[Any, Any, dict[str, str]]) -> list[str]:
        """Compare what the parent says with what the span says, and with what is sent."""
        parent, span, sent = outcome
        members = span.trace_state.to_header().split(",") if span.trace_state else []
        found = [f"ill-formed member {member!r}" for member in members if not _STATE_MEMBER.fullmatch(member)]
        if len(members) > 32:
            found.append("more than 32 members")
        self.seen += case.has_session and _randomness(span.trace_state) == _OWN_RV
        known, own = _randomness(parent.trace_state), _randomness(span.trace_state)
        if case.sampler == 0:
            expected = known or (_OWN_RV if case.has_session else None)
            number = parent.trace_id % (1 << 56) if expected is None else int(expected, 16)
            if own != expected or bool(span.trace_flags.sampled) != (number >= _HALF):
                found.append(f"rv {own} and not {expected}, or another verdict")
        elif bool(span.trace_flags.sampled) != bool(parent.trace_flags.sampled):
            found.append("another verdict than that of the parent")
        others = {key: value for key, value in parent.trace_state.items() if key != "ot"}
        if [*others.items()][:31] != [item for item in span.trace_state.items() if item[0] != "ot"][:31]:
            found.append("members of others are changed")
        if any(SECRET in value for value in sent.values()) or _tells(sent):
            found.append(f"sent to a host that is not allowed: {sent}")
        return found


def _tells(sent: dict[str, str]) -> bool:
    """Tell whether there is a randomness in ``sent``: that of a caller may derive from a session, too."""
    members = (member.partition("=") for member in sent.get("tracestate", "").split(","))
    sub_keys = [each for name, _, value in members if name == "ot" for each in value.split(";")]
    return any(re.fullmatch("rv:[0-9a-fA-F]{14}", each) for each in sub_keys)


def _randomness(state: Any) -> str | None:
    found = [each[3:] for each in state.get("ot", "").split(";") if each.startswith("rv:")]
    return found[-1] if found and re.fullmatch("[0-9a-fA-F]{14}", found[-1]) else None
