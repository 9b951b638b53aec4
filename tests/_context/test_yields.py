"""A block around the `yield` of a context manager that held for nobody is told of, and nothing that is right."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import contextvars
import gc
import inspect
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from queue import SimpleQueue

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from libraries import imported
from otel_sessions import bind_session, get_session, set_session, turn

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")

OWN_SPANS = pytest.mark.skipif(not find_spec("fastapi.telemetry"), reason="this FastAPI has no spans of its own")
PUT_BACK, BY_POOL = "the span around it has ended before", "a pool of threads has entered and left it"


@pytest.fixture
def tracer(pipeline, monkeypatch):
    """That of the global provider, by which FastAPI makes spans of its own."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", pipeline.provider)
    return pipeline.tracer


async def async_dependency():
    async with set_session(session_id="conv-42"):
        yield


def sync_dependency():
    with set_session(session_id="conv-42"):
        yield


async def turn_dependency():
    with turn("chat"):
        yield


def stack_dependency():
    with contextlib.ExitStack() as stack:
        stack.enter_context(set_session(session_id="conv-42"))
        yield


def helper_dependency():
    with manager():
        yield


async def async_helper_dependency():
    async with async_manager():
        yield


@set_session(session_id="conv-42")
def decorated_dependency():
    yield


@turn("chat")
@set_session(session_id="conv-42")
async def async_decorated_dependency():
    yield


class Helper:
    def __enter__(self):
        self.block = manager()
        self.block.__enter__()

    def __exit__(self, *reason):
        return self.block.__exit__(*reason)


def class_dependency():
    with Helper():
        yield


async def async_nested_dependency():
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(async_manager())
        yield


