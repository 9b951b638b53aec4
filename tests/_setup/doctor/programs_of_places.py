"""Programs that set a pipeline up, bind, or send work elsewhere; each line that is to be told of is marked."""

from __future__ import annotations

SETTING_UP = {
    "names": """
        import otel_sessions
        from otel_sessions import sdk
        from otel_sessions import instrument  #! import-from-sdk
        from otel_sessions import start_session  #! no-such-name
        from otel_sessions import zzzz  #! no-such-name
        from otel_sessions.sdk import set_session  #! import-from-sdk
        from otel_sessions.testing import InMemoryPipeline
        from .otel_sessions import anything

        otel_sessions.instrument()  #! import-from-sdk
        otel_sessions.sdk.instrument()
        sdk.stats()
        otel_sessions.__version__

        try:
            from otel_sessions import not_yet
        except ImportError:
            not_yet = None
        if otel_sessions:
            otel_sessions.also_not_yet()
        """,
    "binds": """
        from fastapi import FastAPI, WebSocket
        from huey import RedisHuey
        import dramatiq
        from otel_sessions import bind_session

        app = FastAPI()
        huey = RedisHuey()
        bind_session("conv-42")  #! bind-without-span

        with app.span("root"):
            bind_session("conv-42")

        class Settings:
            session = bind_session("conv-42")

        @app.websocket("/a")
        async def a(socket, sid):
            bind_session(sid)
            async for message in socket:
                bind_session(message)  #! bind-in-websocket

        async def b(socket: WebSocket):
            while True:
                bind_session(await socket.receive_text())  #! bind-in-websocket

        @huey.task()
        def c(sid, tracer):
            bind_session(sid)  #! bind-in-job
            with tracer.start_as_current_span("job"):
                bind_session(sid)

        @dramatiq.actor(max_retries=3)
        def d(sid):
            bind_session(sid)  #! bind-in-job

        def e(sid):
            while sid:
                bind_session(sid)

        f = lambda sid: bind_session(sid)
        """,
    "handlers": """
        from django.http import HttpResponse
        from django.urls import path
        from fastapi import FastAPI
        import fastapi
        from starlette.routing import Route
        from otel_sessions import bind_session, set_session, turn

        app = FastAPI()

        @app.post("/a")
        async def a(sid):
            "Answers."
            question = sid
            with set_session(sid), turn("chat"):  #! set-session-in-handler
                answer = 1
            return answer

        async def b(req):
            with set_session(req.path):  #! set-session-in-handler
                return 1

        def view(request):
            with set_session(request.path):  #! set-session-in-handler
                return HttpResponse("x")

        def in_urls(r):
            with set_session(r.path):  #! set-session-in-handler
                return HttpResponse("x")

        routes = [Route("/b", b), path("c", in_urls), fastapi.Depends("x")]

        @app.post("/c")
        async def c(sid):
            bind_session(sid)
            with set_session(sid):
                return 1

        @app.post("/d")
        async def d(sid):
            with turn("chat"):
                return 1

        @app.post("/e")
        async def e(sid):
            with set_session(sid):
                answer = 1
            print(answer)

        @app.post("/f")
        async def f(sid):
            if sid:
                return 1
            with set_session(sid):
                return 2

        @app.post("/g")
        async def g(): "Does nothing."

        @app.post("/h")
        async def h():
            return 1

        class Views:
            def b(self, request):
                with set_session(request.path):
                    return 1

        def ordinary(sid):
            with set_session(sid):
                return 1
        """,
    "order": """
        from opentelemetry import trace
        from opentelemetry.propagate import set_global_textmap
        from opentelemetry.propagators.b3 import B3MultiFormat
        from opentelemetry.sdk.trace import TracerProvider
        from otel_sessions.sdk import SessionPropagator, instrument

        def a():
            instrument()  #! instrument-before-provider
            trace.set_tracer_provider(TracerProvider())
            set_global_textmap(B3MultiFormat())  #! propagator-after-instrument

        def b():
            trace.set_tracer_provider(TracerProvider())
            set_global_textmap(B3MultiFormat())
            instrument()

        def c(provider, propagator):
            instrument(provider)
            trace.set_tracer_provider(provider)
            set_global_textmap(SessionPropagator(B3MultiFormat()))
            set_global_textmap(propagator)

        def own(): ...

        def twice():
            instrument()  #! instrument-before-provider
            trace.set_tracer_provider(TracerProvider())
            trace.set_tracer_provider(TracerProvider())
            set_global_textmap(own())

        def d(options):
            instrument(**options)

            def inner(provider):
                trace.set_tracer_provider(provider)
        """,
    "unguarded": """
        from otel_sessions.sdk import SessionSpanProcessor

        def set_up(provider):
            provider.add_span_processor(SessionSpanProcessor())  #! unguarded
        """,
    "guarded": """
        from otel_sessions.sdk import SessionSpanProcessor, SessionPropagator

        def set_up(provider):
            provider.add_span_processor(SessionSpanProcessor())
        """,
}

