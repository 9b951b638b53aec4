"""A scope or a turn as a statement, where `with` was forgotten, is told once for each line; nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import subprocess
import sys
from time import process_time

import pytest

import otel_sessions
from otel_sessions import (
    SessionScope,
    Turn,
    clear_session,
    set_session,
    step,
    turn,
)
from otel_sessions._context import unentered

another_name = set_session


def in_two_lines():
    otel_sessions.set_session(
        "conv-42",
        user_id="ada",
    )


def by_another_name():
    another_name("conv-42")


def of_a_choice():
    set_session("conv-42") if another_name else clear_session()


def several_at_once():
    set_session("conv-42"), turn("reply")  # the mistake


def if_there_is_one():
    another_name and set_session("conv-42")


async def in_a_handler():
    set_session("conv-42")


def in_a_generator():
    set_session("conv-42")
    yield


@pytest.mark.parametrize(
    ("mistake", "call"),
    [
        pytest.param(in_two_lines, "set_session", id="two lines, of the package"),
        pytest.param(by_another_name, "set_session", id="another name"),
        pytest.param(several_at_once, "turn", id="several at once"),
        pytest.param(of_a_choice, "set_session", id="choice"),
        pytest.param(if_there_is_one, "set_session", id="and"),
        pytest.param(lambda: asyncio.run(in_a_handler()), "set_session", id="coroutine"),
        pytest.param(lambda: list(in_a_generator()), "set_session", id="generator"),
    ],
)
def test_a_scope_as_a_statement_is_told_with_its_line(warnings, mistake, call):
    mistake()
    (said,) = warnings()
    assert said.startswith(f"otel_sessions: {call}() is a statement here, which does nothing: ")
    assert f"`with {call}(...):`" in said
    assert f"({__file__}:" in said


def joined_by_and():
    with set_session("conv-42") and turn("reply"):
        pass


def joined_in_two_lines():
    with (
        set_session("conv-42", user_id="ada")
        and turn("reply")
    ):  # fmt: skip
        pass


@pytest.mark.parametrize("mistake", [joined_by_and, joined_in_two_lines])
def test_a_scope_before_and_is_told_to_want_a_comma(warnings, mistake):
    mistake()
    (said,) = warnings()
    assert said.startswith("otel_sessions: set_session() stands before `and` here, by which ")
    assert "`with set_session(...), ...:`" in said
    assert f"({__file__}:" in said


@pytest.mark.parametrize(
    "statement",
    [
        "set_session()",
        "set_session(session_id='conv-42', user_id='ada')",
        "set_session(session_id=lambda: 'conv-42')",
        "update_session(user_id='ada')",
        "step('outline')",
        "clear_session()",
        "from_carrier({'baggage': 'session.id=conv-42'})",
        "turn('reply', input='What is a span?')",
        "turn()",
    ],
)
def test_each_public_call_is_told_by_its_name(warnings, statement):
    names = {
        name: getattr(otel_sessions, name) for name in otel_sessions.__all__
    }  # some are loaded when they are asked for
    exec(compile(statement, "<application>", "exec"), names)  # noqa: S102  # a statement of a module
    (said,) = warnings()
    call = statement.partition("(")[0]
    assert said.startswith(f"otel_sessions: {call}() is a statement here")
    assert said.endswith("(<application>:1)")


def test_it_is_said_once_for_each_line(warnings):
    for _ in range(3):
        set_session("conv-42")
        set_session("conv-42")
    assert len(warnings()) == 2


def made():
    return set_session("conv-42")


def entered_elsewhere(scope):
    with scope:
        pass


def ignored(_scope):
    """Use nothing."""


@contextlib.contextmanager
def yielding():
    yield set_session("conv-42")


def decorating():
    @set_session("conv-42")
    def inside():
        """Do nothing."""

    @turn("reply")
    def answer():
        """Do nothing."""

    inside()
    answer()


def entering():
    with set_session("conv-42"), turn("reply"), step("a"), clear_session():
        pass
    with contextlib.ExitStack() as stack:
        stack.enter_context(set_session("conv-42"))
        stack.enter_context(turn("reply"))
    entered_elsewhere(set_session("conv-42"))


async def entering_in_a_task():
    async with set_session("conv-42"), turn("reply"):
        pass
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(set_session("conv-42"))


def asking():
    _ = set_session("conv-42").context
    _ = set_session("conv-42").session
    set_session("conv-42").wrap(iter([1]))


def keeping():
    kept = [set_session("conv-42"), turn("reply")]
    kept.pop()
    kept.clear()
    scope = set_session("conv-42")
    del scope
    made()


def handing_on():
    ignored(set_session("conv-42"))
    with yielding() as scope:
        ignored(scope)


def copying():
    for one in (set_session("conv-42"), turn("reply")):
        other = copy.copy(one)
        assert type(other) in {SessionScope, Turn}


def failing():
    with contextlib.suppress(ZeroDivisionError):
        ignored(set_session("conv-42"), 1 / 0)
    with contextlib.suppress(ZeroDivisionError):
        (set_session("conv-42"), turn("reply"), 1 / 0)


class Own(SessionScope):
    """A subclass of somebody else's."""


