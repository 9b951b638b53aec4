"""The attribute names under which other backends look for a session: one table, and what follows from it. Pure.

A backend is one row of `_TABLE`; adding one is adding a row. Only what was run, read in a server's
or an SDK's source, or documented stands here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .session import DISPLACED, METADATA_PREFIX, SESSION_ID, TAGS, USER_ID, WIRE_KEYS, extras_in
from .session import NAME as SESSION_NAME
from .session import PATH as SESSION_PATH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Value = str | tuple[str, ...]
    Pairs = tuple[tuple[str, str], ...]

_GENAI_PREFIX = "gen_ai."
CONVERSATION_ID = "gen_ai.conversation.id"
SPAN_KIND = "openinference.span.kind"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one backend reads: a row of the table.

    Attributes:
        name: What a user calls it in ``OTEL_SESSION_DIALECTS``.
        source: How the names are known: ``run`` against it, ``code`` of its server or SDK, or ``doc``.
        address: Where to look them up.
        names: Pairs of its name and ours, for what is passed on as it is.
        metadata: A prefix for each key of the metadata.
        metadata_json: A name for all of the metadata, as a JSON object.
        tags_text: A name for the tags in one text, with commas between.
    """

    name: str
    source: str
    address: str
    names: Pairs = ()
    metadata: str = ""
    metadata_json: str = ""
    tags_text: str = ""


# One row for each backend, by name. Backends that read ``session.id`` and ``user.id`` on every span need none:
# Phoenix, Arize AX, MLflow, Opik and AWS AgentCore.
_TABLE = (
    Dialect(  # also for Logfire, Sentry, Dynatrace, Honeycomb and Grafana
        "genai",
        "run",
        "https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md",
        ((CONVERSATION_ID, SESSION_ID),),
    ),
    Dialect(  # its session.id and user.id are ours
        "openinference",
        "doc",
        "https://arize-ai.github.io/openinference/spec/attributes/context.html",
        (("tag.tags", TAGS),),
        metadata_json="metadata",
    ),
    Dialect(
        "langfuse",
        "code",
        "https://langfuse.com/integrations/native/opentelemetry#property-mapping",
        (("langfuse.session.id", SESSION_ID), ("langfuse.user.id", USER_ID), ("langfuse.trace.tags", TAGS)),
        metadata="langfuse.trace.metadata.",
    ),
    Dialect(
        "laminar",
        "code",
        "https://github.com/lmnr-ai/lmnr-python/blob/main/src/lmnr/opentelemetry_lib/tracing/attributes.py",
        (
            ("lmnr.association.properties.session_id", SESSION_ID),
            ("lmnr.association.properties.user_id", USER_ID),
            ("lmnr.association.properties.tags", TAGS),
        ),
        metadata="lmnr.association.properties.metadata.",
    ),
    Dialect(  # its langsmith.trace.session_id is a project
        "langsmith",
        "doc",
        "https://docs.langchain.com/langsmith/trace-with-opentelemetry",
        (("langsmith.metadata.session_id", SESSION_ID), ("langsmith.metadata.user_id", USER_ID)),
        metadata="langsmith.metadata.",
        tags_text="langsmith.span.tags",
    ),
    Dialect(
        "braintrust",
        "doc",
        "https://www.braintrust.dev/docs/integrations/sdk-integrations/opentelemetry/attributes",
        (
            ("braintrust.metadata.session_id", SESSION_ID),
            ("braintrust.metadata.user_id", USER_ID),
            ("braintrust.tags", TAGS),
        ),
        metadata="braintrust.metadata.",
    ),
    Dialect(
        "traceloop",
        "code",
        "https://www.traceloop.com/docs/openllmetry/tracing/association",
        (
            ("traceloop.association.properties.session_id", SESSION_ID),
            ("traceloop.association.properties.user_id", USER_ID),
        ),
        metadata="traceloop.association.properties.",
    ),
    Dialect(  # the second name is that of its threads
        "weave",
        "code",
        "https://docs.wandb.ai/weave/guides/tracking/otel",
        (("weave.conversation.id", SESSION_ID), ("wandb.thread_id", SESSION_ID)),
    ),
    Dialect(
        "helicone",
        "code",
        "https://docs.helicone.ai/features/sessions",
        (
            ("traceloop.association.properties.Helicone-Session-Id", SESSION_ID),
            ("traceloop.association.properties.Helicone-Session-Path", SESSION_PATH),
            ("traceloop.association.properties.Helicone-Session-Name", SESSION_NAME),
            ("traceloop.association.properties.Helicone-User-Id", USER_ID),
        ),
        metadata="traceloop.association.properties.Helicone-Property-",
    ),
    Dialect(
        "posthog",
        "code",
        "https://posthog.com/docs/llm-analytics/sessions",
        (("$ai_session_id", SESSION_ID), ("posthog.distinct_id", USER_ID)),
    ),
    Dialect(  # it reads our session.id
        "azure",
        "code",
        "https://github.com/Azure/azure-sdk-for-python/tree/main/sdk/monitor/azure-monitor-opentelemetry-exporter",
        (("enduser.id", USER_ID), ("enduser.pseudo.id", USER_ID)),
    ),
    Dialect(  # its own SDK sets both
        "honeyhive",
        "code",
        "https://docs.honeyhive.ai/v2/integrations/opentelemetry-collector",
        (("honeyhive.session_id", SESSION_ID), ("traceloop.association.properties.session_id", SESSION_ID)),
    ),
)

