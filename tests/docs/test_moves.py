"""Moving here: for each thing that users of five other systems do there is a documented equivalent, and this is what arrives.

Each row is a section of a page in ``docs/moves``. The page runs as its reader would run it, in a process of its own
that exports over OTLP, with the `openai` client and a stand-in for the provider; what is compared is read from the
bytes that the receiver got.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from markdown_it import MarkdownIt
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import SpanProcessor

from otel_sessions import bind_session, set_session
from otel_sessions.demo import StandIn
from otel_sessions.sdk import SessionSpanProcessor
from wire import LogReceiver, spans_of

MOVES = Path(__file__).parents[2] / "docs" / "moves"


class Row(NamedTuple):
    """A section of a page, and what arrives of it.

    A line of ``spans`` is the number of the trace, the name and what the span tells of the session and of what was
    said; one of ``logs`` is the event or the message, the span that it belongs to, and the same. Random ids stand as
    ``new-1``, in the order in which they come.
    """

    page: str
    section: str
    spans: str = ""
    logs: str = ""

    @property
    def link(self) -> str:
        return f"{self.page}.md#{anchor(self.section)}"


ROWS = [
    Row(
        "baserun",
        "A new session for a user",
        spans="""
        1 ChatCompletion | session.id=new-1 user.id=ada
        2 answer a question | input.value={"user": "grace", "question": "What is a trace?"} output.value=new-2 \
            session.id=new-2 user.id=grace
        2 ChatCompletion | session.id=new-2 user.id=grace
        """,
        logs="""
        session.start | session.id=new-1 user.id=ada @ -
        session.start | session.id=new-2 user.id=grace @ answer a question
        """,
    ),
    Row(
        "baserun",
        "Resuming a session",
        spans="""
        1 ChatCompletion | session.id=new-1 user.id=ada
        """,
    ),
    Row(
        "baserun",
        "Starting and ending at any time",
        spans="""
        1 question | session.id=conv-42 user.id=ada
        2 another question | session.id=conv-42 user.id=ada
        3 POST /chat | session.id=conv-42 user.id=ada
        """,
        logs="""
        session.end | session.id=conv-42 user.id=ada @ -
        """,
    ),
    Row(
        "baserun",
        "Named traces",
        spans="""
        1 this one is about JSON | input.value=The capital of France, as JSON? output.value={"capital": "Paris"} \
            session.id=conv-42 user.id=ada
        2 this one is about patterns | input.value=The year? output.value=1889 session.id=conv-42 user.id=ada
        """,
    ),
    Row(
        "baserun",
        "Logging without a trace",
        spans="""
        1 summary | session.id=conv-42 user.id=ada
        """,
        logs="""
        the user has uploaded a file | pages=3 session.id=conv-42 user.id=ada @ -
        the file is read | session.id=conv-42 user.id=ada @ summary
        the file is kept | session.id=conv-42 @ -
        """,
    ),
    Row(
        "baserun",
        "Checks",
        spans="""
        1 lookup | output.value={"capital": "Paris", "since": 508} session.id=conv-42 user.id=ada
        1 check json | gen_ai.evaluation.name=json gen_ai.evaluation.score.label=pass \
            gen_ai.evaluation.score.value=1.0 gen_ai.response.id=chatcmpl-1 session.id=conv-42 \
            trace.annotations.0.annotation.annotator_kind=CODE user.id=ada
        1 check regex | gen_ai.evaluation.explanation=the pattern is not found gen_ai.evaluation.name=regex \
            gen_ai.evaluation.score.label=fail gen_ai.evaluation.score.value=0.0 gen_ai.response.id=chatcmpl-1 \
            session.id=conv-42 trace.annotations.0.annotation.annotator_kind=CODE user.id=ada
        1 check has the city | gen_ai.evaluation.name=has the city gen_ai.evaluation.score.label=pass \
            gen_ai.evaluation.score.value=1.0 gen_ai.response.id=chatcmpl-1 session.id=conv-42 \
            trace.annotations.0.annotation.annotator_kind=CODE user.id=ada
        1 check equals | gen_ai.evaluation.explanation=they differ from character 1 on \
            gen_ai.evaluation.name=equals gen_ai.evaluation.score.label=fail gen_ai.evaluation.score.value=0.0 \
            gen_ai.response.id=chatcmpl-1 session.id=conv-42 trace.annotations.0.annotation.annotator_kind=CODE \
            user.id=ada
        1 check closeness | gen_ai.evaluation.name=closeness gen_ai.evaluation.score.value=0.8 \
            gen_ai.response.id=chatcmpl-1 session.id=conv-42 trace.annotations.0.annotation.annotator_kind=CODE \
            user.id=ada
        1 check a city | gen_ai.evaluation.name=a city gen_ai.evaluation.score.label=pass \
            gen_ai.evaluation.score.value=1.0 gen_ai.response.id=chatcmpl-1 session.id=conv-42 \
            trace.annotations.0.annotation.annotator_kind=CODE user.id=ada
        1 check tone | gen_ai.evaluation.explanation=It says please. gen_ai.evaluation.name=tone \
            gen_ai.evaluation.score.label=friendly gen_ai.evaluation.score.value=1.0 gen_ai.response.id=chatcmpl-1 \
            session.id=conv-42 trace.annotations.0.annotation.annotator_kind=CODE user.id=ada
        """,
        logs="""
        gen_ai.evaluation.result | annotation.annotator_kind=CODE gen_ai.evaluation.name=json \
            gen_ai.evaluation.score.label=pass gen_ai.evaluation.score.value=1.0 gen_ai.response.id=chatcmpl-1 \
            session.id=conv-42 user.id=ada @ lookup
        gen_ai.evaluation.result | annotation.annotator_kind=CODE gen_ai.evaluation.explanation=the pattern is not \
            found gen_ai.evaluation.name=regex gen_ai.evaluation.score.label=fail gen_ai.evaluation.score.value=0.0 \
            gen_ai.response.id=chatcmpl-1 session.id=conv-42 user.id=ada @ lookup
        gen_ai.evaluation.result | annotation.annotator_kind=CODE gen_ai.evaluation.name=has the city \
            gen_ai.evaluation.score.label=pass gen_ai.evaluation.score.value=1.0 gen_ai.response.id=chatcmpl-1 \
            session.id=conv-42 user.id=ada @ lookup
        gen_ai.evaluation.result | annotation.annotator_kind=CODE gen_ai.evaluation.explanation=they differ from \
            character 1 on gen_ai.evaluation.name=equals gen_ai.evaluation.score.label=fail \
            gen_ai.evaluation.score.value=0.0 gen_ai.response.id=chatcmpl-1 session.id=conv-42 user.id=ada @ lookup
        gen_ai.evaluation.result | annotation.annotator_kind=CODE gen_ai.evaluation.name=closeness \
            gen_ai.evaluation.score.value=0.8 gen_ai.response.id=chatcmpl-1 session.id=conv-42 user.id=ada @ lookup
        gen_ai.evaluation.result | annotation.annotator_kind=CODE gen_ai.evaluation.name=a city \
            gen_ai.evaluation.score.label=pass gen_ai.evaluation.score.value=1.0 gen_ai.response.id=chatcmpl-1 \
            session.id=conv-42 user.id=ada @ lookup
        gen_ai.evaluation.result | annotation.annotator_kind=CODE gen_ai.evaluation.explanation=It says please. \
            gen_ai.evaluation.name=tone gen_ai.evaluation.score.label=friendly gen_ai.evaluation.score.value=1.0 \
            gen_ai.response.id=chatcmpl-1 session.id=conv-42 user.id=ada @ lookup
        """,
    ),
    Row(
        "baserun",
        "Feedback later",
        spans="""
        1 answer | input.value=When? output.value=In 1889. session.id=conv-42 user.id=ada
        1 check the whole conversation | gen_ai.evaluation.name=the whole conversation \
            gen_ai.evaluation.score.value=0.5 session.annotations.0.annotation.annotator_kind=HUMAN \
            session.annotations.0.annotation.name=the whole conversation session.annotations.0.annotation.score=0.5 \
            session.id=conv-42 user.id=ada
        1 check the whole conversation | gen_ai.evaluation.name=the whole conversation \
            gen_ai.evaluation.score.value=0.6 session.annotations.0.annotation.annotator_kind=HUMAN \
            session.annotations.0.annotation.name=the whole conversation session.annotations.0.annotation.score=0.6 \
            session.id=conv-42
        1 check helpful | gen_ai.evaluation.name=helpful gen_ai.evaluation.score.label=pass \
            gen_ai.evaluation.score.value=1.0 session.id=conv-42 trace.annotations.0.annotation.annotator_kind=HUMAN \
            user.id=ada
        1 check stars | gen_ai.evaluation.name=stars gen_ai.evaluation.score.label=4 stars \
            gen_ai.evaluation.score.value=0.8 session.id=conv-42 trace.annotations.0.annotation.annotator_kind=HUMAN \
            user.id=ada
        """,
        logs="""
        gen_ai.evaluation.result | annotation.annotator_kind=HUMAN gen_ai.evaluation.name=helpful \
            gen_ai.evaluation.score.label=pass gen_ai.evaluation.score.value=1.0 session.id=conv-42 user.id=ada @ \
            answer
        gen_ai.evaluation.result | annotation.annotator_kind=HUMAN gen_ai.evaluation.name=stars \
            gen_ai.evaluation.score.label=4 stars gen_ai.evaluation.score.value=0.8 session.id=conv-42 user.id=ada @ \
            answer
        gen_ai.evaluation.result | annotation.annotator_kind=HUMAN gen_ai.evaluation.name=the whole conversation \
            gen_ai.evaluation.score.value=0.5 session.id=conv-42 user.id=ada @ -
        gen_ai.evaluation.result | annotation.annotator_kind=HUMAN gen_ai.evaluation.name=the whole conversation \
            gen_ai.evaluation.score.value=0.6 session.id=conv-42 @ -
        """,
    ),
    Row(
        "baserun",
        "Users from the call of the model",
        spans="""
        1 question | input.value=What is a span? output.value=That was your message number 1; I am a stand-in and \
            know only a few answers.
        1 ChatCompletion | user.id=3f9c2d
        """,
    ),
    Row(
        "baserun",
        "Hashed users",
        spans="""
        1 hashed | session.id=conv-42 \
            user.id=hmac-sha256-3a5f723995e807414e90d38925b37467eace2c22f3a568e1ca801aade9c60926
        """,
    ),
    Row(
        "baserun",
        "Result and session id together",
        spans="""
        1 this one is about JSON | input.value=And of Italy? output.value={"capital": "Paris"} session.id=new-3 \
            user.id=ada
        2 this one is about JSON | input.value=And of Spain? output.value={"capital": "Paris"} session.id=new-3 \
            user.id=ada
        """,
        logs="""
        session.start | session.id=new-3 user.id=ada @ -
        """,
    ),
    Row(
        "baserun",
        "The Users and Sessions pages",
        spans="""
        1 question | input.value=What is a span? output.value=A timed step. session.id=new-4 user.id=ada
        2 question | input.value=What is a trace? output.value=A timed step. session.id=new-5 user.id=grace
        """,
        logs="""
        session.start | session.id=new-4 user.id=ada @ -
        session.start | session.id=new-5 user.id=grace @ -
        """,
    ),
    Row(
        "openinference",
        "Every nested span",
        spans="""
        1 chain | session.id=conv-42
        1 retriever | session.id=conv-42
        2 elsewhere | session.id=conv-43
        """,
    ),
    Row(
        "openinference",
        "using_session, using_user and using_attributes",
        spans="""
        1 all at once | metadata={"tier": "pro"} session.id=conv-42 session.metadata.tier=pro \
            session.tags=['beta'] tag.tags=['beta'] user.id=ada
        2 another user | metadata={"tier": "pro"} session.id=conv-42 session.metadata.tier=pro \
            session.tags=['beta'] tag.tags=['beta'] user.id=grace
        3 in a coroutine | session.id=conv-42 user.id=ada
        4 ChatCompletion | llm.prompt_template.template=Greet {name}. session.id=conv-42
        """,
    ),
    Row(
        "openinference",
        "Ids",
        spans="""
        1 random | session.id=new-1
        2 mine | session.id=user_123_conv_456
        3 mine | session.id=456
        4 mine | session.id=new-2
        5 empty |
        6 weak | session.id=session_1
    """,
    ),
    Row(
        "openinference",
        "Extra attributes",
        spans="""
        1 root | metadata={"tier": "pro"} metadata.tries=2 session.id=conv-42 session.metadata.tier=pro \
            session.tags=['beta'] tag.tags=['beta'] user.id=ada
        1 below | metadata={"tier": "pro"} session.id=conv-42 session.metadata.tier=pro session.tags=['beta'] \
            tag.tags=['beta'] user.id=ada
        """,
    ),
    Row(
        "openinference",
        "A chat bot of many turns",
        spans="""
        1 turn | input.value=What is a span? output.value=That was your message number 1; I am a stand-in and know \
            only a few answers. session.id=new-3 user.id=ada
        1 ChatCompletion | session.id=new-3 user.id=ada
        2 turn | input.value=And? output.value=That was your message number 2; I am a stand-in and know only a few \
            answers. session.id=new-3 user.id=ada
        2 ChatCompletion | session.id=new-3 user.id=ada
        """,
    ),
    Row(
        "openinference",
        "During the move",
        spans="""
        1 only theirs | session.id=theirs
        1 ChatCompletion | session.id=theirs
        2 theirs around | session.id=conv-42 user.id=ada
        2 ChatCompletion | session.id=conv-42 user.id=ada
        3 theirs inside | session.id=conv-42 user.id=ada
        3 ChatCompletion | session.displaced_id=theirs session.id=conv-42 user.id=bob
        4 bound | session.id=conv-42 user.id=ada
        4 ChatCompletion | session.displaced_id=theirs session.id=conv-42 user.id=ada
        """,
    ),
    Row(
        "helicone",
        "Id, path, name and user",
        spans="""
        1 chapters | session.id=new-1 session.name=Course Creation session.path=/outline user.id=ada
        """,
    ),
    Row(
        "helicone",
        "A tree of the workflow",
        spans="""
        1 write | session.id=course-7 session.name=Course Creation session.path=/abstract
        2 write | session.id=course-7 session.name=Course Creation session.path=/lesson/1
        3 questions | session.id=course-7 session.name=Course Creation session.path=/lesson/1/quiz
        4 write | session.id=course-7 session.name=Course Creation session.path=/lesson/2
        5 questions | session.id=course-7 session.name=Course Creation session.path=/lesson/2/quiz
        6 write | session.id=course-7 session.name=Course Creation session.path=/outline
        """,
    ),
    Row(
        "helicone",
        "Requests through the gateway",
        spans="""
        1 ChatCompletion | session.id=course-7 session.name=Course Creation session.path=/lesson/1 user.id=ada
        """,
    ),
    Row(
        "helicone",
        "Spans to Helicone",
        spans="""
        1 chapters | session.id=course-7 session.name=Course Creation session.path=/outline \
            traceloop.association.properties.Helicone-Session-Id=course-7 \
            traceloop.association.properties.Helicone-Session-Name=Course Creation \
            traceloop.association.properties.Helicone-Session-Path=/outline \
            traceloop.association.properties.Helicone-User-Id=ada user.id=ada
        """,
    ),
    Row(
        "langfuse",
        "Inside a decorated function",
        spans="""
        1 POST /chat | session.id=conv-42 user.id=ada
        1 process | session.id=conv-42 user.id=ada
        1 generation | session.id=conv-42 user.id=ada
        """,
    ),
    Row(
        "langfuse",
        "With the span in hand",
        spans="""
        1 request | session.id=conv-42 session.tags=['beta'] user.id=ada
        1 retrieval | session.id=conv-42 session.tags=['beta'] user.id=ada
        1 generation | session.id=conv-42 session.tags=['beta'] user.id=ada
        2 known before | session.id=conv-42 user.id=ada
        """,
    ),
    Row(
        "langfuse",
        "Without a reference to the span",
        spans="""
        1 operation | session.id=conv-42
        1 inner | session.id=conv-42
        """,
    ),
    Row(
        "langfuse",
        "propagate_attributes",
        spans="""
        1 request | session.id=conv-42 session.metadata.tier=pro session.tags=['beta'] user.id=ada
        1 child | session.id=conv-42 session.metadata.tier=pro session.tags=['beta'] user.id=ada
        """,
    ),
    Row(
        "langfuse",
        "Session replay",
        spans="""
        1 chat | input.value=What is a span? output.value=A timed step. session.id=conv-42 user.id=ada
        2 chat | input.value=And a trace? output.value=A tree of them. session.id=conv-42 user.id=ada
        """,
    ),
    Row(
        "powerrag",
        "A session on a running trace",
        spans="""
        1 chat | input.value={"question": "What is a span?", "conversation": "conv-42", "tenant": "tenant-7"} \
            output.value=A timed step. session.id=conv-42 user.id=tenant-7
        1 retrieval | session.id=conv-42 user.id=tenant-7
        1 generation | session.id=conv-42 user.id=tenant-7
        """,
    ),
    Row(
        "powerrag",
        "A trace id made by hand",
        spans="""
        1 retrieval | session.id=conv-42
        1 generation | session.id=conv-42
        """,
    ),
    Row(
        "powerrag",
        "Session replay",
        spans="""
        1 chat | input.value=What is a span? output.value=A timed step. session.id=conv-42 user.id=tenant-7
        2 chat | input.value=And a step? output.value=A timed step. session.id=conv-42 user.id=tenant-7
        """,
    ),
]

PAGES = sorted({row.page for row in ROWS})

SET_UP = """
from opentelemetry import trace
from opentelemetry._logs import LogRecord, get_logger, get_logger_provider, set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
set_logger_provider(LoggerProvider())
get_logger_provider().add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter()))


