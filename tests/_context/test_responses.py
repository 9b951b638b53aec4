"""A decorated function that returns a response of a web framework: its body is sent later, and is in the session all the same."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import closing

import httpx
import pytest
from django.conf import settings
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from flask import Flask, Response, send_file
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from otel_sessions import clear_session, get_session, set_session, step, turn

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

    app = Starlette(routes=[Route("/", async_handler if is_async else handler)])

    async def asked():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return (await client.get("/")).text

    assert asyncio.run(asked()) == "conv-42 conv-42 "


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


def left_early(ended_in):
    try:
        yield "a "
        yield "stream"
    finally:
        ended_in.append(here())


async def left_early_later(ended_in):
    try:
        yield "a "
        yield "stream"
    finally:
        ended_in.append(here())


@pytest.fixture
def no_collector():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("around", [set_session("conv-42"), turn("view")], ids=["scope", "turn"])
@pytest.mark.usefixtures("no_collector")
def test_what_closes_a_body_of_flask_early_ends_it_in_the_session(around):
    ended_in = []
    with set_session("conv-42"):
        answer = around(lambda: Response(left_early(ended_in)))()
    next(answer.iter_encoded())
    answer.close()
    assert ended_in == ["conv-42"]


@pytest.mark.parametrize("around", [set_session("conv-42"), turn("view")], ids=["scope", "turn"])
@pytest.mark.usefixtures("no_collector")
def test_what_closes_a_body_of_django_early_ends_it_in_the_session_and_nothing_of_ours_holds_the_response(around):
    ended_in = []

    def is_gone(view):
        with set_session("conv-42"):
            answer = view()
        parts = iter(answer)
        next(parts)
        answer.close()
        del parts
        gone = weakref.ref(answer)
        del answer
        return gone() is None

    def view():
        return django_response(left_early(ended_in))

    is_gone_by_itself = is_gone(view)  # not in each version of Python and Django
    ended_in.clear()
    assert (is_gone(around(view)), ended_in) == (is_gone_by_itself, ["conv-42"])


@pytest.mark.parametrize("around", [set_session("conv-42"), turn("view")], ids=["scope", "turn"])
@pytest.mark.usefixtures("no_collector")
def test_an_async_body_of_django_that_is_left_early_ends_in_the_session(around):
    ended_in = []

    async def leave():
        with set_session("conv-42"):
            answer = around(lambda: django_response(left_early_later(ended_in)))()
        parts = aiter(answer)
        await anext(parts)
        await parts.aclose()
        answer.close()
        del parts, answer
        await asyncio.sleep(0.01)

    asyncio.run(leave())
    assert ended_in == ["conv-42"]


class Anew:
    """A body that begins anew each time that it is asked."""

    async def __aiter__(self):
        yield f"{here()} "


@pytest.mark.parametrize("around", [[], [turn("view")]], ids=["scope", "turn"])
def test_a_response_that_is_sent_again_has_the_session_of_its_call(around):
    answer = StreamingResponse(Anew())

    def view(_session_id):
        return answer

    for each in around:
        view = each(view)
    view = set_session(session_id=lambda session_id: session_id)(view)

    async def sent(session_id):
        return "".join([part async for part in view(session_id).body_iterator])

    for number in range(400):
        assert asyncio.run(sent(f"conv-{number}")) == f"conv-{number} "


@pytest.mark.parametrize(
    "scope", [clear_session(), set_session("audit"), step("headers")], ids=["no", "another", "step"]
)
def test_a_response_that_is_passed_on_keeps_its_session(scope):
    app = Flask(__name__)
    app.after_request(scope(lambda response: response))
    app.route("/")(set_session("conv-42")(lambda: Response(words())))
    assert app.test_client().get("/").text == "conv-42 conv-42 "


class Parts:
    """A body that is no iterator."""

    def __iter__(self):
        return words()


def test_a_body_of_flask_may_come_with_a_status_and_need_be_no_iterator():
    app = Flask(__name__)
    app.route("/")(set_session("conv-42")(lambda: (Response(Parts()), 201)))
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.text) == (201, "conv-42 conv-42 ")


def test_a_file_is_left_to_the_server(tmp_path, pipeline):
    (tmp_path / "file").write_text("what is in it")
    django_response(())
    for around in (set_session("conv-42"), turn("view", tracer=pipeline.tracer)):
        with closing(around(lambda: FileResponse((tmp_path / "file").open("rb")))()) as answer:
            assert answer.file_to_stream is not None
        with Flask(__name__).test_request_context(), around(lambda: send_file(tmp_path / "file"))() as answer:
            assert answer.direct_passthrough
    assert "what is in it" not in pipeline.attributes("view").get("output.value", "")


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


class Narrow(dict):
    __slots__ = ()
    __getattr__ = dict.__getitem__


@pytest.mark.parametrize("kind", [Asked, Narrow])
def test_what_else_is_returned_is_not_asked_for_a_body(kind, warnings):
    answer = kind()
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
