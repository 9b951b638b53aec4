"""What the variables of an environment do to sessions, but for the exporter's: pure, and no value is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from otel_sessions._session.session import SESSION_ID
from otel_sessions._setup.doctor.finding import Finding

from .installed import names_provided

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_sessions._setup.configuration import Problem

    from .installed import Installed

CONFIG_FILE = "OTEL_CONFIG_FILE"
_OLD_CONFIG_FILE = "OTEL_EXPERIMENTAL_CONFIG_FILE"
_SDK_DISABLED, _DISABLED = "OTEL_SDK_DISABLED", "OTEL_SESSION_DISABLED"
_SAMPLER, _RATIO = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
_PROPAGATORS = "OTEL_PROPAGATORS"
_LEFT_OUT = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_ID, _USER_ID = "OTEL_SESSION_ID", "OTEL_SESSION_USER_ID"

_OF_A_FILE = frozenset({"propagators-twice", "propagators-without-baggage", "sampler-unusable"})
"""Kinds of problems that a configuration file does away with: nothing reads their variables then."""
_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
_UUID_LENGTH = 36
_PROPAGATOR_PACKAGES = {
    "b3": "opentelemetry-propagator-b3",
    "b3multi": "opentelemetry-propagator-b3",
    "jaeger": "opentelemetry-propagator-jaeger",
    "ottrace": "opentelemetry-propagator-ot-trace",
    "xray": "opentelemetry-propagator-aws-xray",
}
_OF_SERVERS = (
    "AWS_LAMBDA_FUNCTION_NAME",
    "DYNO",
    "FUNCTIONS_WORKER_RUNTIME",
    "GUNICORN_CMD_ARGS",
    "K_SERVICE",
    "WEBSITE_INSTANCE_ID",
    "WEB_CONCURRENCY",
)
"""Variables that hosts set for what answers requests; those of Kubernetes are there for jobs, too."""


def has_file(variables: Mapping[str, str]) -> bool:
    """Tell whether a configuration file holds, so that the SDK reads no other variable."""
    return bool(variables.get(CONFIG_FILE))


def of_problems(problems: list[Problem], variables: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what ``otel-sessions config`` complains of."""
    for kind, text in problems:
        if kind in _OF_A_FILE and has_file(variables):
            continue
        name, _, problem = text.partition(": ")
        is_plain = _NAME.fullmatch(name) is not None
        yield Finding(
            code=kind,
            level="warning",
            what=_sentence(problem),
            where=name if is_plain else "a variable with other characters than letters, digits and _ in its name",
            why=_WHY[kind],
            remedy=_remedy(kind, name, problem) if is_plain else "otel-sessions config",
        )


_WHY = {
    "setting-unusable": "What can't be used does not hold; what guards ids closes. otel-sessions config shows what holds.",
    "setting-unknown": "Nothing reads it, so that what it should set is left at its default.",
    "propagators-twice": "baggage has no guard: the ids go to every host that is called.",
    "propagators-without-baggage": "Spans of this process have their session, those of the services that it calls have none.",
    "instrumentation-left-out": "opentelemetry-instrument then sets up no session; instrument() in code still does.",
    "headers-not-read": "No session is taken from these headers.",
    "sampler-unusable": "More is kept than was asked for, and what is kept is no whole session.",
}


def _remedy(kind: str, name: str, problem: str) -> str:
    meant = re.search(r"did you mean (OTEL_\w+)\?", problem)
    if meant:
        return f'export {meant[1]}="${name}"\nunset {name}'
    return {
        "propagators-twice": f"export {_PROPAGATORS}=tracecontext,session_baggage",
        "propagators-without-baggage": f"export {_PROPAGATORS}=tracecontext,baggage",
        "headers-not-read": "export OTEL_SESSION_TRUST_INCOMING=true",
        "sampler-unusable": f"export {_SAMPLER}=parentbased_session_ratio {_RATIO}=0.1",
    }.get(kind, f"unset {name}")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"


def wrong_with_variables(variables: Mapping[str, str], installed: Installed) -> Iterator[Finding]:
    """Yield what is wrong with the variables of sessions and of OpenTelemetry, but for those of the exporter."""
    yield from _switched_off(variables)
    yield from _of_process(variables)
    yield from _open(variables)
    yield from _of_instrumentations(variables)
    if has_file(variables):
        yield from _of_file(installed)
    else:
        yield from _of_sampler(variables)
        yield from _of_propagators(variables, installed)
        yield from _of_limits(variables)
        yield from _of_batch(variables)
    if variables.get(_OLD_CONFIG_FILE):
        yield _OLD_FILE


def _is_true(name: str, variables: Mapping[str, str]) -> bool:
    return variables.get(name, "").strip().lower() == "true"


