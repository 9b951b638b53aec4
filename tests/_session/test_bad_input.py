"""Whatever a caller gives: nothing raises, one warning that names argument, file and line, and never an id (rule 5)."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
import inspect
import itertools
import logging
import re
import sys
import uuid
import warnings as python_warnings
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context

from otel_sessions import Session, bind_session, clear_session, get_session, set_session, step, update_session
from otel_sessions._context import changes
from otel_sessions._context.local_trace import SPAN_KEY
from otel_sessions._context.state import CLEARED
from otel_sessions._session.ids import digest, is_plain_id, text_of
from otel_sessions.testing import InMemoryPipeline

HERE = Path(__file__).name
HASH_OF_A = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # SHA-256, FIPS 180


class Plan(str, enum.Enum):
    GOLD = "gold"


class Level(enum.IntEnum):
    ONE = 1


class Raising:
    """An object whose own code raises wherever it can."""

    def __getattribute__(self, name):
        raise ZeroDivisionError(name)


class RaisingMapping(Mapping):
    def __getitem__(self, key):
        raise ZeroDivisionError

    def __iter__(self):
        raise ZeroDivisionError

    def __len__(self):
        return 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param("", "an empty string", id="empty"),
        pytest.param(" \t\n", "an empty string", id="blank"),
        pytest.param(True, "got bool", id="bool"),
        pytest.param(1.5, "got float", id="float"),
        pytest.param(b"conv-42", "got bytes", id="bytes"),
        pytest.param(["conv-42"], "got list", id="list"),
        pytest.param(10**5000, "got int", id="int-too-long-to-write"),
        pytest.param(object(), "got object", id="object"),
    ],
)
def test_an_unusable_session_id_is_absent_and_warned_of_once(bad, reason, warnings, pipeline):
    with set_session("outer", user_id="ada"), pipeline.tracer.start_as_current_span("parent"):
        for _ in range(3):
            with set_session(None, bad, name="kept") as session:
                assert session == get_session() == Session(None, "ada", "kept")
                pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == {"user.id": "ada", "session.name": "kept"}
    (message,) = warnings()
    assert re.fullmatch(rf"otel_sessions: session_id: .*{reason}.* \(.*{HERE}:\d+\)", message)


def test_an_unusable_user_is_absent_and_never_the_outer_one(warnings):
    with set_session("outer", user_id="ada"), set_session("outer", user_id="") as session:
        assert session == Session("outer")
    assert len(warnings()) == 1


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("session_id", Session(None, "ada", "n")),
        ("user_id", Session("a", None, "n")),
        ("name", Session("a", "ada")),
        ("path", Session("a", "ada", "n")),
        ("previous_id", Session("a", "ada", "n")),
        ("metadata", Session("a", "ada", "n")),
        ("tags", Session("a", "ada", "n")),
    ],
)
@pytest.mark.parametrize("bad", [object, lambda: 3.5, Raising, RaisingMapping])
def test_an_unusable_argument_is_left_out_and_the_rest_counts(argument, expected, bad, warnings):
    with set_session(**{"session_id": "a", "user_id": "ada", "name": "n"} | {argument: bad()}) as session:
        assert session == expected
    (message,) = warnings()
    assert message.startswith(f"otel_sessions: {argument}: ")


def test_of_metadata_and_tags_only_the_bad_entries_are_left_out(warnings):
    with set_session("a", metadata={"good": "1", "bad": None, "": "2"}, tags=["good", "", 7.5, 8]) as session:
        assert session == Session("a", metadata={"good": "1"}, tags=("good", "8"))
    assert len(warnings()) == 4


def test_one_string_for_tags_is_one_tag(warnings):
    with set_session("a", tags="beta") as session:
        assert session.tags == ("beta",)
    assert len(warnings()) == 1


def test_endless_tags_and_large_metadata_are_bounded(warnings):
    metadata = {f"k{number}": "v" for number in range(100)}
    with set_session("a", tags=map(str, itertools.count()), metadata=metadata) as session:
        assert (len(session.tags), len(session.metadata)) == (64, 64)
    assert len(warnings()) == 2


@pytest.mark.parametrize(
    "unfit",
    [
        pytest.param("x" * 201, id="too-long"),
        pytest.param("çonv-42", id="not-ascii"),
        pytest.param("a\x00b", id="nul"),
        pytest.param("\ud800", id="lone-surrogate"),
    ],
)
def test_an_id_that_does_not_fit_becomes_a_stable_digest(unfit, warnings, pipeline):
    for _ in range(2):
        with set_session(None, unfit, user_id=unfit) as session:
            pipeline.tracer.start_span("span").end()
    assert re.fullmatch(r"sha256-[0-9a-f]{64}", session.id)
    assert session.id == session.user_id == set_session(session_id=unfit).session.id
    assert pipeline.attributes("span") == {"session.id": session.id, "user.id": session.id}
    assert sorted(message.split(": ")[1] for message in warnings()) == ["session_id", "session_id", "user_id"]
    assert unfit not in "".join(warnings())


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (200, "sha256-" + HASH_OF_A),
        (64, "sha256-" + HASH_OF_A[:57]),
        (23, "sha256-" + HASH_OF_A[:16]),
        (22, HASH_OF_A[:22]),
    ],
)
def test_a_digest_gives_its_prefix_up_where_too_little_of_the_hash_would_be_left(limit, expected):
    assert digest("a", limit) == expected


def test_a_text_of_200_characters_is_kept_and_a_longer_one_is_not(warnings):
    with set_session("a", name="ç" * 200, tags=["t" * 200]) as session:
        assert (session.name, session.tags) == ("ç" * 200, ("t" * 200,))
    assert warnings() == []
    with set_session("a", name="ç" * 201) as session:
        assert session.name == digest("ç" * 201)


@pytest.mark.warned_of("digest")
def test_ids_with_the_same_beginning_stay_two():
    long = "x" * 300
    assert set_session(session_id=long + "1").session.id != set_session(session_id=long + "2").session.id


def test_names_and_paths_may_be_in_any_script(warnings):
    with set_session("a", name="Création de cours", path="/план", metadata={"ключ": "値"}, tags=["日本"]) as session:
        assert session == Session("a", None, "Création de cours", "/план", None, {"ключ": "値"}, ("日本",))
    assert warnings() == []


def test_subclasses_of_str_and_int_count_as_what_they_are():
    with set_session(Plan.GOLD, user_id=Level.ONE) as session:
        assert session == Session("gold", "1")
        assert {type(session.id), type(session.user_id)} == {str}


def test_a_previous_id_that_is_the_id_itself_is_left_out(warnings):
    with set_session("a", previous_id="a") as session:
        assert session == Session("a")
    assert len(warnings()) == 1


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: set_session({}, "a"), id="set_session"),
        pytest.param(lambda: clear_session({}), id="clear_session"),
    ],
)
def test_a_wrong_context_is_the_current_one_with_a_warning(call, warnings):
    with call():
        pass
    assert "expected an OpenTelemetry Context and got dict" in warnings()[0]


def test_get_session_with_a_wrong_context(warnings):
    with set_session("a"):
        assert get_session("conv-42") == Session("a")
    assert len(warnings()) == 1


def test_of_two_ids_in_a_row_the_first_is_the_session(warnings):
    """The second is likely to be a user, who must not become the session of all conversations."""
    with set_session("conv-42", "ada") as session:
        assert session == Session("conv-42")
    (message,) = warnings()
    assert "user_id= is by name" in message
    assert "conv-42" not in message


@pytest.mark.parametrize("bad", ["", None, 3.5])
def test_a_step_without_a_name_changes_nothing(bad, warnings):
    with set_session("a", path="/p"), step(bad) as session:
        assert session == Session("a", path="/p")
    assert len(warnings()) == 1


def test_update_session_with_nothing_usable(warnings):
    with set_session("a"), update_session(user_id="", tags=5) as session:
        assert session == Session("a")
    assert len(warnings()) == 2


def test_the_record_points_at_the_callers_line(caplog):
    with caplog.at_level(logging.WARNING, "otel_sessions"):
        _ = set_session(session_id="")
        line = sys._getframe().f_lineno - 1
    (record,) = caplog.records
    assert (Path(record.pathname).name, record.lineno) == (HERE, line)
    assert f"{HERE}:{line}" in record.getMessage()


def test_where_python_has_no_frames_it_is_a_warning_all_the_same(monkeypatch, warnings):
    monkeypatch.setattr(inspect, "currentframe", lambda: None)
    set_session(session_id="")
    assert warnings()[0].endswith("(<unknown>:0)")


def test_two_places_that_err_are_two_warnings_and_a_loop_is_one(warnings):
    _ = set_session(session_id="")
    for _ in range(1000):
        _ = set_session(session_id="")
    assert len(warnings()) == 2


@pytest.mark.warned_of("digest", "is a statement here")
def test_nothing_long_is_kept_of_what_is_refused():
    changes.forget()
    for number in range(10):
        set_session("x" * 100_000 + str(number), user_id="ada")
    assert changes.LAST.state is CLEARED


def test_a_context_with_hostile_values_carries_nothing(warnings):
    ctx = context.set_value("session.id", Raising())
    assert get_session(ctx) is None
    assert set_session(ctx, "a").session == Session("a")
    assert warnings() == ["otel_sessions: looking for a session raised ZeroDivisionError: there is none"]


@pytest.mark.warned_of("is a statement here", "left out")
def test_python_warnings_are_not_used():
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("error")
        set_session(session_id="", user_id=object())


def test_a_logging_filter_that_raises_does_not_reach_the_caller():
    def raising(_record):
        raise ZeroDivisionError

    logger = logging.getLogger("otel_sessions")
    logger.addFilter(raising)
    try:
        assert set_session(session_id="").session == Session()
    finally:
        logger.removeFilter(raising)


def test_the_number_of_remembered_places_is_bounded(warnings):
    code = "set_session(session_id='')"
    for number in range(1100):
        exec(compile(code, f"<generated {number}>", "exec"), {"set_session": set_session})  # noqa: S102  # our own code
    assert len(warnings()) == 1024


def test_a_callable_that_raises_leaves_the_id_absent(warnings):
    @set_session(session_id=lambda: 1 / 0)
    def function():
        return get_session()

    assert function() is None
    assert "the callable of this scope raised ZeroDivisionError" in warnings()[0]


def test_a_callable_that_returns_a_coroutine_is_an_unusable_id(warnings):
    async def session_id():
        return "conv-42"

    with set_session(session_id=session_id) as session:
        assert session == Session()
    assert "got coroutine" in warnings()[0]


@pytest.mark.parametrize("decorator", [set_session, clear_session, step])
def test_a_bare_decorator_still_leaves_a_working_function(decorator, warnings):
    @decorator
    def function(word):
        return word, get_session()

    word, session = function("hello")
    assert word == "hello"
    if decorator is set_session:
        assert uuid.UUID(session.id)
    else:
        assert session == {clear_session: None, step: Session(path="/function")}[decorator]
    assert "to decorate a function, write @" in warnings()[0]


@pytest.mark.parametrize("odd", [lambda: "a", Mock(return_value="a"), functools.partial(str, "a")])
def test_anything_else_that_can_be_called_computes_the_id_in_first_place_too(odd, warnings):
    with set_session(odd) as session:
        assert session == Session("a")
    assert warnings() == []


@pytest.mark.parametrize("odd", [Mock(), object, Session])
def test_what_computes_no_id_is_a_warning_and_no_error(odd, warnings):
    with set_session(odd) as session:
        assert session == Session()
    assert len(warnings()) == 1


def test_something_hostile_that_can_be_called_is_a_warning_and_no_error(warnings):
    class Hostile(Raising):
        def __call__(self):
            raise KeyError

    with set_session(session_id=Hostile()) as session:
        assert session == Session()
    assert "the callable of this scope raised KeyError" in warnings()[0]


def test_a_proxy_of_a_string_is_an_id():
    """As werkzeug's ``LocalProxy`` is, which can be called, too."""

    class Proxy:
        __class__ = str

        def __call__(self):
            raise AssertionError

        def __str__(self):
            return " a "

    with set_session(Proxy(), user_id=Proxy()) as session:
        assert session == Session("a", "a")