def begin(section):
    trace.get_tracer("sections").start_span("section: " + section).end()
    get_logger("sections").emit(LogRecord(body="section: " + section))
"""

# What a line shows; the conversation itself is not shown of spans that repeat it in another form.
SHOWN = (
    "session.",
    "user.",
    "gen_ai.evaluation.",
    "gen_ai.response.id",
    "metadata",
    "tag.tags",
    "traceloop.",
    "annotation.annotator_kind",
    "trace.annotations.0.annotation.annotator_kind",
    "llm.prompt_template.template",
    "pages",
)
SAID = ("input.value", "output.value")

SAID_ELSEWHERE = ("ChatCompletion", "check ")
MARKER = "section: "
RANDOM_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def anchor(heading: str) -> str:
    """Return the fragment by which a heading is linked."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def sections(page: str) -> dict[str, str]:
    """Return the Python of ``page`` by the heading that it stands below; what comes before the first, as ''."""
    found, heading = {"": ""}, ""
    tokens = MarkdownIt().parse((MOVES / f"{page}.md").read_text())
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and token.tag == "h2":
            heading = following.content
            found[heading] = ""
        elif token.type == "fence" and token.info == "python":
            found[heading] += token.content
    return found


def program(page: str) -> str:
    """Return ``page`` as a program, which tells with a span and a record where each section begins."""
    parts = (f"begin({section!r})\n{code}" if section else code for section, code in sections(page).items())
    return "\n".join([SET_UP, *parts])


