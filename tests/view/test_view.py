"""The receiver takes what a real exporter sends, and the view shows all of it, whatever it is."""

from __future__ import annotations

import gzip
import io
import re
import socket
import unicodedata
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from rich.console import Console

from otel_sessions import set_session, step
from otel_sessions.sdk import SessionSpanProcessor
from otel_sessions.view import InvalidOTLPError, LoopbackServer, OTLPReceiver, Span, Tokens, View, decode, render
from otel_sessions.view._format import counted, duration, one_line, share, size, tokens_in_out
from otel_sessions.view._model import arrange

MS = 1_000_000


def make_span(span_id="a", parent_id="", *, start=0, end=None, **more) -> Span:
    ids = {"session.id": more.pop("session", "s"), "user.id": more.pop("user", "u")}
    attributes = {key: value for key, value in ids.items() if value is not None} | more.pop("attributes", {})
    return Span(
        trace_id=more.pop("trace_id", "t"),
        span_id=span_id,
        parent_id=parent_id,
        name=more.pop("name", span_id),
        kind=more.pop("kind", ""),
        start_ns=start,
        end_ns=start + MS if end is None else end,
        attributes=attributes,
        resource=more.pop("resource", {}),
        **more,
    )


def make_body(*spans: trace_pb2.Span) -> bytes:
    scope = trace_pb2.ScopeSpans(spans=spans)
    return ExportTraceServiceRequest(resource_spans=[trace_pb2.ResourceSpans(scope_spans=[scope])]).SerializeToString()


def outline(*spans: Span) -> list[tuple[str, int]]:
    """Names and depths of the one trace."""
    (session,) = arrange(spans).sessions
    (trace,) = session.traces
    return [(node.span.name, node.depth) for node in trace.nodes]