async def found_by_endpoint(dependency, *, contrib):
    app = FastAPI()

    @app.get("/", dependencies=[Depends(dependency)])
    async def endpoint() -> str | None:
        return getattr(get_session(), "id", None)

    if contrib:
        FastAPIInstrumentor.instrument_app(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service") as client:
        return (await client.get("/")).json()


@pytest.mark.parametrize(
    ("dependency", "contrib", "why"),
    [
        pytest.param(async_dependency, False, PUT_BACK, id="async, FastAPI's own spans", marks=OWN_SPANS),
        pytest.param(sync_dependency, False, PUT_BACK, id="not async, FastAPI's own spans", marks=OWN_SPANS),
        pytest.param(sync_dependency, True, BY_POOL, id="not async, contrib"),
        pytest.param(turn_dependency, False, PUT_BACK, id="a turn, FastAPI's own spans", marks=OWN_SPANS),
        pytest.param(stack_dependency, False, PUT_BACK, id="in a stack, FastAPI's own spans", marks=OWN_SPANS),
        pytest.param(stack_dependency, True, BY_POOL, id="in a stack, contrib"),
    ],
)
@pytest.mark.usefixtures("tracer")
def test_a_dependency_whose_endpoint_is_not_inside_is_told_of_once(dependency, contrib, why, warnings):
    for _ in range(2):
        assert asyncio.run(found_by_endpoint(dependency, contrib=contrib)) is None
    (said,) = warnings()
    assert why in said
    assert "bind_session()" in said
    assert f"test_yields.py:{dependency.__code__.co_firstlineno + 1})" in said


@pytest.mark.usefixtures("tracer")
def test_an_async_dependency_with_a_helper_under_contribs_span_is_around_its_endpoint(warnings):
    assert asyncio.run(found_by_endpoint(async_nested_dependency, contrib=True)) == "conv-42"
    assert warnings() == []


@pytest.mark.usefixtures("tracer")
@pytest.mark.parametrize(
    ("dependency", "contrib", "why"),
    [
        pytest.param(helper_dependency, False, PUT_BACK, id="FastAPI's own spans", marks=OWN_SPANS),
        pytest.param(helper_dependency, True, BY_POOL, id="contrib"),
        pytest.param(async_helper_dependency, False, PUT_BACK, id="async, FastAPI's own spans", marks=OWN_SPANS),
        pytest.param(class_dependency, False, PUT_BACK, id="a class, FastAPI's own spans", marks=OWN_SPANS),
        pytest.param(class_dependency, True, BY_POOL, id="a class, contrib"),
        pytest.param(async_nested_dependency, False, PUT_BACK, id="a stack, FastAPI's own spans", marks=OWN_SPANS),
    ],
)
def test_a_dependency_that_enters_a_manager_of_the_application_is_told_of_where_the_block_is(
    dependency, contrib, why, warnings
):
    assert asyncio.run(found_by_endpoint(dependency, contrib=contrib)) is None
    (said,) = warnings()
    assert why in said
    assert "bind_session()" in said
    inside = async_manager if inspect.isasyncgenfunction(dependency) else manager
    assert f"test_yields.py:{inside.__wrapped__.__code__.co_firstlineno + 2})" in said


@pytest.mark.usefixtures("tracer")
@pytest.mark.parametrize("contrib", [True, False])
@pytest.mark.parametrize("dependency", [decorated_dependency, async_decorated_dependency])
def test_a_decorated_dependency_whose_endpoint_is_not_inside_is_told_of_once(dependency, contrib, warnings):
    for _ in range(2):
        assert asyncio.run(found_by_endpoint(dependency, contrib=contrib)) is None
    (said,) = warnings()
    assert "whoever enters that is not inside" in said
    assert "bind_session()" in said
    assert f"test_yields.py:{inspect.unwrap(dependency).__code__.co_firstlineno})" in said


def test_a_manager_of_the_application_whose_generator_is_decorated_is_told_of(warnings):
    @contextlib.contextmanager
    @set_session(session_id="conv-42")
    def chat():
        yield found()

    with chat() as inside:
        assert (inside, found()) == ("conv-42", None)
    (said,) = warnings()
    assert "`with ...:` around its yield" in said


def test_a_decorated_lifespan_is_its_own_body_and_not_told_of(warnings):
    """A server enters it at its start, and there is nothing else that is to be inside."""
    found_there = []

    @contextlib.asynccontextmanager
    @set_session(session_id="start")
    async def lifespan(_app):
        found_there.append(found())
        yield
        found_there.append(found())

    asked = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive():
        assert found() is None
        return next(asked)

    async def send(message):
        assert message["type"].endswith(".complete")

    asyncio.run(FastAPI(lifespan=lifespan)({"type": "lifespan", "state": {}}, receive, send))
    assert found_there == ["start", "start"]
    assert warnings() == []


def test_a_manager_that_no_python_enters_is_not_told_of(warnings):
    found_there = SimpleQueue()

    @contextlib.contextmanager
    @set_session(session_id="conv-42")
    def chat():
        found_there.put(found())
        yield

    _thread.start_new_thread(chat().__enter__, ())  # no frame is around it
    assert found_there.get(timeout=60) == "conv-42"
    assert warnings() == []


def test_a_decorated_object_is_not_told_of(warnings):
    """It has no code of its own to point to."""

    class Chat:
        def __call__(self):
            yield found()

    with contextlib.contextmanager(set_session(session_id="conv-42")(Chat()))() as inside:
        assert inside == "conv-42"
    assert warnings() == []


def test_a_library_in_a_bundle_enters_a_decorated_lifespan_of_its_own_accord_too(monkeypatch, tmp_path, warnings):
    """As AWS Lambda has it: libraries and the application in one folder, which is called as no other."""
    record = tmp_path / "somebodys_server-1.0.dist-info"
    record.mkdir()
    record.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-server\nVersion: 1.0\n")
    record.joinpath("RECORD").write_text("somebodys/server.py,,\n")
    source = "def serve(lifespan):\n    with lifespan():\n        pass\n"

    @contextlib.contextmanager
    @set_session(session_id="start")
    def lifespan():
        yield

    imported(monkeypatch, tmp_path, "somebodys.server", source).serve(lifespan)
    assert warnings() == []
    imported(monkeypatch, tmp_path, "shop.server", source).serve(lifespan)
    assert "whoever enters that is not inside" in warnings()[0]


def test_a_function_that_wraps_itself_is_entered_all_the_same(warnings):
    """Nothing of what is looked at for a warning is raised into the application."""

    def chat():
        yield found()

    chat.__wrapped__ = chat
    with contextlib.contextmanager(set_session(session_id="conv-42")(chat))() as inside:
        assert inside == "conv-42"
    assert warnings() == []


@pytest.mark.usefixtures("tracer")
def test_an_async_dependency_under_contribs_span_is_around_its_endpoint(warnings):
    assert asyncio.run(found_by_endpoint(async_dependency, contrib=True)) == "conv-42"
    assert warnings() == []


@pytest.mark.usefixtures("tracer")
@pytest.mark.parametrize("contrib", [True, False])
@pytest.mark.parametrize("is_async", [True, False])
def test_a_dependency_that_binds_is_for_its_endpoint_too(contrib, is_async, warnings):
    if not (contrib or find_spec("fastapi.telemetry")):
        pytest.skip("nothing is traced")

    async def in_task():
        bind_session("conv-42")
        yield

    def in_thread():
        bind_session("conv-42")
        yield

    dependency = in_task if is_async else in_thread
    assert asyncio.run(found_by_endpoint(dependency, contrib=contrib)) == "conv-42"
    assert warnings() == []


@contextlib.contextmanager
def manager():
    with set_session(session_id="conv-42"):
        yield


@contextlib.asynccontextmanager
async def async_manager():
    with set_session(session_id="conv-42"):
        yield


def found():
    return getattr(get_session(), "id", None)


def test_below_a_span_that_is_not_recorded_the_end_of_that_is_told_of_too(make_pipeline, warnings):
    tracer = make_pipeline(sampler=ALWAYS_OFF).tracer
    with contextlib.ExitStack() as stack:
        with tracer.start_as_current_span("around"):
            stack.enter_context(manager())
        assert found() is None
    assert PUT_BACK in warnings()[0]


def _in_order(pipeline):
    with pipeline.tracer.start_as_current_span("around"), manager(), pipeline.tracer.start_as_current_span("inside"):
        assert found() == "conv-42"


def _in_a_stack(pipeline):
    with contextlib.ExitStack() as stack:
        stack.enter_context(pipeline.tracer.start_as_current_span("around"))
        stack.enter_context(manager())
        assert found() == "conv-42"


def _around_a_task(pipeline):
    async def task():
        return found()

    async def work():
        with pipeline.tracer.start_as_current_span("around"):
            async with async_manager():
                assert await asyncio.create_task(task()) == "conv-42"

    asyncio.run(work())


def _left_out_of_order(_pipeline):
    one, two = manager(), set_session(session_id="conv-43")
    one.__enter__()
    two.__enter__()
    assert found() == "conv-43"
    one.__exit__(None, None, None)
    two.__exit__(None, None, None)


def _left_in_another_place(_pipeline):
    one = manager()
    here = contextvars.copy_context()
    here.run(one.__enter__)
    assert here.run(found) == "conv-42"
    one.__exit__(None, None, None)


def _in_no_generator(_pipeline):
    scope = set_session(session_id="conv-42")
    contextvars.copy_context().run(scope.__enter__)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(scope.__exit__, None, None, None).result()


def _closed_early_in_a_pool(_pipeline):
    def steps():
        with set_session(session_id="conv-42"):
            yield found()

    with ThreadPoolExecutor(1) as pool:
        generator = steps()
        assert contextvars.copy_context().run(next, generator) == "conv-42"
        pool.submit(generator.close).result()


def _failed_by_the_collector(_pipeline):
    generator = manager().gen
    contextvars.copy_context().run(next, generator)
    with ThreadPoolExecutor(1) as pool, contextlib.suppress(GeneratorExit):
        pool.submit(contextlib._GeneratorContextManager(lambda: generator, (), {}).__exit__, *_EXIT).result()


def _dropped(_pipeline):
    one = manager()
    contextvars.copy_context().run(one.__enter__)
    del one
    gc.collect()


def _stream_in_a_pool(_pipeline):
    async def serve():
        app = FastAPI()

        @app.get("/")
        def endpoint():
            return StreamingResponse(steps())

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service") as client:
            return (await client.get("/")).text

    def steps():
        with set_session(session_id="conv-42"):
            yield found()

    assert asyncio.run(serve()) == "conv-42"


def _helper_in_a_stream_in_a_pool(_pipeline):
    def steps():
        with manager():
            yield found()

    with ThreadPoolExecutor(1) as pool:
        generator = steps()
        assert contextvars.copy_context().run(next, generator) == "conv-42"
        assert pool.submit(next, generator, None).result() is None


_EXIT = (GeneratorExit, GeneratorExit(), None)


@pytest.mark.parametrize(
    "use",
    [
        _in_order,
        _in_a_stack,
        _around_a_task,
        _left_out_of_order,
        _left_in_another_place,
        _in_no_generator,
        _closed_early_in_a_pool,
        _failed_by_the_collector,
        _dropped,
        _stream_in_a_pool,
        _helper_in_a_stream_in_a_pool,
    ],
)
def test_what_may_be_right_is_not_told_of(use, pipeline, warnings):
    use(pipeline)
    assert warnings() == []
