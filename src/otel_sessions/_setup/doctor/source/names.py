"""The public names of this package, and the arguments that its functions take: what else is written raises.

Written down here, since source is read without importing what it names; a test compares them with the package.
"""

from __future__ import annotations

import ast
from difflib import get_close_matches
from typing import TYPE_CHECKING

from . import values
from .module import PACKAGE, argument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_sessions._setup.doctor.finding import Finding

    from .module import Module

_SESSION = ("name", "path", "previous_id", "metadata", "tags")

ARGUMENTS: dict[str, tuple[int, frozenset[str]]] = {
    "set_session": (2, frozenset({"ctx", "session_id", "user_id", *_SESSION})),
    "bind_session": (1, frozenset({"session_id", "user_id", *_SESSION})),
    "update_session": (0, frozenset({"user_id", "name", "metadata", "tags"})),
    "clear_session": (1, frozenset({"ctx"})),
    "get_session": (1, frozenset({"ctx"})),
    "end_session": (1, frozenset({"session"})),
    "step": (1, frozenset({"name"})),
    "from_carrier": (1, frozenset({"carrier"})),
    "to_carrier": (0, frozenset({"environ", "level"})),
    "turn": (1, frozenset({"name", "input", "new_trace", "tracer"})),
}
"""For each function how many arguments may be given without their names, and the names."""

_REQUIRED = {"step": '"..."', "from_carrier": "carrier"}

_MEANT = {
    "id": "session_id",
    "session": "session_id",
    "sid": "session_id",
    "conversation_id": "session_id",
    "thread_id": "session_id",
    "user": "user_id",
    "inputs": "input",
    "question": "input",
}

PUBLIC = frozenset(
    {
        *ARGUMENTS,
        "Check",
        "Session",
        "SessionLogFilter",
        "SessionScope",
        "Turn",
        "add_session_ids",
        "check",
        "check_equals",
        "check_includes",
        "check_json",
        "check_regex",
        "feedback",
        "log",
        "session_headers",
    }
)
OF_SDK = frozenset(
    {
        "DialectSpanExporter",
        "ParentBasedSessionRatio",
        "PhoenixAnnotationExporter",
        "SessionLogRecordProcessor",
        "SessionPropagator",
        "SessionRatioSampler",
        "SessionSpanProcessor",
        "Stats",
        "instrument",
        "stats",
        "uninstrument",
    }
)
MODULES = frozenset({"sdk", "cli", "demo", "testing", "view"})


def look(module: Module) -> Iterator[Finding]:
    """Find names that are not there, and arguments that are not taken."""
    for node in module.scopes.nodes:
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                yield from _name(module, node, node.module or "", alias.name)
        elif isinstance(node, ast.Attribute):
            dotted = module.scopes.dotted(node.value)
            yield from _name(module, node, dotted or "", node.attr)
    for name, call in module.calls:
        yield from _arguments(module, name, call)
        yield from _two_ids(module, name, call)
        yield from _fields(module, call)


def _name(module: Module, node: ast.stmt | ast.expr, owner: str, name: str) -> Iterator[Finding]:
    here, there, where = (PUBLIC, OF_SDK, f"{PACKAGE}.sdk") if owner == PACKAGE else (OF_SDK, PUBLIC, PACKAGE)
    is_other = owner not in {PACKAGE, f"{PACKAGE}.sdk"} or name == "*" or name.startswith("_")
    if is_other or name in here or (owner == PACKAGE and name in MODULES) or _is_guarded(module, node):
        return
    told = {"name": name, "owner": owner}
    if name in there:
        yield from module.tell("import-from-sdk", node, **told, right=f"from {where} import {name}")
        return
    near = get_close_matches(name, [*PUBLIC, *OF_SDK], 1, 0.6)
    right = "".join(f"from {PACKAGE}{'.sdk' if each in OF_SDK else ''} import {each}" for each in near)
    yield from module.tell("no-such-name", node, **told, right=right or f"one of {', '.join(sorted(here))}")


def _is_guarded(module: Module, node: ast.AST) -> bool:
    """Tell whether the program is ready for ``node`` to raise: it stands in a ``try``, or below an ``if``."""
    guards = (ast.Try, ast.ExceptHandler, ast.If)
    return any(isinstance(above, guards) for above in module.scopes.ancestors(node))


def _arguments(module: Module, name: str, call: ast.Call) -> Iterator[Finding]:
    if name not in ARGUMENTS or any(isinstance(each, ast.Starred) for each in call.args):
        return
    places, names = ARGUMENTS[name]
    unknown = [each.arg for each in call.keywords if each.arg is not None and each.arg not in names]
    told = {"call": module.source(call), "function": name}
    if unknown:
        near = _MEANT.get(unknown[0]) or "".join(get_close_matches(unknown[0], names, 1, 0.6))
        remedy = f"{near}=..." if near in names else f"{name}({', '.join(f'{each}=...' for each in sorted(names))})"
        if name == "update_session" and "session_id" in {near, unknown[0]}:
            remedy = f"{module.spelled('set_session', call)}(session_id=...)  # another session; update_session keeps the one that is there"
        yield from module.tell("wrong-arguments", call, **told, value=unknown[0], next=remedy)
    elif name in _REQUIRED and not call.args and not call.keywords:
        yield from module.tell("wrong-arguments", call, **told, value="none at all", next=f"{name}({_REQUIRED[name]})")
    elif len(call.args) > places:
        shown = module.source(call.args[places])
        remedy = f"{name}({', '.join(f'{each}=...' for each in sorted(names))})"
        yield from module.tell("wrong-arguments", call, **told, value=f"`{shown}` without a name", next=remedy)


def _fields(module: Module, call: ast.Call) -> Iterator[Finding]:
    for field, right in (("tags", "[{}]"), ("metadata", '{{"key": {}}}')):
        value = argument(call, field)
        if isinstance(value, (ast.Constant, ast.JoinedStr)) and not values.is_none(value):
            told = {"call": module.source(call), "field": field, "value": module.source(value)}
            yield from module.tell("wrong-type-field", value, **told, next=f"{field}={right.format(told['value'])}")


def _two_ids(module: Module, name: str, call: ast.Call) -> Iterator[Finding]:
    if name == "set_session" and values.has_two_ids(module, call):
        first, second = (shown(module, each) for each in call.args)
        spelled = module.spelled(name, call)
        yield from module.tell("two-ids", call, call=module.source(call), function=spelled, value=first, next=second)


def shown(module: Module, node: ast.expr) -> str:
    """Return ``node`` as it is written, but for a text, which may be an id."""
    return '"..."' if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) else module.source(node)
