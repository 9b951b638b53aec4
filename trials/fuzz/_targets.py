"""What is under test: each target makes a case of fragments, lets the library act, and judges what comes out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import quote_plus

from opentelemetry.baggage import get_all
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.b3 import B3MultiFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from harness.pipelines import tracer_with
from otel_sessions import from_carrier, get_session, to_carrier
from otel_sessions.sdk import SessionPropagator, SessionSpanProcessor

from ._grammar import KEYS, SECRET, spliced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from random import Random

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.sampling import Sampler

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PLANTED = f"{SECRET}-planted+1"

_ID = re.compile(r"[ -~]{1,200}")
_ID_KEYS = ("session.id", "user.id", "session.previous_id")
# W3C Baggage, section 3.3.1, with the token of RFC 9110; apart from the library's own patterns.
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  # no password
_OCTETS = r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*"
_MEMBER = re.compile(rf"{_TOKEN}={_OCTETS}")


class Target:
    """One target; a case is one header, or one carrier, or one URL, that it is given."""

    title: ClassVar[str]
    own: ClassVar[Sequence[str]] = ()
    writes_foreign: ClassVar[bool] = False
    share: ClassVar[float]
    seen = 0
    """In how many cases an id came through: not all is to be refused."""

    def make(self, dice: Random, parts: Sequence[str]) -> Any:
        """Return a case."""
        raise NotImplementedError

    def act(self, case: Any) -> Any:
        """Let the library do its work, which is timed; return what came out."""
        raise NotImplementedError

    def judge(self, case: Any, outcome: Any) -> list[str]:
        """Return what is not right; ``wrong ids: …`` for ids on spans."""
        raise NotImplementedError


class Last(SpanExporter):
    """Keeps the last span that was exported."""

    def __init__(self) -> None:
        self.attributes: Mapping[str, Any] = {}

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep the attributes."""
        self.attributes = spans[-1].attributes or {}
        return SpanExportResult.SUCCESS


class Pipeline:
    """An SDK pipeline; what it exported last is in ``last``."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.last = Last()
        self.tracer = tracer_with(SessionSpanProcessor(), SimpleSpanProcessor(self.last), sampler=sampler)

    def attributes_in(self, context: Context) -> dict[str, Any]:
        """Return what a span that starts in ``context`` exports."""
        self.tracer.start_span("span", context).end()
        return dict(self.last.attributes)


def wrong_ids(attributes: Mapping[str, Any]) -> list[str]:
    """Return what of a session is on a span and should not be."""
    found = [key for key in _ID_KEYS if key in attributes and not _is_id(attributes[key])]
    found += [key for key in ("session.name", "session.path") if key in attributes and not _is_text(attributes[key])]
    return [f"wrong ids: {key}={attributes[key]!r}" for key in found]


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 201 and value.isprintable()  # 201: a slash before a path


def ill_formed(header: str) -> list[str]:
    """Return what is wrong with a baggage ``header`` that was written."""
    members = header.split(",")
    found = [f"ill-formed member {member!r}" for member in members if not _MEMBER.fullmatch(member)]
    names = [member.partition("=")[0] for member in members]
    own = [name in KEYS for name in names]
    if own != sorted(own, reverse=True):
        found.append(f"ours are not first: {names}")
    if len(set(names)) != len(names):
        found.append(f"a name twice: {names}")
    if len(header) > 8192 or len(members) > 180:
        found.append(f"too long: {len(header)} characters, {len(members)} members")
    return found


def standard() -> CompositePropagator:
    """Return what an application has by default."""
    return CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


class Raises:
    """A value that can't be read."""

    def __repr__(self) -> str:
        """Be the same each time."""
        return "Raises"


class Once:
    """Pairs that are only to be iterated over."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs

    def __repr__(self) -> str:
        """Show the pairs."""
        return f"Once({self.pairs})"

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Iterate over the pairs."""
        return iter(self.pairs)


