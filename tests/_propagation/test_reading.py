"""A request's baggage is read in one step where nothing has to be done for it."""

from __future__ import annotations

import pytest
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from otel_sessions.sdk import SessionPropagator


@pytest.mark.parametrize(
    "header",
    [
        "session.id=conv-42,user.id=ada",
        "session.id=a%20b,theirs=1",
        "theirs=,also=%E2%82%AC",
        "theirs=1,theirs=2,also=3",
        "theirs=%20x%20",
        "",
    ],
)
def test_baggage_is_read_as_by_the_propagator_of_the_api(header):
    around = baggage.set_baggage("around", "0", baggage.set_baggage("theirs", "0", Context()))
    for base in (Context(), around):
        read = SessionPropagator(W3CBaggagePropagator()).extract({"baggage": header}, base)
        assert [*baggage.get_all(read).items()] == [
            *baggage.get_all(W3CBaggagePropagator().extract({"baggage": header}, base)).items()
        ]
