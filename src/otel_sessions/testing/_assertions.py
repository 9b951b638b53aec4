"""What a test claims about spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions._session.session import SESSION_ID, USER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan


def assert_all_spans_have_session(
    spans: Iterable[ReadableSpan], session_id: str | None = None, *, user_id: str | None = None
) -> None:
    """Assert that there are ``spans``, and that each has a ``session.id``.

    Args:
        spans: Spans that have ended, as `InMemoryPipeline.spans` or an in-memory exporter gives them.
        session_id: The session that all must have; ``None`` is any, another one for each too.
        user_id: The user that all must have; ``None`` does not look at it.

    Raises:
        AssertionError: It lists each span that fails, by name and instrumentation, with what it has.
    """
    found = list(spans)
    if not found:
        message = "there is no span: has any ended, was it sampled, and did it come from another tracer provider?"
        raise AssertionError(message)
    wanted = {SESSION_ID: session_id, **({} if user_id is None else {USER_ID: user_id})}
    failing = [span for span in found if not _has(span.attributes or {}, wanted)]
    if failing:
        lines = [_line(span) for span in failing]
        message = f"{len(failing)} of {len(found)} spans have not {_told(wanted)}:\n" + "\n".join(lines)
        raise AssertionError(message)


def _has(attributes: Mapping[str, object], wanted: Mapping[str, str | None]) -> bool:
    return all(attributes.get(key) if value is None else attributes.get(key) == value for key, value in wanted.items())


def _told(wanted: Mapping[str, str | None]) -> str:
    return ", ".join(f"{key} of any kind" if value is None else f"{key}={value!r}" for key, value in wanted.items())


def _line(span: ReadableSpan) -> str:
    attributes = span.attributes or {}
    scope = "" if span.instrumentation_scope is None else f" ({span.instrumentation_scope.name})"
    ids = ", ".join(f"{key}={attributes[key]!r}" for key in (SESSION_ID, USER_ID) if key in attributes)
    return f"  {span.name}{scope}: {ids or 'neither session.id nor user.id'}"
