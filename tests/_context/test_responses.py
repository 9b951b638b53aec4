"""A decorated function that returns a response of a web framework: its body is sent later, and is in the session all the same."""

from __future__ import annotations

import asyncio

import pytest
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from flask import Flask, Response
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from otel_sessions import clear_session, get_session, set_session, turn

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")


def here():
    session = get_session()
    return None if session is None else session.id


def words():
    for _ in range(2):
        yield f"{here()} "


async def later_words():
    for word in words():
        await asyncio.sleep(0)
        yield word


def django_response(body):
    if not settings.configured:
        settings.configure()
    return StreamingHttpResponse(body)


def of_django(response):
    async def read():
        return [part async for part in response.streaming_content]

    return b"".join(asyncio.run(read()) if response.is_async else response.streaming_content).decode()


@pytest.mark.parametrize("is_async", [False, True], ids=["handler", "async_handler"])
@pytest.mark.parametrize("body", [words, later_words], ids=["body", "async_body"])
def test_the_body_of_starlette_is_inside(body, is_async):
    @set_session("conv-42")
    def handler(_request):
        return StreamingResponse(body())

    @set_session("conv-42")
    async def async_handler(_request):
        return StreamingResponse(body())

    client = TestClient(Starlette(routes=[Route("/", async_handler if is_async else handler)]))
    assert client.get("/").text == "conv-42 conv-42 "


@pytest.mark.parametrize("body", [words, later_words], ids=["body", "async_body"])
def test_the_body_of_django_is_inside(body):
    assert of_django(set_session("conv-42")(django_response)(body())) == "conv-42 conv-42 "


def test_the_body_of_flask_is_inside():
    app = Flask(__name__)
    app.route("/")(set_session("conv-42")(lambda: Response(words())))
    assert app.test_client().get("/").text == "conv-42 conv-42 "


def test_no_session_on_purpose_holds_for_the_body():
    @clear_session()
    def view():
        return django_response(words())

    with set_session("conv-42"):
        assert of_django(view()) == "None None "


def test_a_turn_below_holds_as_well(pipeline):
    @set_session("conv-42")
    @turn("view", tracer=pipeline.tracer)
    def view():
        return django_response(words())

    assert of_django(view()) == "conv-42 conv-42 "
    assert pipeline.attributes("view")["output.value"] == "conv-42 conv-42 "


def test_what_closes_the_body_early_ends_it_in_the_session():
    ended_in = []

    def body():
        try:
            yield "a "
            yield "stream"
        finally:
            ended_in.append(here())

    answer = set_session("conv-42")(lambda: Response(body()))()
    next(answer.iter_encoded())
    answer.close()
    assert ended_in == ["conv-42"]


def test_a_response_that_is_whole_is_returned_as_it_is(warnings):
    def whole(make):
        return set_session("conv-42")(make)()

    django_response(())
    assert whole(lambda: PlainTextResponse("a text")).body == b"a text"
    assert whole(lambda: HttpResponse("a text")).content == b"a text"
    assert whole(lambda: Response("a text")).get_data() == b"a text"
    assert warnings() == []


class Asked:
    """Does something when it is asked for a name that it has not."""

    def __getattr__(self, name):
        raise RuntimeError(name)


def test_what_else_is_returned_is_not_asked_for_a_body(warnings):
    answer = Asked()
    assert set_session("conv-42")(lambda: answer)() is answer
    assert warnings() == []


class Sealed:
    """Lets nobody change its body."""

    @property
    def body_iterator(self):
        return iter("ab")


def sealed():
    return Sealed()


def test_a_body_that_can_not_be_changed_is_told_of(warnings):
    for _ in range(2):
        assert "".join(set_session("conv-42")(sealed)().body_iterator) == "ab"
    [warning] = warnings()
    assert "the body of a Sealed is left without the session of the function that returns it" in warning


def test_where_no_session_was_entered_the_body_stays_as_it_is(monkeypatch, warnings):
    monkeypatch.setattr("otel_sessions._context.scope.enter", lambda *_: 1 / 0)
    assert of_django(set_session("conv-42")(django_response)(words())) == "None None "
    assert "entering a scope raised ZeroDivisionError" in warnings()[0]
