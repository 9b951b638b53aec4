"""The programs of the page of web frameworks, each as it is pasted, on a real server: aiohttp, Django, FastAPI and gRPC."""

from __future__ import annotations

import grpc
import httpx
import pytest
from websockets.sync.client import connect

from conversations import at_once
from turns import ADA, BOB
from wire import spans_of

TURNS = 2
SECONDS = 60

UVICORN = "import os, uvicorn\nuvicorn.run({}, port=int(os.environ['PORT']), lifespan='off')\n"
BEFORE = {
    "django_app.py": "from django.conf import settings\n"
    "settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'], MIDDLEWARE=[])\n"
}
BEHIND = {
    "aiohttp_app.py": "import os\nweb.run_app(app, host='127.0.0.1', port=int(os.environ['PORT']), print=None)\n",
    "dependency_app.py": UVICORN.format("app"),
    "django_app.py": "from django.core.asgi import get_asgi_application\n" + UVICORN.format("get_asgi_application()"),
    "grpc_app.py": "import os\nserver.add_insecure_port('127.0.0.1:' + os.environ['PORT'])\n"
    "server.start()\nserver.wait_for_termination()\n",
    "websocket_app.py": UVICORN.format("app"),
}
"""How each is served."""


def serving(desk, program):
    return desk.serving(program, port="PORT", before=BEFORE.get(program, ""), behind=BEHIND[program])


def by_http(url, user):
    query, headers = {"question": user.question}, {"x-session-id": user.session}
    method = "GET" if "django" in url.fragment else "POST"
    answer = httpx.request(
        method, url.copy_with(path="/chat", query=None), params=query, headers=headers, timeout=SECONDS
    )
    assert answer.status_code == 200, answer.text
    return answer.text.strip('"')


def by_grpc(url, user):
    with grpc.insecure_channel(url.netloc.decode()) as channel:
        ask = channel.unary_stream("/Chat/Ask")
        return b"".join(
            ask(user.question.encode(), metadata=[("x-session-id", user.session)], timeout=SECONDS)
        ).decode()


def spans_when(desk, program, ask):
    """Have two users at once ask a program again and again; return what it has exported when it is over."""

    def talk(user):
        for _ in range(TURNS):
            assert ask(httpx.URL(f"{url}#{program}"), user) == f"You asked: {user.question}"

    with serving(desk, program) as url:
        at_once(talk, ADA, BOB)
    return spans_of(desk.receiver)


@pytest.mark.parametrize(
    ("program", "ask", "spans_of_each"),
    [
        ("aiohttp_app.py", by_http, 2),
        ("dependency_app.py", by_http, 5),
        ("django_app.py", by_http, 2),
        ("grpc_app.py", by_grpc, 2),
    ],
)
def test_all_spans_of_a_request_have_its_session(desk, program, ask, spans_of_each):
    spans = spans_when(desk, program, ask)
    by_session = [span.attributes.get("session.id") for span in spans]
    assert {session: by_session.count(session) for session in set(by_session)} == {
        user.session: TURNS * spans_of_each for user in (ADA, BOB)
    }, [span.name for span in spans]
    for span in spans:
        if span.name == "chat":
            assert span.attributes["output.value"].startswith("You asked: "), span.attributes


def test_the_dependency_is_in_time_for_the_span_that_ends_before_the_handler(desk):
    spans = spans_when(desk, "dependency_app.py", by_http)
    assert {span.attributes.get("session.id") for span in spans if span.name == "fastapi.dependencies"} == {
        ADA.session,
        BOB.session,
    }


def test_each_message_of_a_web_socket_is_a_trace_of_its_session(desk):
    with serving(desk, "websocket_app.py") as url:

        def talk(user):
            with connect(f"{url.replace('http', 'ws')}/chat?session_id={user.session}", proxy=None) as socket:
                for _ in range(TURNS):
                    socket.send(user.question)
                    assert socket.recv(SECONDS) == f"You asked: {user.question}"

        at_once(talk, ADA, BOB)
    spans = spans_of(desk.receiver)
    turns = [span for span in spans if span.name == "chat"]
    assert len({span.trace_id for span in turns}) == 2 * TURNS
    assert sorted(span.attributes["session.id"] for span in turns) == sorted([ADA.session, BOB.session] * TURNS)
    others = [span for span in spans if span.name != "chat"]
    assert [span for span in others if {"session.id", "input.value", "output.value"} & span.attributes.keys()] == []
