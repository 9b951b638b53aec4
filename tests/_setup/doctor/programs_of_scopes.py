"""Programs with scopes that are not entered, or around a stream; each line that is to be told of is marked."""

from __future__ import annotations

ENTERING = {
    "statements": """
        from otel_sessions import clear_session, from_carrier, set_session, step, turn, update_session

        def handle(sid, carrier):
            set_session(session_id=sid)  #! not-entered
            update_session(user_id="ada")  #! not-entered
            step("outline")  #! not-entered
            clear_session()  #! not-entered
            from_carrier(carrier)  #! not-entered
            turn("reply")  #! not-entered
        """,
    "spellings": """
        import otel_sessions
        import otel_sessions as s
        from otel_sessions import set_session as ss, turn

        alias = ss
        other = s.set_session

        def handle(sid):
            otel_sessions.set_session(sid)  #! not-entered
            s.set_session(sid)  #! not-entered
            ss(sid)  #! not-entered
            alias(sid)  #! not-entered
            other(sid)  #! not-entered
            mine = alias
            mine(sid)  #! not-entered
        """,
    "many_aliases": """
        from otel_sessions import set_session, turn

        a0 = set_session
        a1 = a0
        a2 = a1
        a3 = a2
        a4 = a3
        a5 = a4
        a6 = a5
        a7 = a6
        a8 = a7
        a9 = a8
        a10 = a9
        a11 = a10
        b0 = turn("reply")
        b1 = b0
        b2 = b1
        b3 = b2
        b4 = b3
        b5 = b4
        b6 = b5
        b7 = b6
        b8 = b7
        b9 = b8
        b10 = b9
        b11 = b10
        a11("conv-42")
        with b11: ...
        """,
    "star": """
        from otel_sessions import *

        def handle(sid):
            set_session(sid)  #! not-entered
            print(sid)
        """,
    "two_stars": """
        from otel_sessions import *
        from elsewhere import *

        set_session("conv-42")
        """,
    "star_of_another": """
        from elsewhere import *
        import otel_sessions

        set_session("conv-42")
        id(otel_sessions)
        """,
    "conditional_import": """
        try:
            from otel_sessions import set_session, turn
        except ImportError:
            set_session = None

            def turn(name):
                return name

        if set_session:
            set_session("conv-42")  #! not-entered
        turn("reply")  #! not-entered
        """,
    "import_in_a_function": """
        def handle(sid):
            from otel_sessions import set_session

            set_session(sid)  #! not-entered

        def other(sid, set_session):
            set_session(sid)
        """,
    "names_of_others": """
        from otel_sessions import set_session
        from turtle import turn
        import typing

        def step(name): ...

        class Game:
            def set_session(self, sid): ...

            def play(self):
                self.set_session(3)

        turn("left")
        step("one")
        Game().set_session(4)

        def each(steps):
            for set_session in steps:
                set_session()
            return [set_session() for set_session in steps], lambda set_session: set_session()
        """,
    "either_of_two": """
        import sys
        if sys.argv:
            from otel_sessions import turn
        else:
            from turtle import turn

        turn("left")

        try:
            from otel_sessions import step
        except ImportError:
            from elsewhere import step
        step("left")
        """,
    "bound_by_all_means": """
        from otel_sessions import set_session as a, set_session as b, set_session as c, set_session as d, turn as e
        from otel_sessions import turn as f

        a: int
        b += 1
        match a:
            case [*c]: ...
            case {"x": 1, **d}: ...
            case str() as e: ...
        try: ...
        except ValueError as f: ...
        a("conv-42")  #! not-entered
        b("conv-42")
        c("conv-42")
        d("conv-42")
        e()
        f()

        def inner():
            g = 1

            def innermost():
                nonlocal g
                from otel_sessions import turn as g

            g("turn")
        """,
    "global_name": """
        def load():
            global set_session
            from otel_sessions import set_session

        def use(sid):
            set_session(sid)  #! not-entered
        """,
    "a_nonlocal_of_nothing": """
        import otel_sessions
        nonlocal x
        x = 1

        def f():
            nonlocal y
            y = otel_sessions
        """,
    "walrus": """
        from otel_sessions import set_session

        def handle(sids):
            if (scope := set_session(sids[0])):
                with scope: ...
            return [kept for sid in sids if (kept := sid)], kept
        """,
    "kept": """
        from otel_sessions import set_session, step, turn

        def never(sid):
            scope = set_session(sid)  #! never-entered
            typed: object = step("outline")  #! never-entered

        def asked_as_a_session(sid):
            session = set_session(sid)  #! never-entered
            return session.id

        def answered(question):
            t = turn("reply", input=question)  #! never-entered
            t.output = "An answer."

        def begun(sid):
            scope = set_session(sid)
            with scope:
                t = turn("reply")
                with t: ...
        """,
    "kept_and_used": """
        from contextlib import AsyncExitStack, ExitStack, nullcontext
        from otel_sessions import from_carrier, set_session, turn

        class Agent:
            scope = set_session("conv-42")

            def __init__(self, sid):
                self.scope = set_session(sid)
                self.scopes = [set_session(sid), turn("reply")]

        def entered(sid, function, tracer):
            a = set_session(sid)
            b = set_session(sid)
            c = set_session(sid)
            d = set_session(sid)
            e = set_session(sid)
            f = set_session(sid)

            @a
            def inner(): ...

            b.wrap(iter("ab"))
            tracer.start_span("x", context=c.context)
            function(d)
            inner(e.session)
            return f

        def handed_on(sid, is_known):
            with ExitStack() as stack:
                stack.enter_context(set_session(sid))
            with set_session(sid) if is_known else nullcontext():
                pass
            yield set_session(sid)
            set_session(sid).wrap(iter("ab"))
            return turn("reply")

        async def in_a_coroutine(sid, carrier):
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(set_session(sid))
            async with from_carrier(carrier), turn("reply"):
                pass

        def rebound(sid):
            scope = None
            scope = set_session(sid)

        def of_outside():
            global everywhere
            everywhere = set_session("conv-42")  #! never-entered

        first = second = set_session("conv-42")
        """,
    "all_names_are_read": """
        from otel_sessions import set_session

        def handle(sid, template):
            session = set_session(sid)
            return template.format(**locals())
        """,
    "awaited": """
        from otel_sessions import set_session

        async def handle(sid):
            await set_session(sid)  #! awaited
        """,
    "not_called": """
        from otel_sessions import set_session, turn

        def handle(sid):
            with set_session:  #! not-called
                pass
            with turn as t:  #! not-called
                pass
        """,
    "decorators": """
        from otel_sessions import set_session, step, turn

        @set_session  #! decorator-not-called
        def one(): ...

        @turn  #! decorator-not-called
        def two(): ...

        @set_session()
        @turn("three")
        def three(): ...

        @step("agent")  #! decorates-class
        class Agent:
            @turn()
            def run(self): ...
        """,
    "above_routes": """
        from fastapi import FastAPI
        from otel_sessions import set_session, turn

        app = FastAPI()

        @set_session(session_id=lambda sid: sid)  #! decorator-above-route
        @app.get("/a")
        def a(sid): ...

        @app.post("/b")
        @turn("chat")
        def b(sid): ...

        @turn("cached")
        @app.cached
        @app.get(1)
        def c(sid): ...
        """,
    "sessions_are_no_scopes": """
        from otel_sessions import bind_session, end_session, get_session, set_session, turn

        def handle(sid):
            with bind_session(sid):  #! bind-is-no-scope
                pass
            with get_session() as session:  #! bind-is-no-scope
                pass
            with end_session():  #! bind-is-no-scope
                pass
            with set_session(sid) as scope:
                scope.wrap(iter("ab"))  #! session-is-no-scope
                print(scope.id)
                scope.user_id = "ada"  #! session-is-frozen
                scope.user_id = "ada"  #! session-is-frozen
            with turn("reply") as t:
                t.wrap(iter("ab"))

        def other(sid, scope):
            with set_session(sid) as scope:
                scope.wrap(iter("ab"))

        @bind_session("conv-42")  #! bind-is-no-scope
        def decorated(): ...
        """,
    "all_shapes": """
        import otel_sessions
        from otel_sessions import set_session

        def handle(sid):
            set_session(  #! not-entered
                sid,
            )
            if sid:
                set_session(  #! not-entered
                    sid,  # the id of the conversation
                )
                set_session(  #! not-entered
                    name=sid,





















                )
            else:
                otel_sessions.set_session(sid)  #! not-entered
                for x in sid:
                    print(x)
            if sid: set_session(sid)  #! not-entered
            set_session(sid)  #! not-entered
            with set_session("conv-42"):
                pass
            set_session(sid)  #! not-entered
            (1,
             2)
        """,
}