@pytest.mark.parametrize("kind", ["a class", "a int"])
def test_what_cannot_be_decorated_is_left_as_it_is(kind, warnings):
    class Service:
        pass

    target = {"a class": Service, "a int": 5}[kind]
    assert set_session(session_id="a")(target) is target
    assert kind in warnings()[0]


def test_partial_functions_can_be_decorated():
    assert set_session(session_id="a")(functools.partial(get_session))() == Session("a")


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.uuids(),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
    st.builds(object),
)


@pytest.mark.warned_of
@given(anything, anything, anything, anything, anything, anything, anything, anything)
def test_no_argument_raises_and_no_invalid_id_is_carried(  # noqa: PLR0913, PLR0917  # one for each argument
    ctx, sid, user_id, name, path, previous_id, metadata, tags
):
    scope = set_session(
        ctx, sid, user_id=user_id, name=name, path=path, previous_id=previous_id, metadata=metadata, tags=tags
    )
    with scope as session:
        inside = get_session()
    assert inside in (session, None)
    assert [text for text in (session.id, session.user_id, session.previous_id) if text and not is_plain_id(text)] == []
    assert get_session() is None


@given(st.text(), st.integers(8, 200))
def test_a_digest_is_a_plain_id_of_at_most_the_limit_and_depends_on_the_text(text, limit):
    assert is_plain_id(digest(text, limit), limit)
    assert digest(text, limit) == digest(text, limit) != digest(text + "x", limit)