class Provider(StandIn):
    """Keeps what it is told of the session in headers."""

    def __init__(self) -> None:
        self.headers = []
        super().__init__(seconds_per_word=0)

    async def _chat(self, request):
        self.headers.append(
            {key: value for key, value in request.headers.items() if key.startswith(("helicone", "baggage"))}
        )
        return await super()._chat(request)


class Arrived:
    """What a page has sent."""

    def __init__(self, spans, records) -> None:
        in_order = sorted(spans, key=lambda span: span.start)
        self._names = {span.span_id: span.name for span in spans}
        self._new_ids = {new_id: f"new-{number}" for number, new_id in enumerate(new_ids_of(in_order), 1)}
        self._spans = by_section(spans)
        self._logs = by_section(records)

    def spans(self, section):
        found = sorted(self._spans[section], key=lambda span: span.start)
        traces = list(dict.fromkeys(span.trace_id for span in found))
        return [f"{traces.index(span.trace_id) + 1} {self._line(span)}" for span in found]

    def logs(self, section):
        return [f"{self._line(log)} @ {self._names.get(log.span_id, '-')}" for log in self._logs[section]]

    def _line(self, item):
        shown = SHOWN if item.name.startswith(SAID_ELSEWHERE) else SHOWN + SAID
        kept = [f"{key}={item.attributes[key]}" for key in sorted(item.attributes) if key.startswith(shown)]
        line = " ".join([item.name, "|", *kept])
        return re.sub(RANDOM_ID, lambda found: self._new_ids[found[0]], line)


