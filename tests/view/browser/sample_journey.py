"""One session to look at: a journey that is planned, over three services, with a slow turn, a retry and a bad word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions.view.wire.reading import read_logs, read_traces
from otlp_bodies import NOON, a_log, a_span, a_turn, logs_body, traces_body

if TYPE_CHECKING:
    from otel_sessions.view.store.sqlite import SQLiteStore

_TALK = (
    (
        "Three days in Lisbon, with two children. What should we see?",
        "Day one: Alfama by tram 28, then the castle.",
        2_900,
    ),
    ("And if it rains?", "Then the Oceanarium: children like the otters, and it takes half a day.", 2_400),
    ("Which hotel is near the tram, and under 150 €?", "Three have rooms: the Solar at 128 €, with breakfast.", 11_800),
    ("Book it, please.", "Booked: two nights at the Solar, from Friday. The confirmation is on its way.", 3_300),
)
_TOO_MANY = {"code": 2, "message": "429 Too Many Requests"}


def fill_journey(store: SQLiteStore, *, now: int) -> None:
    """Write the session ``journey``, the last turn of which ended a moment before ``now``, in ns."""
    begins = (now - NOON) // 10**6 - 1_500_000
    ids = {"user.id": "ada", "session.name": "Trip planning"}
    for number, (question, answer, length) in enumerate(_TALK, 1):
        at = begins + (number - 1) * 45_000 + (1_200_000 if number > 2 else 0)  # a pause after two
        trace = 700 + number
        then = at + 90 + 3 * length // 4
        steps = [
            a_turn(trace, "journey", question, answer, start=at, length=length, attributes=ids),
            _model(trace * 10 + 1, at + 40, length // 4, 800 * number**2, "/plan/think"),
            _tool(trace, at + 60 + length // 4, length // 2, number),
        ]
        if number == 3:  # the slow one
            steps.append(_model(trace * 10 + 3, then, 300, None, "/plan/answer", status=_TOO_MANY))
        steps.append(_model(trace * 10 + 4, then + 320, length // 8, 900 * number**2, "/plan/answer"))
        store.write(read_traces(traces_body(*steps, resource={"service.name": "assistant"}, scope="assistant")))
        behind = [
            a_span(
                trace,
                trace * 10 + 5,
                trace * 10 + 2,
                start=at + 80 + length // 4,
                length=length // 2 - 60,
                name="POST /search",
                kind=2,
            ),
            a_span(
                trace,
                trace * 10 + 6,
                trace * 10 + 5,
                start=at + 120 + length // 4,
                length=length // 3,
                name="SELECT rooms",
                kind=3,
            ),
        ]
        store.write(read_traces(traces_body(behind[0], resource={"service.name": "hotels"}, scope="http")))
        store.write(read_traces(traces_body(behind[1], resource={"service.name": "rooms-db"}, scope="sql")))
    check = {
        "gen_ai.evaluation.name": "names a price",
        "gen_ai.evaluation.score.label": "pass",
        "session.id": "journey",
    }
    record = a_log("rate limit: waiting for 300 ms", trace=703, span=7032, at=at - 45_000 + 4_000, severity_number=13)
    judged = a_log(None, trace=703, span=703, at=at - 30_000, event_name="gen_ai.evaluation.result", attributes=check)
    store.write(read_logs(logs_body(record, judged)))
    store.settle()


def _model(span: int, start: int, length: int, tokens: int | None, path: str, **more: object):
    used = {} if tokens is None else {"llm.token_count.prompt": tokens, "llm.token_count.completion": 60 + tokens // 20}
    said = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-5-mini", "session.path": path} | used
    return a_span(
        span // 10, span, span // 10, start=start, length=length, name="chat gpt-5-mini", attributes=said, **more
    )


def _tool(trace: int, start: int, length: int, number: int):
    said = {"input.value": f'{{"city": "Lisbon", "day": {number}}}', "output.value": '{"found": 3, "best": "Solar"}'}
    kind = {"openinference.span.kind": "TOOL", "session.path": "/plan/search"}
    return a_span(
        trace, trace * 10 + 2, trace, start=start, length=length, name="search_hotels", attributes=kind | said
    )