@given(anything)
def test_text_of_takes_str_int_and_uuid_and_nothing_else(value):
    expected = isinstance(value, (str, int, uuid.UUID)) and not isinstance(value, bool)
    assert (text_of(value) is not None) == expected


def test_a_named_function_in_first_place_computes_the_id_or_is_decorated_whichever_is_meant(warnings):
    """Only what it is called with tells the two apart."""

    def conversation(request):
        return request["c"]

    @set_session(conversation)
    def handle(_request):
        return get_session()

    @set_session
    def bare(request):
        return request, get_session().id

    assert handle({"c": "a"}) == Session("a")
    assert bare(5)[0] == 5
    assert bare(5)[1] != bare(5)[1]
    assert "or session_id= to compute the id by it" in warnings()[0]


def test_a_bare_decorator_keeps_what_kind_of_function_it_is(warnings):
    @set_session
    async def work():
        return get_session()

    @set_session
    def numbers():
        yield get_session()

    assert inspect.iscoroutinefunction(work)
    assert asyncio.run(work()).id
    assert next(numbers()).id
    assert len(warnings()) == 2


@pytest.mark.parametrize("manager", [contextlib.contextmanager, contextlib.asynccontextmanager])
def test_a_decorated_function_that_returns_a_context_manager_says_that_it_is_over(manager, warnings):
    def body():
        yield

    set_session("a")(manager(body))()
    assert "whose body runs outside the session" in warnings()[0]


def test_a_context_whose_span_raises_has_no_session(warnings):
    class Span:
        def __getattr__(self, _name):
            raise ZeroDivisionError

    assert get_session(context.Context({SPAN_KEY: Span()})) is None
    assert any("get_session: reading raised ZeroDivisionError" in said for said in warnings())


@pytest.mark.parametrize(
    "weak",
    ["test", "Test-1", "session_1", "session", "undefined", "None", "null", "[object Object]", "demo 12", "default"],
)
def test_an_id_that_many_conversations_have_is_taken_and_warned_of(weak, warnings):
    with set_session(session_id=weak) as session:
        assert session.id == weak
    with set_session(session_id=lambda: weak, user_id="ada"), InMemoryPipeline().tracer.start_as_current_span("turn"):
        bind_session(weak)
    assert len([said for said in warnings() if "it looks like a placeholder" in said and repr(weak) not in said]) == 3


@pytest.mark.parametrize("good", ["conv-42", "user_123_conv_456", "test-8f3a2c", "session_1700000000", "42", "a"])
def test_an_id_of_a_conversation_is_not_warned_of(good, warnings):
    with set_session(session_id=good):
        assert warnings() == []
