"""A session without its content: what may be handed on to somebody who must not read the conversation. Pure.

Ids, names of spans, times, counts and judgements stay; words, attributes, bodies, texts of errors and explanations go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAID = ("input", "output")
_OF_CHECK = ("explanation",)


def without_content(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer for a session or a trace without words and attributes."""
    bare = dict(answer)
    bare["turns"] = [_without(turn, _SAID) for turn in answer.get("turns", ())]
    bare["spans"] = [_bare_span(span) for span in answer["spans"]]
    bare["logs"] = [_bare(_without(log, ("body",))) for log in answer["logs"]]
    bare["checks"] = [_without(check, _OF_CHECK) for check in answer["checks"]]
    bare["resources"] = [{} for _ in answer["resources"]]
    return bare


def _bare_span(span: Mapping[str, Any]) -> dict[str, Any]:
    bare = _bare(_without(span, _SAID))
    bare["error"] = "error" if span["error"] else None
    bare["events"] = [_bare(event) for event in span["events"]]
    bare["links"] = [_bare(link) for link in span["links"]]
    return bare


def _bare(said: Mapping[str, Any]) -> dict[str, Any]:
    return {**said, "attributes": {}} | ({"cut": {}} if "cut" in said else {})


def _without(said: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {**said, **dict.fromkeys(names)}