def new_ids_of(spans):
    """Return the random ids of sessions, in the order of their first spans."""
    found = [span.attributes.get("session.id", "") for span in spans]
    return list(dict.fromkeys(session_id for session_id in found if re.fullmatch(RANDOM_ID, session_id)))


def by_section(items):
    """Return the items that come after each marker, by its name."""
    found, section = {"": []}, ""
    for item in items:
        if item.name.startswith(MARKER):
            assert item.attributes == {}, "the session of the section before is still there"
            section = item.name.removeprefix(MARKER)
            found[section] = []
        else:
            found[section].append(item)
    return found


class Run(NamedTuple):
    """What came of a page: over OTLP, to the provider in headers, and what it printed."""

    arrived: Arrived
    headers: list[dict[str, str]]
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def runs():
    """Run all pages, each in a process of its own."""
    return {page: run(page) for page in PAGES}


def run(page):
    with Provider() as provider, LogReceiver() as receiver:
        done = executed(program(page), provider, receiver)
        arrived = Arrived(spans_of(receiver), receiver.records())
        return Run(arrived, provider.headers, done.stdout, done.stderr)


def executed(code, provider, receiver):
    """Run ``code`` in a process of its own, with OTLP and the provider on this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OPENAI_BASE_URL": provider.base_url,
        "OPENAI_API_KEY": "none",
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done


def listed(text):
    return [" ".join(line.split()) for line in text.strip().splitlines()]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.link) for row in ROWS])
def test_what_is_documented_for_a_row_arrives(runs, row):
    arrived = runs[row.page].arrived
    assert arrived.spans(row.section) == listed(row.spans)
    assert arrived.logs(row.section) == listed(row.logs)


@pytest.mark.parametrize("page", PAGES)
def test_each_section_of_a_page_with_code_is_a_row(page):
    with_code = [section for section, code in sections(page).items() if section and code]
    assert with_code == [row.section for row in ROWS if row.page == page]


def test_the_table_of_all_rows_links_to_each_of_them():
    links = re.findall(r"\]\(([^)]*\.md#[^)]*)\)", (MOVES / "index.md").read_text())
    assert links == [row.link for row in ROWS]


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_complained_of_but_the_bad_ids(runs, page):
    of_ids = [
        "session_id: an empty string was given, so it is left out",
        "session_id: it looks like a placeholder",
    ]
    complaints = of_ids if page == "openinference" else []
    assert re.findall(r"^otel_sessions: (.*?);", runs[page].stderr, re.MULTILINE) == complaints
    assert len(runs[page].stderr.splitlines()) == len(complaints)


def test_the_gateway_of_helicone_gets_the_headers_of_the_request(runs):
    assert runs["helicone"].headers == [
        {
            "helicone-session-id": "course-7",
            "helicone-session-name": "Course Creation",
            "helicone-session-path": "/lesson/1",
            "helicone-user-id": "ada",
        }
    ]


def test_another_process_goes_on_with_what_was_stored():
    begin = SET_UP + sections("baserun")[""]
    first = """