def subclassing():
    Own(set_session("conv-42")._change)


def in_a_cycle():
    scopes = [set_session("conv-42")]
    scopes.append(scopes)
    del scopes
    gc.collect()


@pytest.mark.parametrize(
    "use",
    [
        entering,
        lambda: asyncio.run(entering_in_a_task()),
        decorating,
        asking,
        keeping,
        handing_on,
        copying,
        failing,
        subclassing,
        in_a_cycle,
    ],
)
def test_what_is_used_or_kept_or_dies_otherwise_is_not_told(warnings, use):
    use()
    assert warnings() == []


def test_nothing_is_told_at_the_end_of_the_interpreter():
    program = "from otel_sessions import set_session, turn\nkept = set_session('conv-42'), turn('reply')"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_function_of_another_that_has_the_name_is_none_of_ours(warnings):
    def set_session():
        return made()

    set_session()
    assert warnings() == []


def test_a_scope_that_was_entered_has_no_finalizer():
    scope, one = set_session("conv-42"), turn("reply")
    assert hasattr(scope, "__del__")
    with scope, one:
        assert (type(scope), type(one)) == (SessionScope, Turn)
    assert not hasattr(scope, "__del__")
    assert not hasattr(one, "__del__")
    with scope:
        assert type(scope) is SessionScope


def test_places_are_remembered_up_to_a_limit(warnings, monkeypatch):
    monkeypatch.setattr(unentered, "_MAX_PLACES", 0)
    set_session("conv-42")
    assert warnings() == []


def test_a_finalizer_raises_nothing(monkeypatch, warnings):
    monkeypatch.setattr(unentered, "_notice", lambda *_: 1 / 0)
    set_session("conv-42")
    assert warnings() == []


@pytest.mark.parametrize("lines", [3000, 12000])
def test_a_statement_in_a_long_function_takes_no_time(warnings, lines):
    body = "".join(f"    total = total + {line} * total\n" for line in range(lines))
    names = {"set_session": set_session}
    exec(compile(f"def long(total=0):\n{body}    set_session('conv-42')\n", "long.py", "exec"), names)  # noqa: S102
    begin = process_time()
    names["long"]()
    assert process_time() - begin < 10  # it was half a minute, on a machine that has time
    said = warnings()  # what is too long to be looked at is left alone
    assert not said or said[0].endswith(f"(long.py:{lines + 2})")


def test_what_dies_in_another_expression_is_no_statement(warnings):
    exec(compile("[set_session('conv-42')][0]", "<application>", "exec"), vars(otel_sessions).copy())  # noqa: S102
    assert warnings() == []
