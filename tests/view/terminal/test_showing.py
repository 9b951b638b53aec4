"""One session reads by turn and span, on lines that nothing in it can break."""

from __future__ import annotations

import io
import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from otel_sessions.view.terminal.showing import print_heading, print_session, print_trace
from view_documents import NO_TOKENS, a_check, a_log, a_span, a_turn, an_answer

HOSTILE = "[bold]x[/bold] :smile: \x1b[31mred\x1b]0;title\x07\r\n\x9b2Jend\u202egnp\x00"
STREAMED = {"llm.invocation_parameters": '{"stream": true}'}
USAGE = NO_TOKENS | {"input": 1_234, "output": 56}


def shown(answer, *, width=100, encoding="utf-8", **options) -> str:
    """Return what a file of that encoding gets."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, highlight=False, **options)
    print_heading(console)
    print_session(answer, console)
    file.flush()
    return file.buffer.getvalue().decode(encoding)


@pytest.fixture
def answer():
    spans = [
        a_span("1", name="turn", type="turn", duration=150.0),
        a_span("2", "1", 1, name="chat", type="llm", model="m-1", tokens=USAGE, attributes=STREAMED, path="/sums"),
        a_span("3", "2", 2, name="fail", error="it broke", kind="client"),
    ]
    turn = a_turn("1", input="What is 6 times 7?", output="Forty-two.", tokens=USAGE)
    return an_answer(spans, [turn], name="Maths", tokens=USAGE)


def test_a_session_reads_by_turn_and_span(answer):
    assert shown(answer, width=80) == (
        "session / turn / span                           tokens      in     out      time\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "Maths · user u · 1 turn                                  1,234      56    150 ms\n"
        "session.id s\n"
        "  1  What is 6 times 7?                                  1,234      56    150 ms\n"
        "     → Forty-two.\n"
        "     └─ turn · TURN · trace 0af76519                                      150 ms\n"
        "        └─ chat · LLM · m-1 · streamed · /sums           1,234      56   1.00 ms\n"
        "           └─ fail · CLIENT · error: it broke                            1.00 ms\n"
        "\n"
    )


def test_checks_feedback_and_records_stand_where_they_belong(answer):
    checks = [
        a_check("2", name="json", passed=False, label="invalid", score=0.2, explanation="no brace"),
        a_check("2", name="thumb", passed=None, score=1, feedback=True),
        a_check(name="solved"),
    ]

    text = shown(answer | {"checks": checks, "logs": [a_log(), a_log()]})

    assert text.endswith(
        "     check json · failed · invalid · 0.2 · no brace\n"
        "     feedback thumb · 1\n"
        "     check solved · passed\n"
        "2 log records: --json has them\n"
        "\n"
    )


@pytest.mark.parametrize("width", [20, 60, 80, 100, 200, 300])
def test_no_line_is_wider_than_the_window_and_none_ends_in_blanks(width):
    long = "字 word " * 100
    turn = a_turn("1", input=long, output=long, path=long, ended_early=True)
    spans = [a_span("1", name=long, error=long, session_id=long), a_span("2", name="b", trace_id="b" * 32)]
    checks = [a_check("1", name=long, explanation=long)]

    lines = shown(
        an_answer(spans, [turn], name=long, id=long, users=[long, long], checks=checks), width=width
    ).splitlines()

    cells = [sum(2 if unicodedata.east_asian_width(char) == "W" else 1 for char in line) for line in lines]
    assert max(cells) <= max(width, 60)
    assert lines == [line.rstrip() for line in lines]


def test_a_terminal_gets_colours_and_a_file_none(answer):
    coloured = shown(answer, force_terminal=True, color_system="standard")

    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(answer)


def test_an_old_encoding_gets_lines_of_ascii(answer):
    assert "     `- turn - TURN - trace 0af76519" in shown(answer, encoding="ascii")


def hostile_answer(text: str) -> dict[str, object]:
    span = a_span("1", name=text, model=text, path=text, error=text, session_id=text, type="llm")
    child = a_span("2", "1", 1, name=text, path=text, kind="server")
    check = {"name": text, "label": text, "explanation": text}
    return an_answer(
        [span, child],
        [a_turn("1", name=text, input=text, output=text, path=text)],
        id=text,
        name=text,
        users=[text],
        checks=[a_check("1", **check), a_check(**check)],
    )


def test_what_a_span_says_is_shown_literally_and_can_not_steer_the_terminal():
    text = shown(hostile_answer(HOSTILE), width=300)

    assert text.count("[bold]x[/bold] :smile: red endgnp") >= 12
    assert not re.search(r"[^\n\x20-\x7e\xa0-\uffff]", text)


@given(st.text())
def test_no_content_changes_the_number_of_lines(text):
    harmless = shown(hostile_answer("x"), width=80)

    assert shown(hostile_answer(f"x{text}"), width=80).count("\n") == harmless.count("\n")


def test_a_resumed_session_says_that_another_process_went_on():
    processes = [{"service.instance.id": "one", "process.pid": 1}, {"service.instance.id": "two", "process.pid": 2}]
    spans = [a_span(str(n), trace_id=str(n) * 32, start=n, resource=n) for n in range(2)]
    turns = [a_turn(str(n), trace_id=str(n) * 32, input=f"question {n}") for n in range(2)]

    text = shown(an_answer(spans, turns, resources=processes))

    assert "session · user u · 2 turns · 2 processes" in text
    assert text.index("question 0") < text.index("resumed in another process (pid 2)") < text.index("question 1")


def test_siblings_are_joined_by_a_line():
    spans = [a_span("a"), a_span("b", "a", 1), a_span("c", "b", 2), a_span("d", "a", 3)]

    guides = [line[:15] for line in shown(an_answer(spans, [a_turn("a")])).splitlines() if re.search(r"[├└]", line)]

    assert guides == ["     └─ a · tra", "        ├─ b   ", "        │  └─ c", "        └─ d   "]


def test_a_deep_span_stands_at_the_eighth_step_with_its_depth():
    chain = [a_span(str(n), str(n - 1) if n else None, start=n) for n in range(2_000)]

    assert "└─ 1999 · depth 1999" in shown(an_answer(chain, [a_turn("0")]), width=80)


def test_what_is_not_known_is_said_or_blank():
    turn = a_turn("1", name="", duration=None, ended_early=True)
    text = shown(an_answer([a_span("1", name="", duration=None)], [turn], users=[]))

    assert "session · no user · 1 turn" in text
    assert "  1  (no name)  ended early\n     └─ (no name) · trace 0af76519\n" in text


def test_a_turn_whose_spans_are_not_there_is_shown_alone():
    assert shown(an_answer([], [a_turn("1", input="Hello?")])).endswith(
        "  1  Hello?                                                                                   150 ms\n\n"
    )


def test_a_span_of_another_session_says_which():
    spans = [a_span("1"), a_span("2", "1", 1, session_id="other"), a_span("3", "1", 2, session_id=None)]

    text = shown(an_answer(spans, [a_turn("1")]))

    assert re.findall(r"([123])(?: · trace 0af76519)?( · in session \w+)? +1\.00 ms", text) == [
        ("1", ""),
        ("2", " · in session other"),
        ("3", ""),
    ]


@pytest.mark.parametrize("parameters", ["{", "[" * 5_000, "[]", json.dumps({"stream": 1}), None])
def test_what_only_looks_like_a_stream_is_none(parameters):
    spans = [a_span("1", attributes={"llm.invocation_parameters": parameters})]

    assert "streamed" not in shown(an_answer(spans, [a_turn("1")]))


def test_a_trace_outside_of_sessions_is_shown_as_one():
    file = io.StringIO()
    trace = {"spans": [a_span("1", name="lost", session_id=None)], "logs": [], "checks": [], "resources": [{}]}

    print_trace(trace, Console(file=file, width=80, highlight=False))

    assert file.getvalue().splitlines()[0] == "     outside of turns"
    assert "└─ lost · trace 0af76519" in file.getvalue()