class ListGetter(Getter[list[tuple[str, Any]]]):
    """Reads pairs as an ASGI or gRPC getter does, and raises where a value is meant to."""

    def get(self, carrier: list[tuple[str, Any]], key: str) -> Any:
        """Return all values of ``key``."""
        values = [value for name, value in carrier if name == key]
        if any(isinstance(value, Raises) for value in values):
            raise LookupError(SECRET)
        return values or None

    def keys(self, carrier: list[tuple[str, Any]]) -> list[str]:
        """Return all names."""
        return [name for name, _ in carrier]


class Request(NamedTuple):
    """One request: its headers, and by which of the propagators it is read."""

    kind: int
    is_planted: bool
    headers: list[tuple[str, Any]]


_TRACEPARENTS = (PARENT, PARENT, PARENT, PARENT, "", PARENT.upper(), f"{PARENT}-x", "00-0-0-0")
_OTHERS = (
    "x-session-id",
    "x-user-id",
    "x-name",
    "b3",
    "x-b3-traceid",
    "uber-trace-id",
    "uberctx-session.id",
    "uberctx-x",
)


def headers_of(dice: Random, parts: Sequence[str]) -> list[tuple[str, Any]]:
    """Return the headers of a request: one of baggage, often more, and sometimes others."""
    headers: list[tuple[str, Any]] = [("traceparent", dice.choice(_TRACEPARENTS))]
    headers += [("baggage", spliced(dice, parts)) for _ in range(dice.choice((1, 1, 1, 2, 3)))]
    chance = dice.random()
    if chance < 0.1:
        headers.append((dice.choice(_OTHERS), dice.choice(parts)))
    elif chance < 0.15:
        headers.append(("tracestate", spliced(dice, parts)))
    elif chance < 0.17:
        headers.append(
            (dice.choice(("traceparent", "baggage", "x-user-id")), dice.choice((b"\xff", None, 7, Raises())))
        )
    elif chance < 0.18:
        headers[0] = ("traceparent", PARENT + "-" + " " * dice.choice((10, 30_000)) + dice.choice(parts))
    return headers


class Inbound(Target):
    """A request, its server span, and what of it is exported."""

    title = "`extract`, then a span that is exported"
    share = 0.3

    def __init__(self) -> None:
        listed = "session.id=x-session-id,user.id=x-user-id,session.name=x-name"
        everything = [TraceContextTextMapPropagator(), B3MultiFormat(), JaegerPropagator(), W3CBaggagePropagator()]
        self.pipeline = Pipeline()
        self.getter = ListGetter()
        self.propagators = (
            SessionPropagator(standard(), trust_incoming=True),
            SessionPropagator(standard(), trust_incoming=True, incoming_headers=listed),
            SessionPropagator(CompositePropagator(everything), trust_incoming=True, incoming_headers=listed),
            SessionPropagator(CompositePropagator(everything), trust_incoming=False, incoming_headers=listed),
        )

    def make(self, dice: Random, parts: Sequence[str]) -> Request:
        """Return a request; in some, the last of all baggage members is a good one, which then has to count."""
        headers = headers_of(dice, parts)
        is_planted = dice.random() < 0.2 and sum(len(str(value)) for _, value in headers) < 30_000
        if is_planted:
            headers.append(("baggage", f"session.id={PLANTED}"))
        return Request(dice.randrange(4), is_planted, headers)

    def act(self, case: Request) -> dict[str, Any]:
        """Extract, and start the server span."""
        context = self.propagators[case.kind].extract(case.headers, Context(), self.getter)
        return self.pipeline.attributes_in(context)

    def judge(self, case: Request, outcome: dict[str, Any]) -> list[str]:
        """Look at the attributes."""
        found = wrong_ids(outcome)
        self.seen += "session.id" in outcome
        if case.kind == 3:
            return [f"wrong ids: of an untrusted caller {sorted(outcome)}"] if outcome else found
        raises = any(name == "baggage" and isinstance(value, Raises) for name, value in case.headers)
        named = [value for name, value in case.headers if name == "x-session-id" and case.kind > 0]
        # A header that is named goes before baggage, if it can be used; which it is `wrong_ids` that judges.
        if case.is_planted and not raises and not named and outcome.get("session.id") != PLANTED:
            found.append(f"wrong ids: {outcome.get('session.id')!r} and not the one that was sent")
        return found