with set_session(user_id="ada") as session, turn("answer", input="When?") as this:
    this.output = "In 1889."
print(session.id)
print(this.handle)
"""
    with Provider() as provider, LogReceiver() as receiver:
        stored, handle = executed(begin + first, provider, receiver).stdout.splitlines()
        later = f"""
with set_session(session_id={stored!r}, user_id="ada"):
    ask("And a trace?")
feedback("helpful", score=0.8, session={handle!r})
"""
        executed(begin + later, provider, receiver)
        arrived = Arrived(spans_of(receiver), receiver.records())
    both = "session.id=new-1 user.id=ada"
    judged = "gen_ai.evaluation.name=helpful gen_ai.evaluation.score.value=0.8"
    assert arrived.spans("") == [
        f"1 answer | input.value=When? output.value=In 1889. {both}",
        f"1 check helpful | {judged} session.id=new-1 trace.annotations.0.annotation.annotator_kind=HUMAN user.id=ada",
        f"2 ChatCompletion | {both}",
    ]
    assert arrived.logs("") == [
        f"session.start | {both} @ -",
        f"gen_ai.evaluation.result | annotation.annotator_kind=HUMAN {judged} {both} @ answer",
    ]


# While Langfuse's own SDK is still there


class WritesAtTheStart(SpanProcessor):
    """Writes ids when a span starts, as that of Langfuse 4 and 5 does inside of `propagate_attributes`."""

    def on_start(self, span, parent_context=None):  # noqa: ARG002  # the SDK's signature
        span.set_attributes({"session.id": "theirs", "user.id": "bob"})


def scoped(tracer):
    with set_session("ours", user_id="ada"):
        tracer.start_span("turn").end()


def bound(tracer):
    with tracer.start_as_current_span("POST /chat"):
        bind_session("ours", user_id="ada")
        tracer.start_span("turn").end()


@pytest.mark.parametrize("work", [scoped, bound])
@pytest.mark.parametrize(
    "processors",
    [
        pytest.param((WritesAtTheStart, SessionSpanProcessor), id="ours later"),
        pytest.param((SessionSpanProcessor, WritesAtTheStart), id="theirs later"),
    ],
)
def test_of_two_processors_that_name_a_session_ours_wins(make_pipeline, work, processors):
    pipeline = make_pipeline(*(processor() for processor in processors))
    work(pipeline.tracer)
    expected = {"session.id": "ours", "session.displaced_id": "theirs", "user.id": "bob"}
    assert pipeline.attributes("turn") == expected


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (lambda tracer: tracer.start_span("turn").end(), {"session.id": "theirs", "user.id": "bob"}),
        (scoped, {"session.id": "ours", "user.id": "ada"}),
        (bound, {"session.id": "ours", "user.id": "ada"}),
    ],
    ids=["alone", "scoped", "bound"],
)
def test_what_langfuse_has_left_in_baggage_counts_where_no_session_of_ours_is(pipeline, work, expected):
    theirs = baggage.set_baggage("langfuse_user_id", "bob", baggage.set_baggage("langfuse_session_id", "theirs"))
    token = context.attach(theirs)
    work(pipeline.tracer)
    context.detach(token)
    assert pipeline.attributes("turn") == expected