HANDING_ON = {
    "threads": """
        import asyncio
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from contextvars import copy_context
        from opentelemetry import trace
        from otel_sessions import clear_session, set_session, to_carrier, turn

        trace.set_tracer_provider(trace.ProxyTracerProvider())
        pool = ThreadPoolExecutor()

        def a(sid, work, loop):
            scope = set_session(sid)
            with scope:
                pool.submit(work, 1)  #! thread-without-context
                list(pool.map(work, "ab"))  #! thread-without-context
                threading.Thread(target=work).start()  #! thread-without-context
                loop.run_in_executor(None, work)  #! thread-without-context
                with ThreadPoolExecutor() as own:
                    [own.submit(work, x) for x in "ab"]  #! thread-without-context

        def right(sid, work, other):
            context = copy_context()
            with set_session(sid):
                pool.submit(copy_context().run, work)
                pool.submit(context.run, work)
                pool.submit(set_session(sid)(work))
                pool.submit(work, to_carrier())
                threading.Thread(target=work, context=context)
                asyncio.to_thread(work)
                other.submit(work)
                pool.shutdown()

                def later():
                    pool.submit(work)
                with clear_session():
                    pool.submit(work)
            pool.submit(work)

        def of_a_trace(work):
            with turn("chat"):
                pool.submit(work)

        with set_session("conv-42"), turn("chat"):
            pool.submit(print)  #! thread-without-context
        pool.submit(print)
        """,
    "threads_that_take_it_along": """
        import threading
        from opentelemetry.instrumentation.threading import ThreadingInstrumentor
        from otel_sessions import set_session

        def a(sid, work):
            with set_session(sid):
                threading.Thread(target=work).start()
        """,
    "processes": """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from opentelemetry.instrumentation.threading import ThreadingInstrumentor
        from otel_sessions import set_session, to_carrier

        def a(sid, work, loop):
            with set_session(sid), ProcessPoolExecutor() as pool:
                pool.submit(work, 1)  #! process-without-carrier
                loop.run_in_executor(pool, work)  #! process-without-carrier
                multiprocessing.Process(target=work).start()  #! process-without-carrier
                pool.map()  #! process-without-carrier
                pool.submit(work, to_carrier(), 1)
        """,
    "queues": """
        import arq
        import dramatiq
        from huey import RedisHuey
        from rq import Queue
        from otel_sessions import set_session, to_carrier

        queue = Queue("chat")
        huey = RedisHuey()

        @dramatiq.actor
        def actor(x): ...

        @huey.task()
        def task(x): ...

        def plain(x): ...

        async def a(sid, redis, other):
            with set_session(sid):
                queue.enqueue(plain, 1)  #! job-without-carrier
                actor.send()  #! job-without-carrier
                await redis.enqueue_job("job", 1)  #! job-without-carrier
                task(1)  #! job-without-carrier
                queue.enqueue(plain, 1, meta=to_carrier())
                actor.send(1, carrier=to_carrier())
                carrier = to_carrier()
                task(1, carrier)
                other.enqueue(plain)
                other.send(1)
                plain(1)
                plain.send(1)
            queue.enqueue(plain, 1)
        """,
}

SILENCED = {
    "comments": """
        from otel_sessions import set_session, turn

        def a(sid):
            set_session(sid)  # otel-sessions: ignore[not-entered]
            set_session(sid)  # a test of ours; otel-sessions: ignore
            set_session(
                sid
            )  # otel-sessions: ignore[other, not-entered]
            set_session(sid)  # otel-sessions: ignore[never-entered]  #! not-entered
        """,
    "the same words in a text": """
        from otel_sessions import set_session, turn

        def a(sid):
            set_session(f"# otel-sessions: ignore {sid}")  #! not-entered
            text = "# otel-sessions: ignore"; set_session(sid)  #! not-entered
        """,
}
