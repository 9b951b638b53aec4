"""What arrives behind the Collectors, and how it compares with what was planned."""

from __future__ import annotations

from collections import Counter, defaultdict
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from plan import TURN_NUMBER, Key
from servers import eventually
from wire import LogReceiver, spans_in, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response

    from plan import Plan
    from wire import WireSpan


class Backend(LogReceiver):
    """Takes OTLP of all signals, and keeps it; ``headers`` has those of each of the ``bodies``, in their order."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        super().__init__()

    async def _receive_traces(self, request: Request) -> Response:
        response = await super()._receive_traces(request)
        if response.status_code == HTTPStatus.OK:
            self.headers.append(dict(request.headers))
        return response

    def spans(self) -> list[WireSpan]:
        return spans_of(self)

    def log_records(self) -> list[dict[str, object]]:
        """Return the attributes of the log records, with the name of the event as ``event.name``."""
        return [{**record.attributes, "event.name": record.event} for record in self.records()]


def key_of(span: WireSpan) -> Key:
    """Return which span of a plan it is."""
    return Key(str(span.attributes.get("session.id")), int(span.attributes.get(TURN_NUMBER, 0)), span.name)


class Tally(NamedTuple):
    """What has arrived of a plan.

    Attributes:
        lost: Spans that were made and have not arrived.
        doubled: How many more times than once spans have arrived, summed up.
        unknown: Spans that nobody has made.
    """

    lost: list[Key]
    doubled: int
    unknown: list[Key]


def tally(plan: Plan, spans: Iterable[WireSpan]) -> Tally:
    made, arrived = set(plan.spans()), Counter(key_of(span) for span in spans)
    return Tally(sorted(made - arrived.keys()), arrived.total() - len(arrived), sorted(arrived.keys() - made))


def session_ids(spans: Iterable[WireSpan]) -> set[str]:
    return {str(span.attributes.get("session.id")) for span in spans}


def partial(plan: Plan, spans: Iterable[WireSpan]) -> list[str]:
    """Return the sessions of which some spans have arrived and others not."""
    arrived = {key_of(span) for span in spans}
    numbers = {plan.session_id(number): number for number in range(plan.sessions)}
    seen = {key.session_id for key in arrived}
    return sorted(each for each in seen if not arrived.issuperset(plan.spans_of(numbers[each])))


def split(groups: Iterable[Iterable[WireSpan]]) -> list[str]:
    """Return the sessions that are in more than one of the groups."""
    places: defaultdict[str, set[int]] = defaultdict(set)
    for number, spans in enumerate(groups):
        for session_id in session_ids(spans):
            places[session_id].add(number)
    return sorted(each for each, numbers in places.items() if len(numbers) > 1)


def wait_for_spans(backends: Iterable[Backend], count: int, seconds: float = 240) -> int:
    """Wait until so many different spans have arrived at all backends together; return how many have."""
    seen: set[str] = set()
    read = dict.fromkeys(backends, 0)

    def arrived() -> int:
        for backend, done in read.items():
            bodies = backend.bodies[done:]
            seen.update(span.span_id for span in spans_in(bodies))
            read[backend] += len(bodies)
        return len(seen)

    return eventually(arrived, lambda found: found >= count, seconds)
