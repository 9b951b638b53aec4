"""What a model has read and written, and what that cost, from whatever a span says of it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from . import raw as wire
from .facts import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .raw import Value

_new = tuple.__new__  # what a named tuple does, in a third of the time

MOST = 10**15
"""More tokens, or dollars, nobody has; what says so is not read, so that sums stay within 64 bits."""

_LONGEST = 1_048_576
"""Longest JSON that is read for the tokens in it, in characters."""

_CACHED, _THOUGHT = "cached", "reasoning"
_CACHE_READ = (
    _CACHED,
    "input_cached_tokens",
    "input_cache_read",
    "cache_read_input_tokens",
    "input_cache_read_tokens",
)
_CACHE_WRITE = (
    "input_cache_creation",
    "cache_creation_input_tokens",
    "input_cache_write",
    "input_cache_creation_tokens",
)
_REASONING = (_THOUGHT, "output_reasoning_tokens", "output_reasoning", "reasoning_tokens")
_DETAILS = (
    ("prompt_tokens_details", "cached_tokens", _CACHED),
    ("completion_tokens_details", "reasoning_tokens", _THOUGHT),
)
_GENKIT = "usage"
_INTEGER = 0x18


def count_of(value: Value) -> int | None:
    """Return a number of tokens: a whole number of 0 to `MOST`, also as a text; ``None`` where it is none."""
    if isinstance(value, bool):
        return None
    number = amount_of(value)
    return None if number is None else int(number)


def amount_of(value: Value) -> float | None:
    """Return an amount, likewise, which need not be whole."""
    if isinstance(value, str) and len(value) < 32:  # noqa: PLR2004  # longer than any
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value <= MOST else None  # and not for NaN


def count_in(raw: bytes) -> int | None:
    """Return the number of tokens that an attribute in its usual form is."""
    size = len(raw) - raw[1]
    if size == 6 and raw[-2] == _INTEGER:  # noqa: PLR2004  # tags, a length, and one byte of the number
        return raw[-1]
    if size == 7 and raw[-3] == _INTEGER:  # noqa: PLR2004
        return raw[-2] & 0x7F | raw[-1] << 7
    if size == 8 and raw[-4] == _INTEGER:  # noqa: PLR2004
        return raw[-3] & 0x7F | (raw[-2] & 0x7F) << 7 | raw[-1] << 14
    return count_of(wire.value_in(raw))


def tokens_of(attributes: Sequence[bytes], groups: Iterable[tuple[int, Sequence[int]]], *, is_beside: bool) -> Tokens:
    """Return the tokens of a span.

    Args:
        attributes: In their usual form.
        groups: The fields of `Tokens` that are there, by their number, and the places of each, best first.
        is_beside: Whether what was read from and written to a cache is not contained in the input.
    """
    found: list[int | None] = [None, None, None, None, None, None]
    for field, places in groups:
        for place in places:
            found[field] = count = count_in(attributes[place])
            if count is not None:
                break
    tokens: Tokens = _new(Tokens, found)
    if is_beside and tokens.input is not None:
        return tokens._replace(input=tokens.input + (tokens.cache_read or 0) + (tokens.cache_write or 0))
    return tokens


def tokens_in_json(raw: bytes) -> Tokens:
    """Return the tokens of a JSON object: Langfuse's, whose parts are disjoint, or Genkit's, which is the answer with its usage."""
    text = wire.text_in(raw)
    if not text or len(text) > _LONGEST:
        return Tokens()
    usage = _loaded(text)
    inner, raw_answer = usage.get(_GENKIT), usage.get("raw")
    if not isinstance(inner, dict):
        return _of_langfuse(usage)
    of_provider = raw_answer.get(_GENKIT) if isinstance(raw_answer, dict) else None
    return _of_genkit(inner, _details_in(of_provider) if isinstance(of_provider, dict) else {})


def _loaded(text: str) -> Mapping[str, Value]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _of_genkit(usage: Mapping[str, Value], details: Mapping[str, int]) -> Tokens:
    cached, thought = count_of(usage.get("cachedContentTokens")), count_of(usage.get("thoughtsTokens"))
    return Tokens(
        count_of(usage.get("inputTokens")),
        count_of(usage.get("outputTokens")),
        details.get(_CACHED) if cached is None else cached,
        None,
        details.get(_THOUGHT) if thought is None else thought,
        count_of(usage.get("totalTokens")),
    )


def _details_in(usage: Mapping[str, Value]) -> dict[str, int]:
    """Return the parts of input and output as OpenAI has them, which are contained there."""
    found: dict[str, int] = {}
    for details, key, name in _DETAILS:
        inner = usage.get(details)
        count = count_of(inner.get(key)) if isinstance(inner, dict) else None
        if count is not None:
            found[name] = count
    return found


def _of_langfuse(usage: Mapping[str, Value]) -> Tokens:
    counts = {key: count for key, value in usage.items() if (count := count_of(value)) is not None}
    counts.update(_details_in(usage))
    return Tokens(
        _sum_of(counts, "input", ("prompt_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")),
        _sum_of(counts, "output", ("completion_tokens",)),
        _named(counts, _CACHE_READ),
        _named(counts, _CACHE_WRITE),
        _named(counts, _REASONING),
        counts.get("total", counts.get("total_tokens")),
    )


def _sum_of(counts: Mapping[str, int], beginning: str, others: Sequence[str]) -> int | None:
    parts = [count for key, count in counts.items() if key.startswith(beginning) or key in others]
    return min(sum(parts), MOST) if parts else None


def _named(counts: Mapping[str, int], keys: Iterable[str]) -> int | None:
    return next((counts[key] for key in keys if key in counts), None)


def cost_in(raw: bytes) -> float | None:
    """Return what an attribute says it cost, in USD: a number, or Langfuse's JSON object with a total or parts.

    An object in which all is 0 is what Langfuse writes where it knows no price: that is none.
    """
    value = wire.value_in(raw)
    found = amount_of(value)
    if found is not None or not isinstance(value, str):
        return None if found is None else float(found)
    costs = _loaded(value) if len(value) < _LONGEST else {}
    parts = {key: amount for key, each in costs.items() if (amount := amount_of(each)) is not None}
    cost = parts["total"] if "total" in parts else math.fsum(parts.values())
    return float(cost) if cost else None
