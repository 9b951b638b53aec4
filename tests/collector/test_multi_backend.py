"""multi-backend.yaml: every span in each place, once, in the words of that place, and none waits for another."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple

import pytest
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from collectors import validate
from plan import Plan
from received import tally, wait_for_spans
from servers import eventually
from storing_backend import StoringBackend
from wire import spans_in

if TYPE_CHECKING:
    from pathlib import Path

    from collectors import Collector
    from received import Backend
    from wire import WireSpan

TOKEN = b64encode(b"pk-lf-1:sk-lf-2").decode()
LANGFUSE = "langfuse."


class Archive(NamedTuple):
    path: Path

    def spans(self) -> list[WireSpan]:
        lines = [line for line in self.path.read_text().splitlines() if line.startswith('{"resourceSpans"')]
        # OTLP has ids in hex where the JSON of protobuf has base64: they come out wrong here, all else as it was.
        return spans_in(json_format.Parse(line, ExportTraceServiceRequest()).SerializeToString() for line in lines)

    def wait_for(self, count: int) -> list[WireSpan]:
        return eventually(self.spans, lambda spans: len(spans) >= count, 120)


class Places(NamedTuple):
    collector: Collector
    archive: Archive


@pytest.fixture
def places(collector, tmp_path):
    def start(phoenix: str, langfuse: str, **environment: str) -> Places:
        token, archive = tmp_path / "langfuse-token", tmp_path / "archive" / "telemetry.jsonl"
        token.write_text(f"{TOKEN}\n")
        addresses = {"PHOENIX_ENDPOINT": phoenix, "LANGFUSE_ENDPOINT": langfuse}
        files = {"LANGFUSE_TOKEN_FILE": str(token), "ARCHIVE_FILE": str(archive)}
        started = collector("multi-backend.yaml", environment={**addresses, **files, **environment}).start()
        return Places(started, Archive(archive))

    return start


@pytest.fixture
def away(tmp_path):
    """Return a backend that refuses connections until it is started."""
    with_its_folder = tmp_path / "away"
    with_its_folder.mkdir()
    backend = StoringBackend(with_its_folder)
    yield backend
    backend.stop()


def wait_for_all(count: int, *backends: Backend) -> None:
    for backend in backends:
        wait_for_spans([backend], count)


def names_in(backend: Backend) -> set[str]:
    return {name for span in backend.spans() for name in span.attributes}


def test_every_place_gets_every_span_once(places, backends, applications, report):
    phoenix, langfuse = backends(2)
    plan = Plan("everywhere", sessions=200, turns=2, failed_check_every=10)
    count = len(list(plan.spans()))
    started = places(phoenix.url, langfuse.url)
    applications(plan, started.collector.http).wait()
    wait_for_all(count, phoenix, langfuse)
    archived = started.archive.wait_for(count)
    told = [tally(plan, spans) for spans in (phoenix.spans(), langfuse.spans(), archived)]
    report(
        f"several backends: {count} spans to each of 3, {[(len(each.lost), each.doubled) for each in told]} lost, twice"
    )
    assert told == [([], 0, [])] * 3


def test_names_and_the_token_of_langfuse_go_to_langfuse_alone(places, backends, applications):
    phoenix, langfuse = backends(2)
    plan = Plan("apart", sessions=20, turns=1, processes=1)
    started = places(phoenix.url, langfuse.url)
    applications(plan, started.collector.http).wait()
    wait_for_all(60, phoenix, langfuse)
    assert all(span.attributes["langfuse.session.id"] == span.attributes["session.id"] for span in langfuse.spans())
    assert all(span.attributes["langfuse.user.id"] == span.attributes["user.id"] for span in langfuse.spans())
    assert not {name for name in names_in(phoenix) if name.startswith(LANGFUSE)}
    assert LANGFUSE not in started.archive.path.read_text()
    assert {headers["authorization"] for headers in langfuse.headers} == {f"Basic {TOKEN}"}
    assert not [
        name for headers in phoenix.headers for name in headers if name == "authorization" or "langfuse" in name
    ]


def test_langfuse_gets_tags_and_metadata_under_its_names_and_ids_that_it_does_not_drop(places, backends):
    phoenix, langfuse = backends(2)
    attributes = {"session.id": "s" * 201, "user.id": "ada", "session.tags": ["beta"], "session.metadata.plan": "free"}
    started = places(phoenix.url, langfuse.url)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{started.collector.http}/v1/traces")))
    provider.get_tracer("tests").start_span("call", attributes=attributes).end()
    provider.shutdown()
    wait_for_all(1, phoenix, langfuse)
    [there], [at_phoenix] = langfuse.spans(), phoenix.spans()
    assert there.attributes["langfuse.session.id"].startswith("sha256-")
    assert len(there.attributes["langfuse.session.id"]) == len("sha256-") + 64
    assert there.attributes["langfuse.trace.tags"] == ["beta"]
    assert there.attributes["langfuse.trace.metadata.plan"] == "free"
    assert at_phoenix.attributes == attributes


@pytest.mark.parametrize("is_phoenix", [pytest.param(True, id="phoenix"), pytest.param(False, id="langfuse")])
def test_one_that_is_away_holds_up_no_other_and_has_all_when_it_is_back(  # noqa: PLR0913
    places, backend, away, applications, report, *, is_phoenix
):
    """Neither does a crash in between."""
    plan = Plan("away", sessions=200, turns=2)
    started = places(*((away.url, backend.url) if is_phoenix else (backend.url, away.url)))
    applications(plan, started.collector.http).wait()
    wait_for_spans([backend], 1200)
    assert tally(plan, backend.spans()) == tally(plan, started.archive.wait_for(1200)) == ([], 0, [])
    started.collector.kill()
    away.start()
    started.collector.start()
    wait_for_spans([away], 1200)
    told = tally(plan, away.spans())
    report(
        f"{'phoenix' if is_phoenix else 'langfuse'} away, and a crash: {len(told.lost)} of 1200 lost, {told.doubled} twice"
    )
    assert (told.lost, told.unknown) == ([], [])
    assert tally(plan, started.archive.spans()) == ([], 0, [])


def test_one_that_is_away_for_longer_than_its_queue_lasts_costs_the_others_nothing(
    places, backend, away, applications, report
):
    plan = Plan("full", sessions=800, turns=1, processes=1)
    started = places(away.url, backend.url, QUEUE_SPANS="1500")
    applications(plan, started.collector.http, environment={"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}).wait(may_warn=True)
    wait_for_spans([backend], 2400)
    others = [tally(plan, backend.spans()), tally(plan, started.archive.spans())]
    report(f"phoenix away, its queue full: 0 lost to the others, {[each.doubled for each in others]} of 2400 twice")
    assert [each.lost for each in others] == [[], []]
    assert started.collector.metric("otelcol_exporter_enqueue_failed_spans") > 0


def test_without_the_token_of_langfuse_it_does_not_start(collector, tmp_path):
    files = {"LANGFUSE_TOKEN_FILE": str(tmp_path / "nothing"), "ARCHIVE_FILE": str(tmp_path / "archive")}
    with pytest.raises(pytest.fail.Exception, match="failed to read credentials file"):
        collector("multi-backend.yaml", environment=files).start()


def test_it_is_valid_where_nothing_is_set(otelcol):
    assert validate(otelcol, "multi-backend.yaml") == ""
