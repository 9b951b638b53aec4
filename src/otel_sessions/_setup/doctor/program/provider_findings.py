"""What is wrong with the tracer providers of a program: who stamps, samples, limits, changes and exports their spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_sessions._setup.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .merging import Seen

MISSED = "Who looks for the conversation does not find them, nor the tokens, costs and errors on them."
SHOWN = 4
"""How many scopes and places a finding names."""
_LEAST_LENGTH = 64
"""The shortest limit of attribute values that leaves usual ids as they are: `str(uuid4())` has 36 characters."""
_LEAST_COUNT = 8
_LEFT_OUT = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_BY_HEADERS = "export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<key>"


def spans_of(count: int) -> str:
    """Return how many spans, in words."""
    return f"{count} span{'s' * (count != 1)}"


def _named(provider: dict[str, Any]) -> str:
    whose = "the global provider" if provider.get("is_global") else "a provider that is not the global one"
    made = f", made at {provider['made_at']}" if provider.get("made_at") else ""
    if provider.get("made_by") == "opentelemetry":
        made = ", made by opentelemetry-instrument"
    service = f", service {provider['service']}" if provider.get("service") else ""
    return whose + made + service


def findings_of_providers(seen: Seen, *, are_off: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with those that are used, and with the global one; ``are_off``: sessions are switched off."""
    for place, provider in enumerate(seen.providers):
        if not (provider["spans"] or provider.get("is_global")):
            continue
        yield from () if are_off else _of_stamping(seen, place, provider)
        yield from _of_sampler(provider)
        yield from _of_limits(provider)
        yield from _of_tools(provider)
    yield from _of_exports(seen)


def _of_stamping(seen: Seen, place: int, provider: dict[str, Any]) -> Iterator[Finding]:
    bare = sum(count for row, count in seen.bare.items() if row.provider == place)
    lost = sum(count for row, count in seen.bare.items() if row.provider == place and row.cause == "no-processor")
    stamping = provider.get("stamping")
    if stamping == "ours":
        if lost and not _is_short(provider):
            yield _stamped_late(lost, provider)
    elif _is_left_out(seen, provider) and (lost or bare):
        yield _left_out(lost or bare, seen.variables[_LEFT_OUT])
    elif lost or (bare and stamping in {"nobody", "none"}):
        yield _unstamped(lost or bare, provider, came_early=bool(seen.said_of("no provider")))
    if provider.get("ours", 0) > 1:
        yield Finding(
            code="two-processors",
            level="hint",
            what=f"{provider['ours']} span processors of otel-sessions are on one provider.",
            where=_named(provider),
            why="They are as one: the second adds nothing but the names of its dialects.",
            remedy="Keep one of them: instrument() is enough.",
        )


def _stamped_late(lost: int, provider: dict[str, Any]) -> Finding:
    return Finding(
        code="no-processor",
        level="warning",
        what=f"{spans_of(lost)} ended without the session of their place, on a provider that has a span processor of otel-sessions.",
        where=_named(provider),
        why="They were started before that was added, or something has taken the session off them. " + MISSED,
        remedy="Call otel_sessions.sdk.instrument() as soon as the provider is set.",
    )


def _left_out(count: int, value: str) -> Finding:
    return Finding(
        code="instrumentation-left-out",
        level="error",
        what=f"{spans_of(count)} ended without a session: otel_sessions is left out of opentelemetry-instrument.",
        where=f"{_LEFT_OUT}={value}",
        why="It then sets up no session, and nothing keeps ids from the hosts of others. " + MISSED,
        remedy=_remedy_of_left_out(value),
    )


def _unstamped(count: int, provider: dict[str, Any], *, came_early: bool) -> Finding:
    early = " instrument() was called before there was a provider, and did not find it later." if came_early else ""
    return Finding(
        code="no-processor",
        level="error",
        what=f"{spans_of(count)} ended on a provider that has no span processor of otel-sessions.{early}",
        where=_named(provider),
        why="They have no session, whatever set_session and bind_session say. " + MISSED,
        remedy=_remedy_of_stamping(provider),
    )


