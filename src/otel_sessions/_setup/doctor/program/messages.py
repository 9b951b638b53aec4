"""What the package has said in a program, as findings: each with what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from otel_sessions._setup.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

_WARNING = 30
"""`logging.WARNING`."""


class _Known(NamedTuple):
    """A message that is known by its problem: the first word of what it is said once under."""

    problem: str
    code: str
    why: str
    remedy: str


_PAGE = "What each message means, and what to write, stands in docs/reference/messages.md."
_LOST = "What belongs into the session does not get it."

_KNOWN = (
    _Known(
        "refused",
        "host-refused",
        "The spans of that service are in no session, or in another one.",
        "Nothing, if the service is not yours. Name it if it is:\nexport OTEL_SESSION_PROPAGATE_TO=private,<that host>",
    ),
    _Known(
        "nobody inside", "nobody-inside", _LOST, "Call bind_session(...) there, in place of the block with set_session."
    ),
    _Known(
        "bind",
        "bind-in-vain",
        "Nothing is stamped by it.",
        "Inside of an open span of a provider of the SDK, or with set_session(...): around the work:\n"
        'with tracer.start_as_current_span("turn"):\n'
        "    bind_session(session_id=...)",
    ),
    _Known(
        "no environment",
        "environ-empty",
        "No span of this process has a session, but where the program sets one.",
        "Start it with the variables of who starts it, as docs/how-to/children.md has it:\n"
        "env={**os.environ, **to_carrier(environ=True)}",
    ),
    _Known(
        "no provider",
        "instrument-in-vain",
        "Nothing is stamped.",
        "Call instrument() after trace.set_tracer_provider(provider).",
    ),
    _Known(
        "runtime context",
        "context-exchanged",
        "Spans, sessions and what is sent on lose each other between one call and the next.",
        "unset DD_TRACE_OTEL_ENABLED\nand send by a provider of the SDK: see docs/how-to/other-tools.md",
    ),
    _Known(
        "handler",
        "server-span-bare",
        "A trace is shown by its first span: who looks for the session does not find the request.",
        "Call bind_session(...) with the same id in place of set_session(...).",
    ),
    _Known(
        "session_id None",
        "none-as-id",
        "Each time another session begins.",
        "Leave session_id out where a new one is meant; else give the id.",
    ),
    _Known("session_id none", "none-as-id", "Each time another session begins.", "Have the callable return the id."),
    _Known(
        "bind None",
        "none-as-id",
        "Each time another session begins.",
        "Leave the id out where that is meant; else give the id.",
    ),
    _Known(
        "out of reach",
        "rewritten-late",
        "The exported spans have another session.",
        "Add the exporter's processor after that one.",
    ),
    _Known(
        "turn outside",
        "turn-outside",
        "Nobody finds the turn by a session.",
        "with set_session(session_id=...):  # around the turn; or bind_session(...) inside",
    ),
    _Known(
        "unused sampler",
        "sampler-not-taken",
        "Every trace is kept, whatever the ratio.",
        "TracerProvider(sampler=otel_sessions.sdk.ParentBasedSessionRatio(0.1)), or start it under opentelemetry-instrument.",
    ),
    _Known("sampler", "sampler-raised", "Sessions are torn apart.", "Report it, please, with the text above."),
    _Known(
        "room",
        "no-room",
        "What is left out does not reach the next service.",
        "List fewer keys, or shorter ones, in OTEL_SESSION_METADATA_ON_WIRE.",
    ),
)
_ELSEWHERE = ("unstamped", "unguarded", "scrubbed", "value limit")
"""What is found in another way as well."""


def findings_of(said: Iterable[tuple[str, int, str, str]]) -> list[Finding]:
    """Return a finding for each message that was said."""
    found = [_finding(*each) for each in said if not each[0].startswith(_ELSEWHERE)]
    left_out = {"server-span-bare"} if any(finding.code == "nobody-inside" for finding in found) else set()
    return [finding for finding in found if finding.code not in left_out]


def _finding(problem: str, level: int, text: str, where: str) -> Finding:
    known = next((each for each in _KNOWN if problem.startswith(each.problem)), None)
    word = text.partition(" ")[0]
    what = f"{text[0].upper() if word.isalpha() else text[0]}{text[1:]}".rstrip(".") + "."
    if problem.endswith("unentered"):
        known = _Known("", "never-entered", _LOST, f"with {problem.partition(' ')[0]}(...):")
    known = known or _Known("", "said", "The package says so once in a process.", _PAGE)
    return Finding(
        code=known.code,
        level="warning" if level >= _WARNING else "hint",
        what=what,
        where=where or "the logger otel_sessions",
        why=known.why,
        remedy=known.remedy,
    )
