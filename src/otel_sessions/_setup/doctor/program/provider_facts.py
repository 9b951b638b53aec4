"""What the tracer providers of a process are made of, in names: their processors, exporters, sampler and limits.

The parts of the SDK that are private are looked at here alone; where one is not as it is known, it is left out.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import ref

from opentelemetry import trace

from otel_sessions._context.scrubbing import scrubbed_keys
from otel_sessions._context.stampers import held_in, insides_of, processors_of_tracer, stamping
from otel_sessions._context.unguarded import is_unguarded
from otel_sessions._settings.settings import in_process
from otel_sessions._setup.pipelines import pipeline_of

from .watching import shown_path

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 32
_OURS = "otel_sessions"
_LONGEST = 200
_SCOPES = 40
"""Most instrumentation scopes of which it is told what an export filter does with them."""


class Provider:
    """A provider, or the pipeline of one that was made before it was watched."""

    def __init__(self, number: int, provider: object, made_at: str, made_by: str) -> None:
        self.number, self.made_at, self.made_by = number, made_at, made_by
        self.provider: Callable[[], object] = ref(provider)
        self.facts: dict[str, object] = {}
        self.begin()

    def begin(self) -> None:
        """Begin to count, as in a new process."""
        self.spans = 0
        self.calls = 0
        self.service = ""
        self.filtered: Counter[str] = Counter()

    def ended(self, span: Any, *, is_client: bool) -> None:  # noqa: ANN401
        """Note a span of it that has ended."""
        self.spans += 1
        self.calls += is_client
        self.service = str(span.resource.attributes.get("service.name", ""))[:_LONGEST]
        keeps = self.facts.get("filter")
        if callable(keeps) and len(self.filtered) < _SCOPES:
            with suppress(Exception):
                self.filtered[span.instrumentation_scope.name] += not keeps(span)


class Providers:
    """Those of this process, in the order in which they were seen."""

    def __init__(self) -> None:
        self._known: list[Provider] = []
        self._numbers: dict[int, int] = {}

    def begin(self) -> None:
        """Begin to count, as in a new process: a child has the providers of its parent, and not its spans."""
        for known in self._known:
            known.begin()

    def made(self, provider: object, *_: object, **__: object) -> None:
        """Note a ``provider`` that was made, and by whom."""
        if len(self._known) < _MOST:
            made_at, made_by = _maker(sys._getframe())  # noqa: SLF001
            self._add(provider, made_at, made_by)

    def number_of(self, processors: Any) -> int:  # noqa: ANN401
        """Return the number of the provider that has these ``processors``; -1 for none that is known."""
        number = self._numbers.get(id(processors))
        if number is not None and pipeline_of(self._known[number].provider()) is processors:
            return number  # else another one has come where that was
        for known in self._known:
            if pipeline_of(known.provider()) is processors:
                self._numbers[id(processors)] = known.number
                return known.number
        found: Any = trace.get_tracer_provider()
        if pipeline_of(found) is not processors or len(self._known) >= _MOST:
            return -1
        return self._add(found, "", "").number

    def _add(self, provider: object, made_at: str, made_by: str) -> Provider:
        new = Provider(len(self._known), provider, made_at, made_by)
        self._known.append(new)
        return new

    def ended(self, number: int, span: object, *, is_client: bool) -> None:
        """Note a span of that provider that has ended."""
        if number >= 0:
            known = self._known[number]
            if not known.spans:
                known.facts["filter"] = _filter_of(pipeline_of(known.provider()))
            known.ended(span, is_client=is_client)

    def record(self, shown: Callable[[str], str] = str) -> dict[str, object]:
        """Return all of them, and the propagators, as JSON knows it, each text as it is ``shown``."""
        return {
            "providers": [_shown(_described(known), shown) for known in list(self._known)],
            "is_guarded": not is_unguarded(),
            "is_off": in_process().disabled,
            "instrumented": _instrumented(),
            "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        }


_VARIABLES = (
    "OTEL_SDK_DISABLED",
    "OTEL_SESSION_DISABLED",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    "OTEL_PROPAGATORS",
    "OTEL_TRACES_EXPORTER",
    "OTEL_TRACES_SAMPLER",
    "DD_TRACE_OTEL_ENABLED",
)
"""Those that name what is set up, and never a secret."""


def _instrumented() -> list[str]:
    """Return the names of the instrumentations that are on."""
    module = sys.modules.get("opentelemetry.instrumentation.instrumentor")
    kinds = [] if module is None else [module.BaseInstrumentor]
    for kind in kinds:  # it grows
        kinds.extend(kind.__subclasses__())
    on = (kind for kind in kinds if getattr(vars(kind).get("_instance"), "_is_instrumented_by_opentelemetry", False))
    return sorted({kind.__name__ for kind in on})[:_SCOPES]


def _described(known: Provider) -> dict[str, object]:
    provider: Any = known.provider()
    if provider is not None:
        with suppress(Exception):
            known.facts.update(_facts(provider))
    facts = {name: value for name, value in known.facts.items() if name != "filter"}
    return {
        "number": known.number,
        "made_at": known.made_at,
        "made_by": known.made_by,
        "spans": known.spans,
        "calls": known.calls,
        "service": known.service,
        "filtered": [scope for scope, count in list(known.filtered.items()) if count],
        **facts,
    }


def _shown(value: Any, shown: Callable[[str], str]) -> Any:  # noqa: ANN401  # as JSON knows it
    if isinstance(value, str):
        return shown(value[:_LONGEST])
    if isinstance(value, list):
        return [_shown(each, shown) for each in value]
    return {key: _shown(each, shown) for key, each in value.items()} if isinstance(value, dict) else value


def _facts(provider: Any) -> dict[str, object]:  # noqa: ANN401
    pipeline = pipeline_of(provider)
    held = held_in(pipeline)
    listed = list(getattr(pipeline, "_span_processors", ()))
    sampler = getattr(provider, "sampler", None)
    limits = getattr(provider, "_span_limits", None)
    return {
        "is_global": _is_global(pipeline),
        "stamping": stamping(pipeline),
        "processors": [_name(each) for each in listed if not _is_silent(each)],
        "ours": sum(_is_session_processor(each) for each in held),
        "exporters": [_exporter(each) for each in held if _exporter(each)],
        "sampler": sampler.get_description() if sampler is not None else "",
        "count_limit": getattr(limits, "max_span_attributes", None),
        "length_limit": getattr(limits, "max_span_attribute_length", None)
        or getattr(limits, "max_attribute_length", None),
        "scrubs": sorted({key for each in held for key in _scrubs(each)}),
        "langfuse": any(type(each).__name__ == "LangfuseSpanProcessor" for each in held),
    }


def _is_global(pipeline: object) -> bool:
    found: Any = trace.get_tracer_provider()
    return pipeline_of(found) is pipeline or processors_of_tracer(found.get_tracer(_OURS)) is pipeline


def _is_silent(processor: object) -> bool:
    """Tell whether it is one that this package stands behind others by itself."""
    return type(processor).__name__ == "_Behind" and type(processor).__module__.startswith(_OURS)


def _is_session_processor(processor: object) -> bool:
    return any(kind.__name__ == "SessionSpanProcessor" for kind in type(processor).__mro__)


def _name(processor: object) -> str:
    kind = next((each for each in type(processor).__mro__ if not each.__name__.startswith("_")), type(processor))
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


def _exporter(processor: Any) -> list[str]:  # noqa: ANN401
    """Return the name of its exporter, and where that sends to, without what may be secret; nothing for none."""
    batch = getattr(processor, "_batch_processor", None)
    exporter = getattr(processor, "span_exporter", None) or getattr(batch, "_exporter", None)
    if exporter is None:
        return []
    return [_name(exporter), _host_of(str(getattr(exporter, "_endpoint", "") or ""))]


def _host_of(endpoint: str) -> str:
    with suppress(ValueError):
        found = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
        return "" if found.hostname is None else found.hostname + (f":{found.port}" if found.port else "")
    return ""


def _scrubs(processor: object) -> list[str]:
    return [key for each in insides_of(processor) for key in scrubbed_keys(each)]


def _filter_of(pipeline: object) -> Callable[[Any], bool] | None:
    """Return what Langfuse's processor asks whether it exports a span."""
    for each in held_in(pipeline):
        found = getattr(each, "_should_export_span", None)
        if callable(found):
            return found  # type: ignore[no-any-return]
    return None


def _maker(frame: Any) -> tuple[str, str]:  # noqa: ANN401
    """Return the file and line that has made a provider, and the package that did."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith((_OURS, "opentelemetry.sdk", "contextlib", "functools")):
            return f"{shown_path(frame.f_code.co_filename)}:{frame.f_lineno}", name.partition(".")[0]
        frame = frame.f_back
    return "", ""
