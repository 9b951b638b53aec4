"""`otel_sessions.testing`, as the test suite of a user runs it."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions import SessionScope, clear_session, set_session
from otel_sessions.sdk import SessionSpanProcessor
from otel_sessions.testing import (
    InMemoryPipeline,
    assert_all_spans_have_session,
    clean_slate,
    every_scope_is_entered,
)


@pytest.fixture
def memory():
    return InMemoryPipeline()


def test_spans_that_all_have_their_session_pass(memory):
    with set_session("a", user_id="ada"), memory.tracer.start_as_current_span("turn"):
        memory.tracer.start_span("model").end()
    assert_all_spans_have_session(memory.spans())
    assert_all_spans_have_session(memory.spans(), "a")
    assert_all_spans_have_session(memory.spans(), "a", user_id="ada")


def test_spans_that_lack_it_are_listed_with_what_they_have(memory):
    with set_session("a"):
        memory.tracer.start_span("good").end()
    memory.tracer.start_span("bad").end()
    with pytest.raises(AssertionError) as failed:
        assert_all_spans_have_session(memory.spans())
    assert str(failed.value).splitlines() == [
        "1 of 2 spans have not session.id of any kind:",
        "  bad (otel_sessions.testing): neither session.id nor user.id",
    ]


@pytest.mark.parametrize(("wanted", "user"), [("b", None), ("a", "bob"), (None, "bob")])
def test_another_session_or_user_fails(memory, wanted, user):
    with set_session("a", user_id="ada"):
        memory.tracer.start_span("span").end()
    with pytest.raises(AssertionError, match=r"span .*: session\.id='a', user\.id='ada'"):
        assert_all_spans_have_session(memory.spans(), wanted, user_id=user)


def test_no_span_at_all_fails():
    with pytest.raises(AssertionError, match="there is no span"):
        assert_all_spans_have_session([])


def test_a_pipeline_takes_a_provider_and_a_processor_that_are_there_already():
    provider, processor = TracerProvider(shutdown_on_exit=False), SessionSpanProcessor(disabled=True)
    memory = InMemoryPipeline(provider, processor)
    with set_session("a"):
        provider.get_tracer("app").start_span("span").end()
    assert [span.name for span in memory.spans()] == ["span"]
    with pytest.raises(AssertionError):
        assert_all_spans_have_session(memory.spans())
    memory.clear()
    assert memory.spans() == ()
    memory.stop()
    provider.get_tracer("app").start_span("later").end()
    assert memory.spans() == ()


def test_on_a_clean_slate_a_warning_comes_again(warnings):
    for _ in range(2):
        _ = set_session("")
        _ = set_session("")
        clean_slate()
    assert len(warnings()) == 4


def test_a_scope_that_is_never_entered_is_reported_with_its_line():
    with pytest.raises(AssertionError, match=r"1 scopes were made and never entered.*\n.*test_testing\.py:\d+$"):  # noqa: SIM117
        with every_scope_is_entered():
            set_session("a")


@pytest.mark.warned_of("left without a session")
def test_a_scope_that_is_used_in_any_way_is_not_reported():
    with every_scope_is_entered():
        with set_session("a"):
            pass
        set_session("a")(print)
        set_session("a").wrap([])
        _ = set_session("a").context, clear_session().session


def test_watches_that_overlap_leave_scopes_as_they_were():
    before, first, second = SessionScope.__init__, every_scope_is_entered(), every_scope_is_entered()
    first.__enter__()
    second.__enter__()
    with set_session("a"):
        first.__exit__(None, None, None)
    set_session("forgotten")
    with pytest.raises(AssertionError, match="1 scopes"):
        second.__exit__(None, None, None)
    assert SessionScope.__init__ is before


def test_scopes_are_as_before_afterwards():
    before = {name: getattr(SessionScope, name) for name in ("__init__", "_open", "_outer_context", "__call__")}
    with pytest.raises(ZeroDivisionError), every_scope_is_entered():
        _ = 1 / 0
    assert {name: getattr(SessionScope, name) for name in before} == before


SUITE = """
from opentelemetry import trace
from otel_sessions import get_session, set_session
from otel_sessions.testing import assert_all_spans_have_session


def test_it_stamps(session_pipeline):
    with set_session("conv-1", user_id="ada"):
        session_pipeline.tracer.start_span("answer").end()
    assert_all_spans_have_session(session_pipeline.spans(), "conv-1", user_id="ada")
    assert session_pipeline.processor.stats().stamped == 1


def test_it_starts_empty(session_pipeline):
    assert session_pipeline.spans() == ()


def test_it_reports(session_pipeline):
    set_session("conv-1")


def test_it_is_not_loaded_where_it_is_not_asked_for():
    set_session("conv-1")
"""


@pytest.mark.usefixtures("measured")
def test_the_fixture_in_a_suite_of_its_own(pytester):
    pytester.makeconftest('pytest_plugins = ["otel_sessions.testing.fixtures"]')
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(["*1 scopes were made and never entered*"])


def test_no_plugin_is_loaded_by_itself(pytester):
    pytester.makepyfile("def test_it(session_pipeline): pass")
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'session_pipeline' not found*"])