def _remedy_of_stamping(provider: dict[str, Any]) -> str:
    if provider.get("made_by") == "mlflow":
        return "export MLFLOW_USE_DEFAULT_TRACER_PROVIDER=false"
    if provider.get("is_global"):
        return "from otel_sessions.sdk import instrument\n\ninstrument()  # after trace.set_tracer_provider(provider)"
    return "from otel_sessions.sdk import instrument\n\ninstrument(tracer_provider=provider)  # that provider"


def _is_left_out(seen: Seen, provider: dict[str, Any]) -> bool:
    names = {name.strip() for name in seen.variables.get(_LEFT_OUT, "").split(",")}
    return provider.get("made_by") == "opentelemetry" and bool(names & {"otel_sessions", "*"})


def _remedy_of_left_out(names: str) -> str:
    kept = [name.strip() for name in names.split(",") if name.strip() not in {"otel_sessions", "*"}]
    return f"export {_LEFT_OUT}={','.join(kept)}" if kept else f"unset {_LEFT_OUT}"


def _is_short(provider: dict[str, Any]) -> bool:
    count = provider.get("count_limit")
    return isinstance(count, int) and count < _LEAST_COUNT


def _of_sampler(provider: dict[str, Any]) -> Iterator[Finding]:
    sampler = str(provider.get("sampler", ""))
    if sampler.startswith("AlwaysOff"):
        yield Finding(
            code="sampler-off",
            level="error",
            what="The sampler keeps no span.",
            where=f"{_named(provider)}: {sampler}",
            why="Nothing is recorded, with a session or without.",
            remedy="export OTEL_TRACES_SAMPLER=parentbased_always_on",
        )
    elif "TraceIdRatioBased" in sampler and "TraceIdRatioBased{1" not in sampler:
        yield Finding(
            code="sampler-tears-sessions",
            level="warning",
            what="The sampler decides by trace, so each session keeps some of its turns and loses the others.",
            where=f"{_named(provider)}: {sampler}",
            why="A conversation with holes can neither be read nor judged, and its sums are wrong.",
            remedy="export OTEL_TRACES_SAMPLER=parentbased_session_ratio OTEL_TRACES_SAMPLER_ARG=0.1\n"
            "Or in code:\n"
            "TracerProvider(sampler=ParentBased(otel_sessions.sdk.SessionRatioSampler(0.1)))",
        )


def _of_limits(provider: dict[str, Any]) -> Iterator[Finding]:
    count, length = provider.get("count_limit") or 0, provider.get("length_limit")
    if _is_short(provider):
        yield Finding(
            code="limit-drops-ids",
            level="error",
            what=f"A span of this provider keeps {count} attribute{'s' * (count != 1)}.",
            where=_named(provider),
            why="There is no room for session.id and user.id beside what else a span tells.",
            remedy="unset OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT OTEL_ATTRIBUTE_COUNT_LIMIT",
        )
    if isinstance(length, int) and length < _LEAST_LENGTH:
        yield Finding(
            code="limit-cuts-ids",
            level="warning",
            what=f"A value of an attribute keeps {length} characters: a longer id is replaced by its digest.",
            where=_named(provider),
            why="Spans of other services, which have the id itself, are not found together with these.",
            remedy="export OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=200",
        )


def _of_tools(provider: dict[str, Any]) -> Iterator[Finding]:
    if provider.get("scrubs"):
        yield Finding(
            code="scrubbed",
            level="error",
            what=f"Logfire replaces {' and '.join(provider['scrubs'])} before the export, so all sessions look like one.",
            where=_named(provider),
            why="Nobody can tell one conversation from another.",
            remedy="def keep(match):\n"
            '    return match.value if match.path[-1] in {"session.id", "user.id"} else None\n\n'
            "logfire.configure(scrubbing=logfire.ScrubbingOptions(callback=keep))",
        )
    if provider.get("filtered") and len(provider.get("exporters", ())) == provider.get("langfuse", 0):
        scopes = ", ".join(sorted(provider["filtered"])[:SHOWN])
        yield Finding(
            code="langfuse-filter",
            level="warning",
            what=f"Langfuse's processor does not export the spans of {scopes}.",
            where=_named(provider),
            why="It sends its own spans and those of models alone. Their session is complete, what lies between is missing.",
            remedy="Langfuse(should_export_span=lambda span: True)",
        )