def shown(view: View, *, width=100, encoding="utf-8", **options) -> str:
    """Return what a file of that encoding gets."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    render(view, Console(file=file, width=width, highlight=False, **options))
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def post(url: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    """Return status and body of the answer."""
    headers = {"content-type": "application/x-protobuf"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  # our own loopback URL
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture(scope="module")
def receiver():
    with OTLPReceiver(max_body_bytes=2**20) as running:
        yield running


# The receiver


@pytest.mark.warned_of("propagators")
@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_a_real_exporter_delivers_to_the_receiver_and_the_view_has_session_trace_and_span(compression):
    with OTLPReceiver() as receiver:
        provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        provider.add_span_processor(SessionSpanProcessor())
        exporter = OTLPSpanExporter(endpoint=receiver.endpoint, compression=compression)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = provider.get_tracer("tests")
        with (
            set_session(session_id="conv-1", user_id="ada", name="Trip"),
            tracer.start_as_current_span("outer"),
            step("plan"),
        ):
            tracer.start_span("inner", attributes={"n": 1, "list": ["x", "y"]}).end()
        provider.shutdown()
        view = decode(receiver.bodies)

    (session,) = view.sessions
    (trace,) = session.traces
    assert (session.id, session.users, session.name) == ("conv-1", ("ada",), "Trip")
    assert [(node.span.name, node.span.path, node.depth) for node in trace.nodes] == [
        ("outer", "", 0),
        ("inner", "/plan", 1),
    ]
    assert trace.nodes[1].span.attributes["n"] == 1
    assert trace.nodes[1].span.attributes["list"] == ["x", "y"]
    assert trace.root.resource["service.name"] == "shop"
    assert view.complete_count == len(view.spans) == 2


def test_a_request_is_answered_with_an_export_response(receiver):
    status, answer = post(receiver.endpoint, make_body(trace_pb2.Span(name="x")))

    assert status == 200
    assert ExportTraceServiceResponse.FromString(answer) == ExportTraceServiceResponse()


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        pytest.param(b"\xff\xff\xff", "identity", 400, id="not protobuf"),
        pytest.param(b'{"resourceSpans": []}', "identity", 400, id="json"),
        pytest.param(b"not gzip", "gzip", 400, id="not gzip"),
        pytest.param(gzip.compress(b"\x0a\x00")[:-9], "gzip", 400, id="gzip cut off"),
        pytest.param(gzip.compress(b"\xff\xff"), "gzip", 400, id="not protobuf in gzip"),
        pytest.param(b"\x0a\x00", "br", 415, id="unknown encoding"),
        pytest.param(bytes(2**20 + 1), "identity", 413, id="too large"),
        pytest.param(gzip.compress(bytes(2**22)), "gzip", 413, id="too large when decompressed"),
    ],
)
def test_a_bad_body_is_refused_and_the_next_good_one_is_served(receiver, body, encoding, status):
    before = receiver.bodies

    assert post(receiver.endpoint, body, content_encoding=encoding)[0] == status
    assert receiver.bodies == before
    good = make_body(trace_pb2.Span(name="next"))
    assert post(receiver.endpoint, good)[0] == 200
    assert receiver.bodies == [*before, good]


def test_a_client_that_hangs_up_in_the_middle_does_no_harm(receiver):
    before = receiver.bodies
    host, port = receiver.endpoint.split("/")[2].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n\x0a")

    assert post(receiver.endpoint, b"")[0] == 200
    assert receiver.bodies == [*before, b""]


@pytest.mark.parametrize(("signal", "size", "status"), [("logs", 3, 200), ("metrics", 3, 200), ("logs", 2**21, 413)])
def test_other_signals_are_accepted_and_forgotten(receiver, signal, size, status):
    before = receiver.bodies

    assert post(receiver.endpoint.replace("traces", signal), bytes(size))[0] == status
    assert receiver.bodies == before


def test_the_receiver_closes_its_port_and_keeps_what_it_got():
    with OTLPReceiver() as receiver:
        post(receiver.endpoint, b"")

    assert receiver.bodies == [b""]
    with pytest.raises(urllib.error.URLError):
        post(receiver.endpoint, b"")


def test_a_server_that_does_not_start_is_reported(monkeypatch):
    monkeypatch.setattr(LoopbackServer, "_serve", lambda _: None)

    with pytest.raises(RuntimeError, match=r"no server at http://127\.0\.0\.1:\d+"), OTLPReceiver():
        pass


# The decoder


@given(st.binary())
def test_arbitrary_bytes_raise_the_documented_error_or_none(body):
    try:
        view = decode([body])
    except InvalidOTLPError:
        return
    assert shown(view)


@given(st.data())
def test_a_damaged_body_raises_the_documented_error_or_can_be_shown(data):
    whole = bytearray(
        make_body(
            trace_pb2.Span(
                trace_id=bytes(16),
                span_id=bytes(8),
                name="x",
                attributes=[KeyValue(key="session.id", value=AnyValue(string_value="s"))],
            )
        )
    )
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    body = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        view = decode([body])
    except InvalidOTLPError:
        return
    assert shown(view)


def test_attributes_become_python_values():
    values = {
        "text": (AnyValue(string_value="x"), "x"),
        "number": (AnyValue(int_value=-3), -3),
        "real": (AnyValue(double_value=0.5), 0.5),
        "flag": (AnyValue(bool_value=True), True),
        "bytes": (AnyValue(bytes_value=b"\x00"), b"\x00"),
        "nothing": (AnyValue(), None),
        "list": (AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])), [1, None]),
        "map": (
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(int_value=1))])),
            {"k": 1},
        ),
    }
    body = make_body(trace_pb2.Span(attributes=[KeyValue(key=key, value=wire) for key, (wire, _) in values.items()]))

    (span,) = decode([body]).spans

    assert span.attributes == {key: value for key, (_, value) in values.items()}


@pytest.mark.parametrize(
    ("status", "exception", "expected"),
    [
        pytest.param(trace_pb2.Status(code=2, message="broken"), None, "broken", id="message"),
        pytest.param(trace_pb2.Status(code=2), ("ValueError", "bad"), "ValueError: bad", id="exception"),
        pytest.param(trace_pb2.Status(code=2), None, "error", id="nothing more"),
        pytest.param(trace_pb2.Status(code=1), ("ValueError", "handled"), None, id="ok"),
        pytest.param(trace_pb2.Status(), None, None, id="unset"),
    ],
)
def test_a_failed_span_says_why(status, exception, expected):
    keys = ("exception.type", "exception.message")
    pairs = [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in zip(keys, exception or ())]  # noqa: B905
    events = [trace_pb2.Span.Event(name="exception", attributes=pairs)] if exception else []

    (span,) = decode([make_body(trace_pb2.Span(status=status, events=events))]).spans

    assert span.error == expected


def test_the_kind_is_that_of_openinference_else_that_of_the_span():
    kind = KeyValue(key="openinference.span.kind", value=AnyValue(string_value="LLM"))
    body = make_body(
        trace_pb2.Span(span_id=b"1", kind=trace_pb2.Span.SPAN_KIND_CLIENT, attributes=[kind]),
        trace_pb2.Span(span_id=b"2", kind=trace_pb2.Span.SPAN_KIND_SERVER),
        trace_pb2.Span(span_id=b"3", kind=trace_pb2.Span.SPAN_KIND_INTERNAL),
    )

    assert [span.kind for span in decode([body]).spans] == ["LLM", "SERVER", ""]


# The arrangement


def test_sessions_stand_by_their_first_start_and_traces_by_theirs():
    view = arrange(
        [
            make_span("late", trace_id="t3", session="one", start=30),
            make_span("other", trace_id="t2", session="two", start=20),
            make_span("first", trace_id="t1", session="one", start=10),
        ]
    )

    assert [session.id for session in view.sessions] == ["one", "two"]
    assert [trace.trace_id for trace in view.sessions[0].traces] == ["t1", "t3"]


def test_spans_without_a_session_are_a_group_of_their_own():
    view = arrange([make_span("a"), make_span("b", session=None), make_span("c", session="")])

    assert [span.name for span in view.without_session.spans] == ["b", "c"]
    assert (len(view.spans), view.complete_count) == (3, 1)
    assert "no session.id on these spans" in shown(view)
    assert "3 spans received, 1 with session.id and user.id (33 %)" in shown(view)


def test_a_trace_with_two_sessions_stands_in_both():
    view = arrange([make_span("a", session="one"), make_span("b", "a", session="two", start=1)])

    assert [[span.name for span in session.spans] for session in view.sessions] == [["a"], ["b"]]


def test_a_number_is_an_id_and_other_values_are_none():
    view = arrange([make_span("a", session=42), make_span("b", session=True), make_span("c", session=["x"])])

    assert [session.id for session in view.sessions] == ["42"]
    assert len(view.without_session.spans) == 2


def test_siblings_stand_by_their_start_below_their_parent():
    spans = [make_span("c", "a", start=3), make_span("b", "a", start=2), make_span("a"), make_span("d", "b", start=4)]

    assert outline(*spans) == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]


def test_a_span_whose_parent_is_missing_is_a_root():
    assert outline(make_span("a"), make_span("b", "gone", start=1)) == [("a", 0), ("b", 0)]


def test_spans_that_are_parents_of_each_other_are_shown_once():
    spans = [make_span("a", "b"), make_span("b", "a", start=1), make_span("c", "c", start=2), make_span("d", "a")]

    assert sorted(outline(*spans)) == [("a", 0), ("b", 1), ("c", 0), ("d", 1)]


def test_different_spans_with_one_id_are_both_shown():
    spans = [make_span("a", name="x"), make_span("a", name="y", start=1), make_span("b", "a", start=2)]

    assert outline(*spans) == [("x", 0), ("b", 1), ("y", 0)]


def test_spans_without_ids_are_all_roots():
    assert outline(make_span("", name="x"), make_span("", name="y", start=1)) == [("x", 0), ("y", 0)]


def test_a_span_that_came_twice_counts_once_and_is_mentioned():
    view = arrange([make_span("a"), make_span("a"), make_span("b")])

    assert (len(view.spans), view.duplicate_count) == (2, 1)
    assert "2 spans received, 2 with session.id and user.id (100 %), 1 duplicate left out" in shown(view)


def test_a_tree_may_be_deeper_than_the_recursion_limit():
    chain = [make_span(str(n), str(n - 1) if n else "", start=n) for n in range(3_000)]

    assert outline(*chain)[-1] == ("2999", 2_999)
    assert "depth 2999" in shown(arrange(chain))


few_ids = st.sampled_from(["", "1", "2", "3", "4"])
odd_spans = st.builds(
    make_span,
    span_id=few_ids,
    parent_id=few_ids,
    trace_id=st.sampled_from(["t", "u"]),
    session=st.sampled_from([None, "s", "z"]),
    start=st.integers(0, 3),
    name=st.sampled_from(["n", "m", ""]),
)


@given(st.lists(odd_spans, max_size=12))
def test_no_span_is_lost_and_every_child_stands_below_a_parent(spans):
    view = arrange(spans)

    assert len(view.spans) + view.duplicate_count == len(spans)
    for session in (*view.sessions, view.without_session):
        for trace in session.traces:
            above: list[str] = []
            for node in trace.nodes:
                del above[node.depth :]
                assert node.depth == 0 or above[-1] == node.span.parent_id
                above.append(node.span.span_id)


def test_tokens_of_a_parent_that_repeats_its_children_count_once():
    def usage(prompt: int, completion: int) -> dict[str, int]:
        return {"llm.token_count.prompt": prompt, "llm.token_count.completion": completion}

    view = arrange(
        [
            make_span("agent", attributes=usage(30, 3)),
            make_span("one", "agent", start=1, attributes=usage(10, 1)),
            make_span("two", "agent", start=2, attributes=usage(20, 2)),
            make_span("tool", "agent", start=3),
            make_span("within", "tool", start=4, attributes=usage(5, 5)),
        ]
    )

    assert view.sessions[0].tokens == Tokens(prompt=35, completion=8, total=43)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"llm.token_count.prompt": 3, "llm.token_count.completion": 4, "llm.token_count.total": 9}, Tokens(3, 4, 9)),
        ({"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4}, Tokens(3, 4, 7)),
        ({"llm.token_count.total": 9}, Tokens(0, 0, 9)),
        ({"llm.token_count.prompt": -3, "llm.token_count.completion": True, "llm.token_count.total": "9"}, Tokens()),
        ({}, Tokens()),
    ],
)
def test_tokens_are_those_that_a_span_reports(attributes, expected):
    assert make_span(attributes=attributes).tokens == expected


def test_durations_are_never_negative():
    view = arrange([make_span(start=5, end=1)])

    assert view.sessions[0].duration_ns == view.spans[0].duration_ns == 0


def test_the_time_of_a_session_leaves_out_the_pauses_between_its_turns():
    view = arrange([make_span("a", trace_id="1", start=0, end=5), make_span("b", trace_id="2", start=100, end=107)])

    assert view.sessions[0].duration_ns == 12


# The terminal

DIALOGUE = {"input.value": "What is 6 times 7?", "output.value": "Forty-two.", "session.name": "Maths"}
LLM = {
    "llm.model_name": "m-1",
    "llm.token_count.prompt": 1_234,
    "llm.token_count.completion": 56,
    "llm.invocation_parameters": '{"stream": true}',
    "session.path": "/sums",
}


@pytest.fixture
def view() -> View:
    return arrange(
        [
            make_span("1", name="turn", kind="CHAIN", end=150 * MS, attributes=DIALOGUE, trace_id="abcdef0123456789"),
            make_span("2", "1", name="chat", kind="LLM", start=1, attributes=LLM, trace_id="abcdef0123456789"),
            make_span("3", "2", name="fail", start=2, trace_id="abcdef0123456789", error="it broke"),
        ]
    )


def test_the_view_reads_by_session_turn_and_span(view):
    assert shown(view, width=80) == (
        "session / turn / span                             tokens     in    out      time\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "Maths · user u · 1 turn                                   1,234     56    150 ms\n"
        "session.id s\n"
        "  1  What is 6 times 7?                                   1,234     56    150 ms\n"
        "     → Forty-two.\n"
        "     └─ turn · CHAIN · trace abcdef01                                     150 ms\n"
        "        └─ chat · LLM · m-1 · streamed · /sums            1,234     56   1.00 ms\n"
        "           └─ fail · error: it broke                                     1.00 ms\n"
        "\n"
        "3 spans received, 3 with session.id and user.id (100 %)\n"
    )


@pytest.mark.parametrize("width", [20, 60, 80, 120, 300])
def test_no_line_is_wider_than_the_window_and_none_ends_in_blanks(view, width):
    long = replace(view.spans[0], attributes=view.spans[0].attributes | {"output.value": "字 word " * 100})

    lines = shown(arrange([long]), width=width).splitlines()

    cells = [sum(2 if unicodedata.east_asian_width(char) == "W" else 1 for char in line) for line in lines]
    assert max(cells) <= max(width, 60)
    assert lines == [line.rstrip() for line in lines]


def test_a_terminal_gets_colours_and_a_file_none(view):
    coloured = shown(view, force_terminal=True, color_system="standard")

    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(view)


def test_an_old_encoding_gets_lines_of_ascii(view):
    assert "     `- turn - CHAIN - trace abcdef01" in shown(view, encoding="ascii")


def test_what_a_span_says_is_shown_literally_and_can_not_steer_the_terminal():
    hostile = "[bold]x[/bold] :smile: \x1b[31mred\x1b]0;title\x07\r\n\x9b2Jend\u202egnp\x00"
    attributes = {"input.value": hostile, "output.value": hostile, "session.name": hostile, "session.path": hostile}
    view = arrange([make_span(session=hostile, user=hostile, name=hostile, kind=hostile, attributes=attributes)])

    text = shown(view, width=300)

    assert text.count("[bold]x[/bold] :smile: red endgnp") >= 6
    assert not re.search(r"[^\n\x20-\x7e\xa0-\uffff]", text)


def test_a_resumed_session_says_that_another_process_went_on():
    processes = [{"service.instance.id": "one", "process.pid": 1}, {"service.instance.id": "two", "process.pid": 2}]
    spans = [make_span(str(n), trace_id=str(n), start=n, resource=process) for n, process in enumerate(processes)]

    text = shown(arrange(spans))

    assert "session · user u · 2 turns · 2 processes" in text
    assert text.index("  1  0") < text.index("resumed in another process (pid 2)") < text.index("  2  1")


def test_siblings_are_joined_by_a_line():
    spans = [make_span("a"), make_span("b", "a", start=1), make_span("c", "b", start=2), make_span("d", "a", start=3)]

    guides = [line[:15] for line in shown(arrange(spans)).splitlines() if re.search(r"[├└]", line)]

    assert guides == ["     └─ a · tra", "        ├─ b   ", "        │  └─ c", "        └─ d   "]


def test_a_view_of_nothing_says_so():
    assert "0 spans received, 0 with session.id and user.id (nothing)" in shown(decode([]))


def test_a_session_without_a_user_says_so():
    assert "session · no user · 1 turn" in shown(arrange([make_span(user=None)]))


def test_a_json_document_is_not_shown_as_what_was_said():
    json_input = {"input.value": "{}", "input.mime_type": "application/json"}
    spans = [make_span(attributes=json_input), make_span("b", "a", start=1, attributes={"input.value": "Hello"})]

    assert arrange(spans).sessions[0].traces[0].question == "Hello"


# The formats


@given(st.text())
def test_one_line_has_no_control_characters_and_no_double_blanks(text):
    line = one_line(text)

    assert not [char for char in line if unicodedata.category(char) in {"Cc", "Zl", "Zp"}]
    assert line == " ".join(line.split(" ")).strip()
    assert "  " not in line


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "0.00 ms"),
        (400_000, "0.40 ms"),
        (5_600_000, "5.60 ms"),
        (142 * MS, "142 ms"),
        (999_600_000, "1.00 s"),
        (1_210 * MS, "1.21 s"),
        (59_999 * MS, "1 m 00 s"),
        (61_000 * MS, "1 m 01 s"),
        (3_720_000 * MS, "1 h 02 m"),
    ],
)
def test_a_duration_stands_in_the_unit_that_people_use(nanoseconds, expected):
    assert duration(nanoseconds) == expected


@pytest.mark.parametrize(
    ("byte_count", "expected"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 * 2**20, "3.0 MiB"), (2**31, "2.0 GiB")],
)
def test_a_size_stands_in_the_unit_that_people_use(byte_count, expected):
    assert size(byte_count) == expected


def test_words_are_counted_in_their_plural():
    assert [counted(1, "turn"), counted(2, "turn"), counted(2, "process"), counted(1_000, "span")] == [
        "1 turn",
        "2 turns",
        "2 processes",
        "1,000 spans",
    ]


def test_a_share_is_100_percent_only_of_all():
    assert [share(999, 1_000), share(5, 5), share(0, 0)] == ["99 %", "100 %", "nothing"]


def test_a_total_without_its_parts_is_marked():
    assert [tokens_in_out(Tokens(0, 0, 9)), tokens_in_out(Tokens(1, 2, 3)), tokens_in_out(Tokens())] == [
        ("=9", ""),
        ("1", "2"),
        ("", ""),
    ]
