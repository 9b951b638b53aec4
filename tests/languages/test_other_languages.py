"""Services in other languages between two of ours: what the page of other languages shows is what happens.

A request goes from Python, with `instrument()`, to a service in the other language, around the block of the page as it is
pasted, and from there to another service of ours.
"""

from __future__ import annotations

import re
import string
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from opentelemetry import baggage, context
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from otel_sessions import get_session, set_session
from otel_sessions.sdk import instrument
from otel_sessions.view.loopback import LoopbackServer
from programs import HERE, JAVA, LANGUAGES, PAGE, Service, blocks, build, lacks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp

    from programs import Language

pytestmark = pytest.mark.timeout(1200)  # what is not in a cache is downloaded, and compiled

SECONDS = 60
BOTH = {"session.id": "conv-42", "user.id": "ada"}
IDS = [*(f"a{character}b" for character in f" {string.punctuation}{string.ascii_letters}{string.digits}"), "a%20b"]
LOST = {"rust": {"a%20b", "a\\b"}, "python": {"a b"}}
"""Of these ids those that do not come back as they were."""


async def tell(_request) -> JSONResponse:
    session = get_session()
    ids = None if session is None else [session.id, session.user_id]
    return JSONResponse({"ids": ids, "tenant": baggage.get_baggage("tenant")})


class Fresh(LoopbackServer):
    """Runs each request in a Context of its own, which uvicorn must be asked for: else the later requests of a connection have that of the first one."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._server.config.reset_contextvars = True


class Chain:
    """A caller and a last service, both ours, and what is between them."""

    def __init__(self, service: Service, client: httpx.Client, exporter: InMemorySpanExporter, tracer) -> None:
        self.service, self.tracer, self._client, self._exporter = service, tracer, client, exporter

    def ask(self) -> dict[str, object]:
        return self._client.get(self.service.url).raise_for_status().json()

    def ids_at_the_end(self) -> list[tuple[object, object]]:
        """Return session and user of each request that the last service had, as its spans have them."""
        spans = [span for span in self._exporter.get_finished_spans() if span.kind.name == "SERVER"]
        return [tuple(map(span.attributes.get, BOTH)) for span in spans]

    def traces(self) -> set[str]:
        own = {f"{span.context.trace_id:032x}" for span in self._exporter.get_finished_spans()}
        return own | {span.trace for span in self.service.spans}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, Path]:
    """The folders of the programs that are built already."""
    return {"": tmp_path_factory.mktemp("languages")}


def program_of(language: Language, built: dict[str, Path]) -> Path:
    if lacks(language):
        pytest.skip(f"{language.name}: here is no {' and no '.join(lacks(language))}")
    if language.name not in built:
        built[language.name] = build(language, built[""] / language.name)
    return built[language.name]


@contextmanager
def chain(language: Language, folder: Path, *arguments: str, **environment: str) -> Iterator[Chain]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrument(provider)
    last = OpenTelemetryMiddleware(Starlette(routes=[Route("/", tell)]), tracer_provider=provider)
    with Fresh(last) as end, httpx.Client(timeout=SECONDS, trust_env=False) as client:
        HTTPXClientInstrumentor().instrument_client(client, tracer_provider=provider)
        with Service(language, folder, f"{end.url}/", *arguments, **environment) as service:
            yield Chain(service, client, exporter, provider.get_tracer("tests"))


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.name)
def language(request) -> Language:
    return request.param


@pytest.fixture
def folder(language, built) -> Path:
    return program_of(language, built)


def test_both_ids_are_on_all_spans_of_the_service_and_reach_the_next_one_of_ours(language, folder):
    with (
        chain(language, folder) as between,
        set_session("conv-42", user_id="ada"),
        between.tracer.start_as_current_span("turn"),
    ):
        told = between.ask()
    assert told["ids"] == ["conv-42", "ada"]
    assert between.ids_at_the_end() == [("conv-42", "ada")]
    assert "work" in {span.name for span in between.service.spans}
    assert len(between.service.spans) >= 2
    assert [span.name for span in between.service.spans if not BOTH.items() <= span.attributes.items()] == []
    assert len(between.traces()) == 1


def test_without_a_session_there_is_no_id_and_what_else_is_in_baggage_goes_on_and_is_on_no_span(language, folder):
    with chain(language, folder) as between:
        token = context.attach(baggage.set_baggage("tenant", "acme"))
        told = between.ask()
        context.detach(token)
    assert told == {"ids": None, "tenant": "acme"}
    assert between.service.spans
    assert [span for span in between.service.spans if {*BOTH, "tenant"} & {*span.attributes}] == []


def test_each_request_has_its_own_session(language, folder):
    told = []
    with chain(language, folder) as between:
        for number in range(3):
            with set_session(f"conv-{number}", user_id=f"user-{number}"):
                told.append(between.ask()["ids"])
    assert told == [[f"conv-{number}", f"user-{number}"] for number in range(3)]
    works = [span.attributes["session.id"] for span in between.service.spans if span.name == "work"]
    assert works == [f"conv-{number}" for number in range(3)]


@pytest.mark.warned_of("not well-formed")  # of what Rust writes
def test_which_ids_come_back_as_they_were(language, folder):
    with chain(language, folder) as between:
        changed = set()
        for each in IDS:
            with set_session(each, user_id="ada"):
                if between.ask()["ids"] != [each, "ada"]:
                    changed.add(each)
    assert changed == LOST.get(language.name, set())


def test_java_needs_no_code_where_it_is_configured_by_environment(built):
    variables = {
        "OTEL_JAVA_EXPERIMENTAL_SPAN_ATTRIBUTES_COPY_FROM_BAGGAGE_INCLUDE": "session.id,user.id",
        **{f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")},
    }
    assert set(blocks()["java.env"].split()) == {
        f"{name}={value}" for name, value in variables.items() if "JAVA" in name
    }
    java = chain(JAVA, program_of(JAVA, built), "by environment", **variables)
    with java as between, set_session("conv-42", user_id="ada"):
        assert between.ask()["ids"] == ["conv-42", "ada"]
    assert {"echo", "work"} == {span.name for span in between.service.spans}
    assert [span.name for span in between.service.spans if not BOTH.items() <= span.attributes.items()] == []


# The page


def test_the_versions_on_the_page_are_those_that_are_run():
    manifests = (HERE / "go/go.mod", HERE / "java/pom.xml", HERE / "node/package.json", HERE / "rust/Cargo.toml")
    pinned = (
        "\n".join(path.read_text() for path in manifests) + (HERE.parents[1] / "constraints/newest.txt").read_text()
    )
    shown = re.findall(r"^\| \[\w.*", PAGE.read_text(), re.MULTILINE)
    assert len(shown) == len(LANGUAGES)
    versions = {version for row in shown for version in re.findall(r"\d+(?:\.\w+)+(?:-alpha)?", row.split("|")[2])}
    assert {version for version in versions if version not in pinned} == set()


def test_a_block_has_at_most_twenty_lines():
    lines = {name: len([line for line in code.splitlines() if line]) for name, code in blocks().items()}
    assert set(lines) == {*(language.block for language in LANGUAGES), "java.env"}
    assert {name: count for name, count in lines.items() if count > 20} == {}
