"""The other tools, each used as its documentation says."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from opentelemetry import baggage, trace

from harness.pipelines import attached

from ._outcome import NoSuchCallError
from ._recorder import Recorder
from ._tools import Tool, sdk_pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from contextlib import AbstractContextManager

    from ._outcome import Ids

_KEYS = ("session.id", "user.id")
_BAGGAGE_GOES_OUT = frozenset({"egress", "tool-egress", "mistral-egress"})
_NOWHERE = "http://127.0.0.1:9"


class Contrib(Tool):
    """The baggage processor of opentelemetry-python-contrib, and baggage set by hand."""

    name = "contrib baggage"
    how = "`BaggageSpanProcessor` on the SDK's provider; `baggage.set_baggage`, `attach` and `detach` by hand"
    package = "opentelemetry-processor-baggage"
    inbound_keys = _KEYS
    known_limits = _BAGGAGE_GOES_OUT

    def set_up(self, recorder: Recorder) -> None:
        """Add the processor to an existing pipeline."""
        from opentelemetry.processor.baggage import BaggageSpanProcessor

        sdk_pipeline(recorder).add_span_processor(BaggageSpanProcessor(frozenset(_KEYS).__contains__))

    @contextmanager
    def scope(self, ids: Ids) -> Iterator[None]:
        """Set baggage by hand."""
        with attached(baggage.set_baggage("user.id", ids.user, baggage.set_baggage("session.id", ids.session))):
            yield

    def scope_object(self, ids: Ids) -> NoReturn:  # noqa: ARG002
        """Have none: there are only `attach` and `detach`."""
        message = "no scope object"
        raise NoSuchCallError(message)

    def cleared(self) -> AbstractContextManager[object]:
        """Clear all baggage by hand."""
        return attached(baggage.clear())


class _OpenInference(Tool):
    """OpenInference's context attributes, its tracer and its instrumentor."""

    name = "OpenInference"
    how = (
        "`using_attributes(session_id=…, user_id=…)`; its `OITracer` on the SDK's provider, and its instrumentor; where "
        "that fails and its own `TracerProvider` in place of the SDK's does not, the cell says so"
    )
    package = "openinference-instrumentation"
    known_limits = frozenset({"other-library", "pydantic-ai-run", "strands-run"})

    def set_up(self, recorder: Recorder) -> None:
        """Make the pipeline that its instrumentors' quick starts make."""
        import openinference.instrumentation  # noqa: F401  # to know that it is there

        sdk_pipeline(recorder)

    def tracer(self) -> trace.Tracer:
        """Return its own tracer, as it stamps the spans of no other."""
        from openinference.instrumentation import OITracer, TraceConfig

        return OITracer(trace.get_tracer("app"), config=TraceConfig())

    def scope(self, ids: Ids) -> AbstractContextManager[object]:
        """Use its attributes."""
        return self._using(ids)

    def decorated(self, ids: Ids, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use its attributes as a decorator."""
        return self._using(ids)(function)

    def wrapped(self, ids: Ids, stream: Iterator[Any]) -> Iterator[Any]:
        """Decorate a generator that passes everything on."""

        def passed_on() -> Iterator[Any]:
            yield from stream

        return self._using(ids)(passed_on)()

    def async_wrapped(self, ids: Ids, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Decorate an async generator that passes everything on."""

        async def passed_on() -> AsyncIterator[Any]:
            async for each in stream:
                yield each

        return self._using(ids)(passed_on)()

    def travelling_scope(self, ids: Ids) -> NoReturn:  # noqa: ARG002
        """Have none: its ids are no baggage."""
        message = "ids stay in the process"
        raise NoSuchCallError(message)

    def _using(self, ids: Ids) -> Any:
        from openinference.instrumentation import using_attributes

        return using_attributes(session_id=ids.session, user_id=ids.user)


class OpenInferenceProvider(_OpenInference):
    """The same with its own provider, which makes all tracers its own and allows 10,000 attributes."""

    name = "OpenInference, its own provider"

    def set_up(self, recorder: Recorder) -> None:
        """Make its own provider."""
        from openinference.instrumentation import TracerProvider

        sdk_pipeline(recorder, TracerProvider())

    def tracer(self) -> trace.Tracer:
        """Return any tracer: it is one of its own."""
        return trace.get_tracer("app")


class OpenInference(_OpenInference):
    """The same in the pipeline that an application has."""

    otherwise = ("with its own provider", OpenInferenceProvider())


class Logfire(Tool):
    """The baggage of logfire, which stamps all of it by default."""

    name = "logfire"
    how = (
        "`logfire.configure(send_to_logfire=False)`, which makes its own provider; `logfire.set_baggage`; and a "
        "`scrubbing` callback, as it redacts the values of `session.id` otherwise"
    )
    package = "logfire"
    inbound_keys = _KEYS
    known_limits = _BAGGAGE_GOES_OUT
    stands_first = True

    def set_up(self, recorder: Recorder) -> None:
        """Configure it, without its console and its backend."""
        import logfire

        logfire.configure(
            send_to_logfire=False,
            console=False,
            scrubbing=logfire.ScrubbingOptions(callback=lambda match: match.value),
            additional_span_processors=[recorder.processor()],
        )

    def scope(self, ids: Ids) -> AbstractContextManager[object]:
        """Set baggage."""
        import logfire

        return logfire.set_baggage(**{"session.id": ids.session, "user.id": ids.user})

    def cleared(self) -> AbstractContextManager[object]:
        """Clear OpenTelemetry's baggage by hand: it has no call of its own, and this is what it reads."""
        return attached(baggage.clear())


class Traceloop(Tool):
    """Association properties of traceloop's SDK."""

    name = "traceloop"
    how = (
        "`Traceloop.init(processor=…)`, which instruments threads too; `Traceloop.set_association_properties`, "
        "which has nothing to leave with"
    )
    package = "traceloop-sdk"
    session_key = "traceloop.association.properties.session_id"
    user_key = "traceloop.association.properties.user_id"

    def set_up(self, recorder: Recorder) -> None:
        """Initialise it, without its instrumentors of model clients."""
        from traceloop.sdk import Traceloop as Sdk

        processor = recorder.processor()
        Sdk.init(app_name="app", api_endpoint=_NOWHERE, processor=processor, instruments=set(), telemetry_enabled=False)

    @contextmanager
    def scope(self, ids: Ids) -> Iterator[None]:
        """Set the properties, and leave them: there is no call to take them away."""
        from traceloop.sdk import Traceloop as Sdk

        Sdk.set_association_properties({"session_id": ids.session, "user_id": ids.user})
        yield

    async def in_span(self, name: str, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Use its decorator: of the spans that are open, the properties are put on those that it makes."""
        from traceloop.sdk.decorators import workflow

        await workflow(name=name)(function)()

    def leavable_scope(self, ids: Ids) -> NoReturn:  # noqa: ARG002
        """Have none."""
        message = "nothing to leave"
        raise NoSuchCallError(message)

    scope_object = leavable_scope

    def travelling_scope(self, ids: Ids) -> NoReturn:  # noqa: ARG002
        """Have none: its ids are no baggage."""
        message = "ids stay in the process"
        raise NoSuchCallError(message)


class Langfuse(Tool):
    """Langfuse's propagated attributes."""

    name = "langfuse"
    how = (
        "`Langfuse(should_export_span=…)` on the SDK's provider, all spans wanted; `propagate_attributes`, with "
        "`as_baggage=True` in the rows about other processes, and inside an `@observe` generator where one is decorated"
    )
    package = "langfuse"
    inbound_keys = ("langfuse_session_id", "langfuse_user_id")
    known_limits = frozenset({"late-open", "late-later", "late-other-task", "other-types", "very-long-ids"})

    def set_up(self, recorder: Recorder) -> None:
        """Make the client on an existing pipeline; what it would send itself is thrown away."""
        from langfuse import Langfuse as Client

        Client(
            public_key="none",
            secret_key="none",  # noqa: S106  # nothing is sent
            base_url=_NOWHERE,
            tracer_provider=sdk_pipeline(recorder),
            should_export_span=lambda _: True,
            span_exporter=Recorder(),
        )

    def scope(self, ids: Ids) -> AbstractContextManager[object]:
        """Propagate the ids."""
        return self._propagate(ids)

    def decorated(self, ids: Ids, function: Callable[..., Any]) -> Callable[..., Any]:
        """Propagate inside a generator that is decorated with its `observe`, which keeps a context for the body."""
        from langfuse import observe

        def body(*arguments: Any) -> Iterator[Any]:
            with self._propagate(ids):
                yield from function(*arguments)

        async def async_body(*arguments: Any) -> AsyncIterator[Any]:
            with self._propagate(ids):
                async for each in function(*arguments):
                    yield each

        chosen = async_body if inspect.isasyncgenfunction(function) else body
        return observe(name="observed", capture_input=False, capture_output=False)(chosen)

    def wrapped(self, ids: Ids, stream: Iterator[Any]) -> Iterator[Any]:
        """Decorate a generator that passes everything on."""
        return self.decorated(ids, lambda: stream)()

    def async_wrapped(self, ids: Ids, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Decorate an async generator that passes everything on."""

        async def passed_on() -> AsyncIterator[Any]:
            async for each in stream:
                yield each

        return self.decorated(ids, passed_on)()

    def travelling_scope(self, ids: Ids) -> AbstractContextManager[object]:
        """Propagate the ids as baggage."""
        return self._propagate(ids, as_baggage=True)

    @staticmethod
    def _propagate(ids: Ids, **options: bool) -> AbstractContextManager[object]:
        from langfuse import propagate_attributes

        return propagate_attributes(session_id=ids.session, user_id=ids.user, **options)
