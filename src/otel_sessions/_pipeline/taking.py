"""What a span that is ending takes where nobody has named it: ids of the call of a model, and of an agent framework.

The user of the process is nobody's, for this, and so is the session of the process beside a framework's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_sessions._context.attribute_store import attributes_and_limit, change, store_of
from otel_sessions._context.process_session import is_of_process
from otel_sessions._session import user_ids
from otel_sessions._session.ids import FRAMEWORK
from otel_sessions._session.provider_ids import KEYS, ids_in, is_recorder
from otel_sessions._session.session import SESSION_ID, USER_ID
from otel_sessions._settings.settings import in_process

from . import framework_spans
from .value_limits import fitted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from otel_sessions._context.local_trace import Note
    from otel_sessions._settings.settings import Settings

    from .wording import Wording

    Value = str | tuple[str, ...]

_MAX_TRACERS = 256
"""Most tracers that are remembered; an application that makes more has them judged again."""


class Taking:
    """What the spans of one processor take.

    Attributes:
        is_on: They take anything.
        of_frameworks: They take what agent frameworks carry.
        plain_tracer: The last tracer of those whose spans tell of nothing.
        plain_tracers: All of them, held, so that nobody else gets the id.
    """

    __slots__ = ("_of_calls", "_wording", "is_on", "of_frameworks", "plain_tracer", "plain_tracers")

    def __init__(self, settings: Settings, wording: Wording) -> None:
        words = () if settings.disabled else settings.provider_ids
        self.is_on = bool(words)
        self.of_frameworks = FRAMEWORK in words
        self.plain_tracer: object = None
        self.plain_tracers: dict[int, object] = {}
        self._of_calls = tuple(KEYS[word] for word in words if word in KEYS)
        self._wording = wording

    def take(self, span: Any, note: Note, tracer: Any) -> bool:  # noqa: ANN401  # of an SDK
        """Put on ``span``, of ``tracer``, what it tells of its call and its framework; tell whether there was any."""
        of_call = self._of_calls if is_recorder(tracer.name) else ()
        if not of_call and not self.of_frameworks:
            if len(self.plain_tracers) >= _MAX_TRACERS:
                self.plain_tracers = {}
            self.plain_tracers[id(tracer)] = self.plain_tracer = tracer
            return False
        if note.stamp is None:
            return False
        attributes, limit = attributes_and_limit(span)
        lacking = [key for key in (SESSION_ID, USER_ID) if key not in attributes or is_of_process(key, attributes[key])]
        has_taken = bool(lacking) and self._take(span, note, attributes, limit, of_call, lacking)
        if self.of_frameworks:
            framework_spans.tell_above_at_end(span, note)
        return has_taken

    def _take(  # noqa: PLR0913, PLR0917  # what is known of the span
        self,
        span: Any,  # noqa: ANN401
        note: Note,
        attributes: Mapping[str, Any],
        limit: int | None,
        of_call: Collection[str],
        lacking: Collection[str],
    ) -> bool:
        wanted = [key for key in of_call if key in lacking]
        from_call = ids_in(attributes, wanted) if wanted else {}
        carried = framework_spans.ids_of(attributes, note, lacking) if self.of_frameworks else {}
        ids = _shown({**from_call, **carried})
        if not ids:
            return False
        names = self._wording.vocabulary.names_for(ids, is_genai=self._wording.is_for_genai(attributes))
        put: Mapping[str, Value] = {**names, **ids}
        if limit is not None:
            put = dict(fitted(put.items(), limit, self._wording.ids))
        # What is there of it is the process's, as it was stamped; all else that is there stays.
        stamps = dict(note.stamps)
        put = {key: value for key, value in put.items() if key not in attributes or attributes[key] == stamps.get(key)}
        replaced = put.keys() & stamps.keys()
        note.stamps = tuple({**stamps, **{key: put[key] for key in replaced}}.items())
        note.from_call = from_call.keys() - carried.keys()
        return change(store_of(span), put, kept=self._wording.kept) > 0 or bool(replaced)


def _shown(ids: dict[str, str]) -> dict[str, str]:
    """Return ``ids`` as they may be shown."""
    settings = in_process()
    user_id = ids.pop(USER_ID, None)
    shown = None if user_id is None else user_ids.shown(user_id, settings.user_privacy, settings.user_hash_key)
    return ids if shown is None else {**ids, USER_ID: shown}