DIALECTS: Mapping[str, Dialect] = {row.name: row for row in _TABLE}
"""The rows of the table, by name."""

NAMES: tuple[str, ...] = tuple(sorted(DIALECTS))
"""What ``OTEL_SESSION_DIALECTS`` may list."""

FIELDS = (*WIRE_KEYS, TAGS, METADATA_PREFIX + "<key>")
"""What a name of the user's own may stand for, for messages."""

_PLAIN_FIELDS = frozenset({*WIRE_KEYS, TAGS})


def is_field(key: str) -> bool:
    """Tell whether ``key`` is one of ours that another name may stand for: see `FIELDS`."""
    return key in _PLAIN_FIELDS or (key.startswith(METADATA_PREFIX) and key != METADATA_PREFIX)


def is_alias(alias: str, key: str) -> bool:
    """Tell whether ``alias`` can stand for our ``key``; no name of ours can mean anything else."""
    return bool(alias) and is_field(key) and not is_field(alias) and alias not in DISPLACED


def is_genai(attributes: Mapping[str, object]) -> bool:
    """Tell whether a span, or a log record, with these ``attributes`` is about generative AI already.

    It is if it has an attribute of the GenAI conventions, or a span kind of OpenInference. Every kind of those
    counts but ``UNKNOWN``: the attribute is required of spans of OpenInference and set on no others, so that
    backends take its spans for AI spans, whatever the kind, and new kinds come up (``PROMPT``, ``DECISION``).

    ``gen_ai.conversation.id`` alone counts for nothing: it may be ours. Nor do ``traceloop.*`` and ``llm.*``,
    which are no reason for PostHog or Langfuse to make an AI span of one that has no ``gen_ai.*``.
    """
    kind = attributes.get(SPAN_KIND)
    if isinstance(kind, str) and kind and kind.upper() != "UNKNOWN":
        return True
    for key in attributes:  # noqa: SIM110  # half the time of any(), and asked for each span
        if key.startswith(_GENAI_PREFIX) and key != CONVERSATION_ID:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a pipeline stamps beside our own names: some dialects, and names of the user's own.

    Attributes:
        names: Pairs of a name and ours, for every span.
        genai_names: The same, for spans about generative AI alone (see `is_genai`): elsewhere a ``gen_ai.*``
            attribute makes PostHog and Langfuse take a span for an AI span.
        metadata: Prefixes for the keys of the metadata.
        metadata_json: Names for all of the metadata as a JSON object.
        tags_text: Names for the tags in one text.
        is_empty: It has no names at all.
        has_genai_only: It has names for spans about generative AI.
    """

    names: Pairs = ()
    genai_names: Pairs = ()
    metadata: tuple[str, ...] = ()
    metadata_json: tuple[str, ...] = ()
    tags_text: tuple[str, ...] = ()
    is_empty: bool = field(init=False)
    has_genai_only: bool = field(init=False)

    def __post_init__(self) -> None:
        """Note what is asked for each span."""
        all_names = (self.names, self.genai_names, self.metadata, self.metadata_json, self.tags_text)
        object.__setattr__(self, "is_empty", not any(all_names))
        object.__setattr__(self, "has_genai_only", bool(self.genai_names))

    @classmethod
    def of(cls, dialects: Iterable[str], aliases: Iterable[tuple[str, str]] = ()) -> Vocabulary:
        """Return the names of ``dialects`` and ``aliases`` (pairs of a name and ours) together.

        What is unknown among them is passed over: who reads the settings warns of it. A name of the user's own
        beats the same name in a dialect.
        """
        rows = [DIALECTS[name] for name in dict.fromkeys(dialects) if name in DIALECTS]
        own = [(alias, key) for alias, key in aliases if is_alias(alias, key)]
        names = dict([pair for row in rows for pair in row.names] + own)
        return cls(
            tuple(pair for pair in names.items() if not pair[0].startswith(_GENAI_PREFIX)),
            tuple(pair for pair in names.items() if pair[0].startswith(_GENAI_PREFIX)),
            _distinct(row.metadata for row in rows),
            _distinct(row.metadata_json for row in rows),
            _distinct(row.tags_text for row in rows),
        )

    def __bool__(self) -> bool:
        """Tell whether there is any name to stamp."""
        return not self.is_empty

    def names_for(self, attributes: Mapping[str, object], *, is_genai: bool) -> dict[str, Value]:
        """Return what to stamp beside the ``attributes`` of a session, which may be all that a span has.

        A key of the metadata that would come out as the name of an id (``session_id`` for LangSmith) gives way.

        Args:
            attributes: Where our names are; others are passed over, and so is what is no text or empty.
            is_genai: Whether it is for a span about generative AI.
        """
        found = self._extras(attributes)
        for alias, key in (*self.names, *self.genai_names) if is_genai else self.names:
            value = attributes.get(key)
            if value and isinstance(value, tuple if key == TAGS else str):
                found[alias] = value
        return found

    def _extras(self, attributes: Mapping[str, object]) -> dict[str, Value]:
        """Return the metadata and the tags in other forms than ours."""
        if not (self.metadata or self.metadata_json or self.tags_text):
            return {}
        metadata, tags = extras_in(attributes)
        found: dict[str, Value] = {prefix + key: text for prefix in self.metadata for key, text in metadata.items()}
        if metadata:
            found.update(dict.fromkeys(self.metadata_json, json.dumps(metadata, ensure_ascii=False)))
        if tags:
            found.update(dict.fromkeys(self.tags_text, ",".join(tags)))
        return found


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, names)))