STREAMING = {
    "generators": """
        from otel_sessions import clear_session, set_session, turn

        def plain(sid):
            with set_session(sid):  #! around-yield
                yield 1

        async def asynchronous(sid):
            async with set_session(sid), turn("reply"):  #! around-yield
                yield 1

        def nested(sid, items):
            scope = set_session(sid)
            if items:
                with scope:  #! around-yield
                    for item in items:
                        yield from item

        class Agent:
            @staticmethod
            def stream(sid):
                with set_session(sid):  #! around-yield
                    yield 1

        list(plain("conv-42"))
        """,
    "right_generators": """
        import functools
        from contextlib import asynccontextmanager, contextmanager
        import pytest
        from otel_sessions import set_session

        @set_session(session_id=lambda sid: sid)
        def decorated(sid):
            yield 1

        def before(sid):
            with set_session(sid):
                words = ["a", "b"]
            yield from words

        def inner(sid):
            with set_session(sid):
                def words():
                    yield 1
                return list(words()), list(x for x in words()), lambda: (yield)

        @contextmanager
        def conversation(sid):
            with set_session(sid) as session:
                yield session

        @asynccontextmanager
        async def conversation_of(sid):
            with set_session(sid) as session:
                yield session

        @pytest.fixture
        def session():
            with set_session("conv-42"):
                yield

        def pytest_runtest_call(item):
            with set_session(item.name):
                yield

        def by_hand(sid):
            with set_session(sid):
                yield

        manager = contextmanager(by_hand)

        @functools.cache
        def cached(sid):
            with set_session(sid):
                yield

        with set_session("conv-42"):
            print("no function")
        """,
    "dependencies": """
        from typing import Annotated
        from fastapi import Depends, FastAPI
        from otel_sessions import bind_session, set_session

        app = FastAPI()

        def in_thread(sid: str):
            with set_session(sid):  #! dependency-in-thread
                yield

        async def in_loop(sid: str):
            with set_session(sid):  #! dependency-under-spans
                yield

        async def bound(sid: str):
            bind_session(sid)
            yield

        @app.get("/a", dependencies=[Depends(in_thread), Depends(bound)])
        def a(x: Annotated[str, Depends(dependency=in_loop)]): ...
        """,
    "returned": """
        import quart
        from django.http import StreamingHttpResponse
        from fastapi.responses import StreamingResponse
        from flask import Response, stream_with_context
        from sse_starlette.sse import EventSourceResponse
        from otel_sessions import set_session, turn

        def words(question):
            yield question

        def a(sid, q):
            with set_session(sid):
                return StreamingResponse(words(q))  #! stream-outlives-block

        def b(sid, q):
            with set_session(sid):
                return EventSourceResponse(content=words(q))  #! stream-outlives-block

        def c(sid, q):
            with set_session(sid):
                body = words(q)
                return StreamingHttpResponse(body)  #! stream-outlives-block

        def d(sid, q):
            with set_session(sid):
                return Response(stream_with_context(words(q)))  #! stream-outlives-block

        async def e(sid, client):
            with set_session(sid), turn("chat"):
                return await client.chat.completions.create(model="m", stream=True)  #! stream-outlives-block

        def f(sid, agent):
            with set_session(sid):
                if agent:
                    return agent.astream("Hi")  #! stream-outlives-block
                return (x for x in "ab")  #! stream-outlives-block

        def g(agent):
            with turn("chat") as t:
                return words(agent)  #! stream-outlives-block

        @set_session(session_id=lambda sid, q: sid)
        def h(sid, q):
            return words(q)  #! stream-outlives-decorator

        @set_session(session_id=lambda sid, q: sid)
        def i(sid, q):
            body = quart.Response(words(q))
            return body  #! stream-outlives-decorator

        class Agent:
            def stream(self, sid, q):
                with set_session(sid):
                    with turn("chat"):
                        return words(q)  #! stream-outlives-block
        """,
    "right_returns": """
        from fastapi.responses import StreamingResponse
        from flask import Response, stream_with_context
        from elsewhere import Response as Other
        from otel_sessions import bind_session, clear_session, set_session, turn

        def words(question):
            yield question

        @set_session()
        def decorated(question):
            yield question

        def has_its_own(question):
            with set_session("conv-42") as session:
                answer = session.id
            yield answer

        def a(sid, q, client, sse):
            scope = set_session(sid)
            with scope:
                if q == 1:
                    return StreamingResponse(scope.wrap(words(q)))
                if q == 2:
                    return StreamingResponse(sse(scope.wrap(words(q))))
                if q == 3:
                    return StreamingResponse(decorated(q))
                if q == 4:
                    return list(words(q))
                if q == 5:
                    return StreamingResponse(has_its_own(q))
                if q == 6:
                    return Response("text"), Response()
                if q == 7:
                    return Other(words(q))
                if q == 8:
                    return client.create(stream=False)
                if q == 9:
                    return client.get("http://localhost", stream=True)
                if q == 10:
                    return Response(stream_with_context())
                if q == 11:
                    return
                return client.messages.create(model="m")

        def b(sid, q):
            with turn("chat", input=q) as t:
                return StreamingResponse(t.wrap(words(q)))

        def c(sid, q):
            bind_session(sid)
            with set_session(sid):
                return words(q)

        def d(q):
            with clear_session():
                return words(q)

        @turn("chat")
        def e(q):
            return StreamingResponse(words(q))

        @set_session()
        def f(sid, q):
            scope = set_session(sid)
            with scope:
                return scope.wrap(words(q))

        @set_session()
        def g(q):
            def inner():
                return words(q)
            return len(q)

        @set_session()
        def held(q):
            body = StreamingResponse(words(q))
            return body

        @set_session()
        def held_too(q):
            return Response(stream_with_context(words(q)))

        def h(sid, q):
            with set_session(sid):
                with set_session(sid) as session:
                    q = session.id
            return words(q)
        """,
}