class RoundTrip(Target):
    """A request, and what is sent on of it, which the next service reads."""

    title = "`extract`, `inject`, and `extract` by the next service"
    writes_foreign = True
    share = 0.2

    def __init__(self) -> None:
        self.getter = ListGetter()
        self.propagator = SessionPropagator(standard(), propagate_to="all", trust_incoming=True)

    def make(self, dice: Random, parts: Sequence[str]) -> list[tuple[str, Any]]:
        """Return headers."""
        return headers_of(dice, parts)

    def act(self, case: list[tuple[str, Any]]) -> tuple[Context, dict[str, str], Context]:
        """Pass them on."""
        received = self.propagator.extract(case, Context(), self.getter)
        sent: dict[str, str] = {}
        self.propagator.inject(sent, received)
        return received, sent, self.propagator.extract(sent, Context())

    def judge(self, case: list[tuple[str, Any]], outcome: tuple[Context, dict[str, str], Context]) -> list[str]:  # noqa: ARG002
        """Look at what was sent, and compare both ends."""
        received, sent, again = outcome
        self.seen += "session.id=" in sent.get("baggage", "")
        found = ill_formed(sent["baggage"]) if "baggage" in sent else []
        if get_session(received) != get_session(again):
            found.append("another session at the other end")
        elif _fits(received) and foreign(received) != foreign(again):
            found.append(f"other baggage at the other end: {foreign(received)!r} and {foreign(again)!r}")
        return found


def _fits(context: Context) -> bool:
    """Tell whether what the API's propagator makes of the baggage of ``context`` is well within its limits."""
    return sum(len(quote_plus(f"{key}={value}")) for key, value in get_all(context).items()) < 3500


def foreign(context: Context) -> dict[str, object]:
    """Return the baggage of ``context`` that is not ours."""
    return {key: value for key, value in get_all(context).items() if key not in KEYS}


class Carrier(Target):
    """A carrier in any form, the session of its scope, and what is written inside of it."""

    title = "`from_carrier`, a span inside, and `to_carrier`"
    writes_foreign = True
    share = 0.15

    def __init__(self) -> None:
        self.pipeline = Pipeline()

    def make(self, dice: Random, parts: Sequence[str]) -> Any:
        """Return a carrier."""
        pairs = [(name, _in_form(dice, value)) for name, value in headers_of(dice, parts)]
        how = dice.randrange(8)
        if how < 3:
            return dict(pairs)
        if how < 4:
            return {name.upper(): value for name, value in pairs}
        if how < 5:
            return [(name.encode(), value) for name, value in pairs]
        if how < 6:
            return {name: [value, dice.choice(parts)] for name, value in pairs}
        return dice.choice((tuple(pairs), Once(pairs), [*pairs, None, ("baggage",), 7])) if how < 7 else pairs

    def act(self, case: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """Enter it."""
        with from_carrier(case):
            self.pipeline.tracer.start_span("span").end()
            return dict(self.pipeline.last.attributes), to_carrier()

    def judge(self, case: Any, outcome: tuple[dict[str, Any], dict[str, str]]) -> list[str]:  # noqa: ARG002
        """Look at the attributes, and at what is written."""
        attributes, written = outcome
        self.seen += "session.id" in attributes
        found = wrong_ids(attributes) + (ill_formed(written["baggage"]) if "baggage" in written else [])
        return found if get_session() is None else [*found, "the session is left behind"]


def _in_form(dice: Random, value: Any) -> Any:
    if not isinstance(value, str) or dice.random() < 0.6:
        return value
    return value.encode(*dice.choice((("utf-8", "surrogatepass"), ("latin-1", "replace"), ("utf-16", "surrogatepass"))))
