"""Where sessions are bound, and in which order a pipeline is set up."""

from __future__ import annotations

import ast
from itertools import takewhile
from typing import TYPE_CHECKING

from .scopes import FUNCTIONS, Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_sessions._setup.doctor.finding import Finding

    from .module import Module
    from .places import Places

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_AROUND = (ast.With, ast.AsyncWith, ast.ClassDef, *FUNCTIONS)
"""What may have opened a span, or is told of elsewhere, as a decorator is."""

_SETS_PROVIDER = ("opentelemetry.trace.set_tracer_provider",)
_SETS_PROPAGATOR = ("opentelemetry.propagate.set_global_textmap",)


def look(module: Module, places: Places, *, is_guarded: bool) -> Iterator[Finding]:
    """Find them. ``is_guarded``: something in this program guards the propagators."""
    for name, call in module.calls:
        if name == "bind_session":
            yield from _bound(module, places, call)
        elif name == "sdk.instrument":
            yield from _too_early(module, call)
        elif name == "sdk.SessionSpanProcessor" and not is_guarded:
            yield from module.tell("unguarded", call)
    for function in module.functions:
        if places.is_handler(function):
            yield from _around_handler(module, function)


def _bound(module: Module, places: Places, call: ast.Call) -> Iterator[Finding]:
    function = module.function_of(call)
    told = {"call": module.source(call), "value": module.arguments(call), "set": module.spelled("set_session", call)}
    if places.is_connection(function):
        inside = takewhile(lambda each: each is not function, module.scopes.ancestors(call))
        if any(isinstance(each, _LOOPS) for each in inside):
            yield from module.tell("bind-in-websocket", call, **told)
    elif function is None:
        if not any(isinstance(each, _AROUND) for each in module.scopes.ancestors(call)):
            yield from module.tell("bind-without-span", call, **told)
    elif isinstance(function, FUNCTIONS) and places.is_job(function) and not any(module.blocks_around(call)):
        yield from module.tell("bind-in-job", call, **told, owner=function.name)


def _too_early(module: Module, call: ast.Call) -> Iterator[Finding]:
    function = module.function_of(call)
    is_given = bool(call.args) or any(each.arg in {"tracer_provider", None} for each in call.keywords)
    later = [
        node
        for node in module.scopes.nodes
        if isinstance(node, ast.Call) and node.lineno > call.lineno and module.function_of(node) is function
    ]
    told = {"call": module.source(call)}
    providers = [node for node in later if module.is_called(node, *_SETS_PROVIDER) and not is_given]
    for node in providers[:1]:
        yield from module.tell("instrument-before-provider", call, **told, next=module.source(node))
    for node in later:
        if module.is_called(node, *_SETS_PROPAGATOR) and _is_unguarded(module, node):
            yield from module.tell("propagator-after-instrument", node, **told, value=module.source(node))


def _is_unguarded(module: Module, call: ast.Call) -> bool:
    """Tell whether the propagator that is set is one of OpenTelemetry, with none of ours in or around it."""
    given = [value for each in call.args if (value := module.scopes.value_of(each)) is not None]
    is_ours = any(module.ours(part) == "sdk.SessionPropagator" for each in given for part in ast.walk(each))
    makers = [module.scopes.dotted(each.func) or "" for each in given if isinstance(each, ast.Call)]
    return not is_ours and any(maker.startswith("opentelemetry.") for maker in makers)


def _around_handler(module: Module, function: Function) -> Iterator[Finding]:
    body = [each for each in function.body if not _is_docstring(each)]
    if not body or any(name == "bind_session" and module.function_of(call) is function for name, call in module.calls):
        return
    *before, block = [each for each in body if not isinstance(each, ast.Return)] or body
    if not isinstance(block, (ast.With, ast.AsyncWith)) or not all(
        isinstance(each, (ast.Assign, ast.AnnAssign)) for each in before
    ):
        return
    for name, call, item in module.entered(block):
        if name == "set_session":
            told = {"call": module.source(call), "owner": function.name, "value": module.arguments(call)}
            told["bind"] = module.spelled("bind_session", call)
            yield from module.tell("set-session-in-handler", item.context_expr, **told)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