def _switched_off(variables: Mapping[str, str]) -> Iterator[Finding]:
    if _is_true(_SDK_DISABLED, variables):
        yield Finding(
            code="sdk-disabled",
            level="error",
            what="The SDK of OpenTelemetry is switched off.",
            where=_SDK_DISABLED,
            why="No span is recorded.",
            remedy=f"unset {_SDK_DISABLED}",
        )
    if variables.get(_DISABLED, "").strip().lower() in {"true", "1", "yes", "on"}:
        yield Finding(
            code="sessions-disabled",
            level="error",
            what="Sessions are switched off.",
            where=_DISABLED,
            why="No span has a session, and none is carried.",
            remedy=f"unset {_DISABLED}",
        )


def _of_process(variables: Mapping[str, str]) -> Iterator[Finding]:
    value = variables.get(_ID, "").strip()
    servers = [name for name in _OF_SERVERS if variables.get(name)]
    if value and value.lower() != "environ" and servers:
        yield Finding(
            code="one-session-for-all",
            level="hint",
            what="The whole process is one session, and this looks like a host of a server.",
            where=f"{_ID}, {servers[0]}",
            why="Whatever has no session of its own is in that one, of all users.",
            remedy=f"unset {_ID}",
        )
    carried = [name for name in ("TRACEPARENT", "BAGGAGE") if variables.get(name)]
    if not value and f"{SESSION_ID}=" in variables.get("BAGGAGE", "").replace(" ", ""):
        yield Finding(
            code="caller-not-followed",
            level="hint",
            what="The environment brings the session of a caller, and nothing takes it up.",
            where=", ".join(carried),
            why="Spans of this process are in no session, unless its code calls from_carrier(os.environ).",
            remedy=f"export {_ID}=environ",
        )


def _open(variables: Mapping[str, str]) -> Iterator[Finding]:
    if "all" in (item.strip().lower() for item in variables.get("OTEL_SESSION_PROPAGATE_TO", "").split(",")):
        yield Finding(
            code="ids-to-every-host",
            level="warning",
            what="Session and user go to every host that is called.",
            where="OTEL_SESSION_PROPAGATE_TO",
            why="Third parties get them, such as the provider of a model.",
            remedy="export OTEL_SESSION_PROPAGATE_TO=private",
        )
    if "@" in variables.get(_USER_ID, "") and variables.get("OTEL_SESSION_USER_PRIVACY", "plain").strip() in {
        "",
        "plain",
    }:
        yield Finding(
            code="user-readable",
            level="hint",
            what="The user's id looks like an address of mail, and is shown as it is.",
            where=_USER_ID,
            why="It is on every span, and who sees the backend can read it.",
            remedy="export OTEL_SESSION_USER_PRIVACY=hash OTEL_SESSION_USER_HASH_KEY=$(openssl rand -hex 32)",
        )


def _of_instrumentations(variables: Mapping[str, str]) -> Iterator[Finding]:
    names = {name.strip() for name in variables.get(_LEFT_OUT, "").split(",")}
    if "*" in names:
        yield Finding(
            code="instrumentations-left-out",
            level="error",
            what="All instrumentations are left out, also the one that sets up sessions.",
            where=_LEFT_OUT,
            why="Under opentelemetry-instrument no span has a session; instrument() in code still works.",
            remedy=f"unset {_LEFT_OUT}",
        )
    elif "threading" in names:
        yield Finding(
            code="threading-left-out",
            level="hint",
            what="The instrumentation of threads is left out.",
            where=_LEFT_OUT,
            why="Threads and thread pools start without a Context, so that spans in them have no session.",
            remedy=f'export {_LEFT_OUT}="{_others("threading", names)}"',
        )


def _others(left_out: str, names: set[str]) -> str:
    """Return the other names of a list, where all of them are names: it is no place for keys, but who knows."""
    others = sorted(names - {left_out, ""})
    return ",".join(others) if all(map(_NAME.fullmatch, others)) else ""


def _of_file(installed: Installed) -> Iterator[Finding]:
    yield Finding(
        code="configuration-file",
        level="hint",
        what="A configuration file sets up OpenTelemetry, so that samplers, propagators, limits and exporters of "
        "variables do not hold, and were not looked at. OTEL_SESSION_* still holds.",
        where=CONFIG_FILE,
        why="A file without propagator switches propagation off.",
        remedy="otel-sessions doctor -- python app.py",
    )
    if "opentelemetry-configuration" not in installed:
        yield Finding(
            code="configuration-not-installed",
            level="error",
            what="What reads the configuration file is not installed.",
            where=CONFIG_FILE,
            why="opentelemetry-instrument fails to set up the SDK, or does not read the file.",
            remedy="pip install opentelemetry-configuration",
        )


_OLD_FILE = Finding(
    code="configuration-old-name",
    level="warning",
    what="Nothing in OpenTelemetry for Python reads this name of a configuration file.",
    where=_OLD_CONFIG_FILE,
    why="The file does not hold.",
    remedy=f'export {CONFIG_FILE}="${_OLD_CONFIG_FILE}"\nunset {_OLD_CONFIG_FILE}',
)