def _of_exports(seen: Seen) -> Iterator[Finding]:
    used = [each for each in seen.providers if each["spans"]]
    exporters = [tuple(exporter) for each in used for exporter in each.get("exporters", ())]
    if used and not exporters:
        yield Finding(
            code="no-exporter",
            level="warning",
            what="Spans are recorded and exported nowhere.",
            where="; ".join(map(_named, used[:SHOWN])),
            why="No backend ever shows them.",
            remedy=_remedy_without_exporter(seen),
        )
    elif exporters and all("ConsoleSpanExporter" in name for name, _ in exporters):
        yield Finding(
            code="console-only",
            level="hint",
            what="Spans are written to the console, and to no backend.",
            where="ConsoleSpanExporter",
            why="Nobody can look for a session there.",
            remedy="export OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318",
        )
    hosts = sorted({host for _, host in exporters if host})
    told: dict[str, Finding] = {}
    for (name, kind), count in seen.errors.most_common():
        finding = _of_error(name, kind, count, hosts, seen)
        told.setdefault(finding.code, finding)
    yield from told.values()


def _remedy_without_exporter(seen: Seen) -> str:
    if seen.variables.get("OTEL_TRACES_EXPORTER") == "none":
        return "export OTEL_TRACES_EXPORTER=otlp"
    return (
        "provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))\n"
        "Or, where opentelemetry-instrument starts the program:\n"
        "export OTEL_TRACES_EXPORTER=otlp"
    )


def _of_error(name: str, kind: str, count: int, hosts: list[str], seen: Seen) -> Finding:
    times = f"{count} time{'s' * (count != 1)}" + (f": {kind}" if kind else "")
    if "export" in name or "_shared_internal" in name:
        return Finding(
            code="exporter-fails",
            level="error",
            what=f"The export has failed, {times}.",
            where=f"{', '.join(hosts) or 'the exporter'} (logger {name})",
            why="The spans do not arrive, with a session or without.",
            remedy=_remedy_of_export(kind),
        )
    if "auto_instrumentation" in name or "_configuration" in name:
        return Finding(
            code="auto-instrumentation-fails",
            level="error",
            what=f"opentelemetry-instrument could not set up OpenTelemetry, {times}.",
            where=f"the logger {name}",
            why="The program runs without provider, instrumentations and sessions.",
            remedy=_remedy_of_start(kind, seen),
        )
    return Finding(
        code="logged-error",
        level="hint" if "detach" in kind else "warning",
        what=f"OpenTelemetry has logged an error, {times}.",
        where=f"the logger {name}",
        why="A part of the pipeline does not do what it is there for.",
        remedy="Read what the program has logged there.",
    )


def _remedy_of_export(kind: str) -> str:
    """Return what to do where an export has failed: by the status, or the kind of problem."""
    if kind in {"401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return "The key is refused. Give the one of the backend, where the exporter is made or by\n" + _BY_HEADERS
    if kind in {"404", "405"}:
        return (
            "The path is not there. In code, endpoint=... has the whole path, which ends in /v1/traces.\n"
            "OTEL_EXPORTER_OTLP_ENDPOINT is without it, as /v1/traces is added there."
        )
    if "refused" in kind.lower() or kind in {"UNAVAILABLE", "Name or service not known"}:
        return (
            "Nobody listens there. Start the receiver, or name the one that is meant, in code or by\n"
            "export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"
        )
    return (
        "Check whether the receiver listens, where the exporter sends, and with which key. If OTEL_EXPORTER_OTLP_ENDPOINT\n"
        "and its like say so, this tries them:\n"
        "otel-sessions doctor --send"
    )


def _remedy_of_start(kind: str, seen: Seen) -> str:
    if "'otlp" in kind:
        return (
            "python -m pip install opentelemetry-exporter-otlp\n"
            "Or, with opentelemetry-exporter-otlp-proto-http alone:\n"
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
        )
    component = kind.partition("'")[2].partition("'")[0]
    if component and component in seen.variables.get("OTEL_TRACES_EXPORTER", ""):
        return "export OTEL_TRACES_EXPORTER=otlp"
    return "Read what the program has logged there; OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=<name> leaves one out."
