"""What is wrong in a program by what was seen in its processes: each a finding, with what to write."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from otel_sessions._setup.doctor.causes import CAUSES
from otel_sessions._setup.doctor.finding import Finding, Level

from .messages import findings_of
from .provider_findings import MISSED, SHOWN, findings_of_providers, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .merging import Bare, Seen

_LEVELS: dict[str, Level] = {"no-processor": "error", "background": "hint"}
_TOLD_BY = {
    "no-processor": {"instrument-in-vain"},
    "before-bind": {"server-span-bare"},
    "after-block": {"server-span-bare"},
    "never-entered": {"no-session"},
    "bind-in-vain": {"no-session"},
    "auto-instrumentation-fails": {"no-provider"},
    "limit-drops-ids": {"host-refused"},
    "limit-cuts-ids": {"host-refused"},
    "sampler-off": {"host-refused"},
    "sampler-tears-sessions": {"host-refused"},
    "instrumentation-left-out": {"unguarded", "instrument-in-vain"},
}
"""What follows from a finding, and is not told beside it."""


def findings_in(seen: Seen) -> list[Finding]:
    """Return all that is wrong by what was ``seen``."""
    before = [*_not_installed(seen), *_problems(seen), *_without_provider(seen)]
    if seen.is_off:
        return [*before, *_switched_off(seen), *findings_of_providers(seen, are_off=True)]
    found = [
        *before,
        *findings_of_providers(seen),
        *_of_causes(seen),
        *_of_sessions(seen),
        *_of_libraries(seen),
        *_of_propagators(seen),
        *_of_servers(seen),
        *findings_of(seen.said),
    ]
    told = {name for finding in found for name in _TOLD_BY.get(finding.code, ())}
    return [finding for finding in found if finding.code not in told]


def _switched_off(seen: Seen) -> Iterator[Finding]:
    is_by_variable = bool(seen.variables.get("OTEL_SESSION_DISABLED"))
    yield Finding(
        code="sessions-disabled",
        level="error",
        what="Sessions are switched off.",
        where="OTEL_SESSION_DISABLED" if is_by_variable else "instrument(disabled=...)",
        why="No span has a session, and none is carried.",
        remedy="unset OTEL_SESSION_DISABLED" if is_by_variable else "otel_sessions.sdk.instrument(disabled=False)",
    )


def _not_installed(seen: Seen) -> Iterator[Finding]:
    without = [each for each in seen.processes if not (each.get("ours") or each.get("is_there"))]
    # One among several may be a script around the program, which has an environment of its own.
    told = without if len(without) == len(seen.processes) else [each for each in without if each.get("sdk")]
    for executable, python in sorted({(str(each.get("executable")), str(each.get("python"))) for each in told}):
        yield Finding(
            code="not-installed",
            level="error",
            what="The program runs in an environment in which otel-sessions is not installed.",
            where=f"Python {python}, {_short(executable)}",
            why="No span gets a session there, and the doctor can't look inside.",
            remedy=f"{_short(executable).rpartition('/')[2]} -m pip install 'otel-sessions[sdk]', by that very interpreter",
        )


def _short(executable: str) -> str:
    """Return the path of an interpreter, as one types it: the last three parts."""
    parts = executable.replace("\\", "/").split("/")
    return "/".join(parts[-3:])


def _problems(seen: Seen) -> Iterator[Finding]:
    for problem in sorted({str(each["problem"]) for each in seen.processes if each.get("problem")}):
        yield Finding(
            code="cannot-look",
            level="warning",
            what=f"The doctor can't look into a process of the program: {problem}.",
            where="the environment of the program",
            why="What happens there is not in this report.",
            remedy="python -m pip install --upgrade 'otel-sessions[sdk]'",
        )
    for (what, kind), count in sorted(seen.failed.items()):
        yield Finding(
            code="looked-in-part",
            level="hint",
            what=f"The doctor has not looked at all that it looks at, {count} time{'s' * (count != 1)}: {what}.",
            where=kind or "a process of the program",
            why="The program has run as it would. What was not looked at is not in this report.",
            remedy="Nothing, where spans of another make are passed to the SDK, or many are never ended. Else report it, please.",
        )


def _without_provider(seen: Seen) -> Iterator[Finding]:
    if seen.variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        yield Finding(
            code="sdk-disabled",
            level="error",
            what="The SDK of OpenTelemetry is switched off.",
            where="OTEL_SDK_DISABLED=true",
            why="No span is recorded, with a session or without.",
            remedy="unset OTEL_SDK_DISABLED",
        )
    elif not seen.total and seen.dropped:
        yield Finding(
            code="no-provider",
            level="error",
            what="Spans are started, and no tracer provider of the SDK is set that would record them.",
            where="the global tracer provider",
            why="Nothing is recorded and nothing exported.",
            remedy="Start the program by opentelemetry-instrument, or write at its start:\n"
            "trace.set_tracer_provider(TracerProvider())\n"
            "otel_sessions.sdk.instrument()",
        )
    elif not seen.total and not _is_off(seen) and any(each.get("is_there") for each in seen.processes):
        yield Finding(
            code="no-spans",
            level="warning",
            what="No span has ended while the program ran.",
            where=_processes(seen),
            why="So nothing can be told of sessions on spans.",
            remedy=_remedy_without_spans(seen),
        )


def _remedy_without_spans(seen: Seen) -> str:
    used = "Send it a request while the doctor runs it" if seen.servers else "Use it while the doctor runs it"
    if any(provider.get("stamping") == "ours" for provider in seen.providers):
        return (
            f"{used}: what it does then is looked at. The provider is set up, with a span processor of otel-sessions."
        )
    return (
        f"{used}. If it was used, it makes no spans:\n"
        "start it by opentelemetry-instrument, or set up a provider of the SDK and instrumentations in code."
    )


def _is_off(seen: Seen) -> bool:
    return any(str(each.get("sampler")).startswith("AlwaysOff") for each in seen.providers)


def _processes(seen: Seen) -> str:
    count = len(seen.processes)
    return f"{count} process{'es' * (count != 1)} of Python"


def _of_causes(seen: Seen) -> Iterator[Finding]:
    unstamped = _unstamped_places(seen)
    for code in CAUSES:
        rows = {
            row: count
            for row, count in seen.bare.items()
            if row.cause == code and row.matters and row.provider not in unstamped
        }
        if rows and not _is_explained(code, seen):
            yield _of_cause(code, rows, seen)


def _is_explained(code: str, seen: Seen) -> bool:
    """Tell whether another finding says more of it: of the provider, of the program as a whole, of one line of it."""
    if code == "unknown":
        return not seen.sessions or bool(seen.of_frameworks) or bool(seen.said_of("nobody inside", "unentered", "bind"))
    return code == "no-processor"


def _of_cause(code: str, rows: dict[Bare, int], seen: Seen) -> Finding:
    cause = CAUSES[code]
    total, models = sum(rows.values()), sum(count for row, count in rows.items() if row.is_llm)
    of_models = (
        (", all calls of a model" if models == total else f", {models} of them calls of a model") if models else ""
    )
    handlers = sorted({where for where in seen.said_of("handler") if where}) if code == "before-bind" else []
    set_at = f"; the session is set at {', '.join(handlers[:SHOWN])}" if handlers else ""
    return Finding(
        code=code,
        level=_LEVELS.get(code, "warning"),
        what=f"{spans_of(total)} {'has' if total == 1 else 'have'} no session{of_models}. {cause.what}",
        where=_where(seen, rows) + set_at,
        why=MISSED if code != "background" else "Spans of nobody's conversation need none.",
        remedy=f"Call bind_session(...) there with the same id, in place of set_session(...).\nOr {_lower(cause.remedy)}"
        if handlers
        else _remedy_of_work(seen)
        if code == "context-lost-process"
        else cause.remedy,
    )


def _remedy_of_work(seen: Seen) -> str:
    if "celery.worker" not in seen.modules or "CeleryInstrumentor" in seen.instrumented:
        return CAUSES["context-lost-process"].remedy
    return (
        "python -m pip install opentelemetry-instrumentation-celery\n"
        "and, in the module of the app, which both sides import (docs/how-to/queues.md):\n"
        "from opentelemetry.instrumentation.celery import CeleryInstrumentor\n\n"
        "CeleryInstrumentor().instrument()"
    )


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _unstamped_places(seen: Seen) -> set[int]:
    return {place for place, each in enumerate(seen.providers) if each.get("stamping") in {"nobody", "none"}}


def _where(seen: Seen, rows: dict[Bare, int]) -> str:
    scopes: Counter[str] = Counter()
    for row, count in rows.items():
        scopes[row.scope] += count
    shown = ", ".join(f"{scope} ({count})" for scope, count in scopes.most_common(SHOWN))
    names = ", ".join(list(dict.fromkeys(name for row in rows for name in seen.names[row]))[:SHOWN])
    services = ", ".join(sorted({row.service for row in rows})[:SHOWN])
    places = ", ".join(sorted({row.where for row in rows if row.where})[:SHOWN])
    read = f"; read by the generator at {places}" if places else ""
    return f"scope {shown}, service {services}: {names}{read}"


def _of_sessions(seen: Seen) -> Iterator[Finding]:
    if seen.total and not seen.sessions:
        yield Finding(
            code="no-session",
            level="warning",
            what="No session was set anywhere in the program.",
            where=_processes(seen),
            why="All of its spans are without one. " + MISSED,
            remedy=_remedy_of_work(seen) if seen.modules & _QUEUES else CAUSES["unknown"].remedy,
        )
    for scopes, count in seen.torn.items():
        yield Finding(
            code="torn",
            level="warning",
            what=f"{count} trace{'s' * (count != 1)} whose spans name two sessions or more.",
            where=f"scopes {scopes}",
            why="Each backend splits such a trace, or shows one of them alone.",
            remedy="Set the session once, around the turn. A framework that names one itself (thread_id, session_id)\n"
            "gets the same id: get_session().id",
        )
    for scopes, count in seen.of_frameworks.items():
        yield Finding(
            code="framework-alone",
            level="warning",
            what=f"In {count} trace{'s' * (count != 1)} a framework alone names a session, on its own spans: the others have none.",
            where=f"scope {scopes}",
            why="The request, the tools and what else is the application's are not found with the conversation.",
            remedy="with set_session(session_id=...):  # around the call, with the id that the framework is given\n"
            "Or, without a line of code:\n"
            "export OTEL_SESSION_PROVIDER_IDS=user,framework",
        )
    for scope, count in seen.displaced.items():
        yield Finding(
            code="displaced",
            level="hint",
            what=f"{spans_of(count)} named another session than the one that was set, which has won.",
            where=f"scope {scope}",
            why="Theirs is kept as session.displaced_id.",
            remedy="Nothing, or give the framework the same id: get_session().id",
        )


_QUEUES = frozenset({"celery.worker", "dramatiq.worker", "rq.worker", "arq.worker", "taskiq.receiver"})
_OF_ASGI = tuple(f"opentelemetry.instrumentation.{name}" for name in ("asgi", "fastapi", "starlette"))
_CLIENTS = {
    "anthropic": "openinference-instrumentation-anthropic",
    "google.genai": "openinference-instrumentation-google-genai",
    "groq": "openinference-instrumentation-groq",
    "langchain_core": "openinference-instrumentation-langchain",
    "litellm": "openinference-instrumentation-litellm",
    "mistralai": "openinference-instrumentation-mistralai",
    "openai": "openinference-instrumentation-openai",
}


def _of_libraries(seen: Seen) -> Iterator[Finding]:
    if {"openai", "httpx2"} <= seen.modules and _httpx_alone(seen.instrumented):
        yield Finding(
            code="httpx2-not-instrumented",
            level="warning",
            what="The openai client sends by httpx2, and only httpx is instrumented.",
            where="HTTPXClientInstrumentor",
            why="Its calls have no client span and carry no traceparent, so a gateway or a server behind starts another trace.",
            remedy="from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor\n\nHTTPX2ClientInstrumentor().instrument()",
        )
    missing = sorted(name for name in _CLIENTS if name in seen.modules and not _is_instrumented(name, seen))
    if missing and seen.total and not seen.llm_total:
        yield Finding(
            code="no-llm-spans",
            level="warning",
            what=f"{', '.join(missing)} is used, and no span of a call of a model was seen.",
            where="the instrumentations of the program",
            why="The session has neither prompts nor answers, tokens nor costs.",
            remedy=_remedy_of_clients(missing, seen),
        )


def _remedy_of_clients(missing: list[str], seen: Seen) -> str:
    left_out = seen.variables.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    if left_out:
        return (
            f"Take {', '.join(missing)} out of OTEL_PYTHON_DISABLED_INSTRUMENTATIONS={left_out}. If it is not in there:\n"
            + ("\n".join(f"python -m pip install {_CLIENTS[name]}" for name in missing))
        )
    return (
        "\n".join(f"python -m pip install {_CLIENTS[name]}" for name in missing)
        + "\nand start the program by opentelemetry-instrument, or write at its start:\n"
        + "\n".join(_instrumented_by(_CLIENTS[name]) for name in missing)
    )


def _instrumented_by(package: str) -> str:
    module = package.removeprefix("openinference-instrumentation-").replace("-", "_")
    kind = {
        "openai": "OpenAI",
        "google_genai": "GoogleGenAI",
        "langchain": "LangChain",
        "litellm": "LiteLLM",
        "mistralai": "MistralAI",
    }
    return (
        f"from openinference.instrumentation.{module} import {kind.get(module, module.title())}Instrumentor\n\n"
        f"{kind.get(module, module.title())}Instrumentor().instrument()"
    )


def _of_servers(seen: Seen) -> Iterator[Finding]:
    if False in seen.servers and seen.total and any(module in seen.modules for module in _OF_ASGI):
        yield Finding(
            code="uvicorn-keeps-context",
            level="hint",
            what="uvicorn may run a request in the Context of an earlier one of the same connection, as after a large body.",
            where="uvicorn, without reset_contextvars",
            why="Behind a proxy, which sends requests of all users over one connection, a turn is then in another's session.",
            remedy=_remedy_of_uvicorn(seen),
        )


def _remedy_of_uvicorn(seen: Seen) -> str:
    if any(str(each.get("command")).startswith("gunicorn") for each in seen.processes):
        return (
            "class Worker(uvicorn.workers.UvicornWorker):\n"
            '    CONFIG_KWARGS = {**uvicorn.workers.UvicornWorker.CONFIG_KWARGS, "reset_contextvars": True}\n\n'
            "and gunicorn -k with the name of that class"
        )
    return "uvicorn --reset-contextvars app:app\nOr in code:\nuvicorn.run(app, reset_contextvars=True)"


def _httpx_alone(instrumented: set[str]) -> bool:
    return "HTTPXClientInstrumentor" in instrumented and "HTTPX2ClientInstrumentor" not in instrumented


def _is_instrumented(name: str, seen: Seen) -> bool:
    word = name.rpartition(".")[2].partition("_")[0]
    return any(
        module.startswith(("openinference", "opentelemetry")) and word in module.split(".")[-1]
        for module in seen.modules
    )


def _of_propagators(seen: Seen) -> Iterator[Finding]:
    said = {problem: where for problem, _, text, where in seen.said if "send the session to every host" in text}
    if said:
        yield Finding(
            code="unguarded",
            level="error",
            what="The propagators of the program send the session and the user to every host that is called.",
            where=next(iter(said.values())) or "opentelemetry.propagate.get_global_textmap()",
            why="Ids of people leave for public APIs, in the header baggage.",
            remedy="otel_sessions.sdk.instrument()  # after the propagators are set; or, without code:\n"
            "export OTEL_PROPAGATORS=tracecontext,session_baggage",
        )
    names = seen.variables.get("OTEL_PROPAGATORS")
    if names and not {"baggage", "session_baggage"} & {name.strip() for name in names.split(",")} and seen.sessions:
        yield Finding(
            code="propagators-without-baggage",
            level="hint",
            what="No propagator of the program writes baggage, so no session goes to another service.",
            where=f"OTEL_PROPAGATORS={names}",
            why="The next service starts without a session.",
            remedy="export OTEL_PROPAGATORS=tracecontext,session_baggage",
        )