def _of_sampler(variables: Mapping[str, str]) -> Iterator[Finding]:
    name, ratio = variables.get(_SAMPLER, "").strip(), _number(variables.get(_RATIO, ""))
    by_trace = name.endswith("traceidratio")
    if name.endswith("always_off") or ((by_trace or name.endswith("session_ratio")) and ratio == 0):
        yield Finding(
            code="sampler-off",
            level="error",
            what="The sampler drops every trace that begins here.",
            where=_SAMPLER,
            why="No span of them is exported.",
            remedy=f"unset {_SAMPLER}",
        )
    elif name in {"traceidratio", "parentbased_traceidratio"} and 0 < ratio < 1:
        ours = name.replace("traceidratio", "session_ratio")
        yield Finding(
            code="sampler-tears-sessions",
            level="warning",
            what="The sampler keeps and drops single traces, and not sessions.",
            where=_SAMPLER,
            why="Of a session with several turns some are missing.",
            remedy=f"export {_SAMPLER}={ours}",
        )


def _number(text: str) -> float:
    """Return a ratio; what is none is 1, as it is to the SDK."""
    try:
        return float(text)
    except ValueError:
        return 1.0


def _of_propagators(variables: Mapping[str, str], installed: Installed) -> Iterator[Finding]:
    names = [name.strip() for name in variables.get(_PROPAGATORS, "").split(",")] if variables.get(_PROPAGATORS) else []
    unknown = set(names) - {*names_provided(installed, "opentelemetry_propagator"), "none", "None", "NONE"}
    if unknown:
        packages = sorted({_PROPAGATOR_PACKAGES[name] for name in unknown if name in _PROPAGATOR_PACKAGES})
        yield Finding(
            code="propagator-unknown",
            level="error",
            what="A propagator is named that no installed package has.",
            where=_PROPAGATORS,
            why="Whatever imports OpenTelemetry fails with a ValueError.",
            remedy=f"pip install {' '.join(packages)}" if packages else f"export {_PROPAGATORS}=tracecontext,baggage",
        )


def _of_limits(variables: Mapping[str, str]) -> Iterator[Finding]:
    for name in _LIMITS:
        if _limit(name, variables) == _REFUSED:
            yield Finding(
                code="limit-refused",
                level="error",
                what="The limit is no whole number from 0 on.",
                where=name,
                why="The SDK raises a ValueError when it is imported.",
                remedy=f"unset {name}",
            )
    count, length = (_first(names, variables) for names in (_COUNTS, _LENGTHS))
    if count is not None and 0 <= count[1] <= 1:
        yield Finding(
            code="limit-drops-ids",
            level="error",
            what="A span may have one attribute at most.",
            where=count[0],
            why="session.id and user.id are two, and neither is kept then.",
            remedy=f"export {count[0]}=128",
        )
    if length is not None and 0 <= length[1] < _UUID_LENGTH:
        yield Finding(
            code="limit-cuts-ids",
            level="warning" if length[1] else "error",
            what=f"Values are cut after {length[1]} characters, and a UUID has {_UUID_LENGTH}.",
            where=length[0],
            why="A longer id is on spans as a digest: it still groups, and is another one than in your logs and data.",
            remedy=f"export {length[0]}=1024",
        )


_COUNTS = ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
_LENGTHS = ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
_LIMITS = (*_COUNTS, *_LENGTHS)
_REFUSED = -1


def _first(names: tuple[str, ...], variables: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the first of ``names`` that is set, and the limit that it says; ``None`` where that is none."""
    name = next((name for name in names if name in variables), names[-1])
    limit = _limit(name, variables)
    return None if limit is None else (name, limit)


def _limit(name: str, variables: Mapping[str, str]) -> int | None:
    """Return the limit that a variable says, as the SDK reads it; ``None`` for none."""
    text = variables.get(name)
    if text is None or not text.strip():  # set to nothing is no limit
        return None
    number = _whole_number(text)
    return _REFUSED if number is None or number < 0 else number


def _whole_number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


_BATCH = {
    "OTEL_BSP_MAX_QUEUE_SIZE": 2048,
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 512,
    "OTEL_BSP_SCHEDULE_DELAY": 5000,
}
"""With the defaults of the specification."""


def _of_batch(variables: Mapping[str, str]) -> Iterator[Finding]:
    values = {name: _whole_number(variables.get(name, str(default))) for name, default in _BATCH.items()}
    bad = [name for name, value in values.items() if value is None]
    if bad:
        yield Finding(
            code="batch-not-a-number",
            level="warning",
            what="The value is no whole number.",
            where=", ".join(bad),
            why="The SDK takes its default, with a traceback in the log.",
            remedy=f"unset {' '.join(bad)}",
        )
    queue, batch, delay = (_BATCH[name] if value is None else value for name, value in values.items())
    if min(queue, batch, delay) <= 0 or batch > queue:
        yield Finding(
            code="batch-refused",
            level="error",
            what="The queue of spans is smaller than what is exported at once, or one of them, or the delay, is not above 0.",
            where=", ".join(name for name in _BATCH if name in variables),
            why="BatchSpanProcessor raises a ValueError, and no span is exported.",
            remedy=f"unset {' '.join(name for name in _BATCH if name in variables)}",
        )
