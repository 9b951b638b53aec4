"""Which spans are of a call of a model, by the conventions of OpenInference, of OpenTelemetry, and of OpenLLMetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_KIND = "openinference.span.kind"
_OPERATION = "gen_ai.operation.name"
_REQUEST = "llm.request.type"
"""OpenInference "Span Kind"; semantic conventions "Generative AI"; `traceloop.semconv.SpanAttributes`."""

_KINDS = frozenset({"LLM", "EMBEDDING"})
_OPERATIONS = frozenset({"chat", "completion", "text_completion", "generate_content", "embeddings", "embedding"})


def is_of_model(attributes: Mapping[str, object]) -> bool:
    """Tell by its ``attributes`` whether a span is of a call of a model."""
    if str(attributes.get(_KIND)).upper() in _KINDS:
        return True
    return attributes.get(_OPERATION) in _OPERATIONS or attributes.get(_REQUEST) in _OPERATIONS
