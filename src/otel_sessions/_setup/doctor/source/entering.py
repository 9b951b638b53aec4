"""Scopes that are made and not entered, entered and not made, or that stand where they do nothing."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .module import SCOPES
from .places import route_of
from .scopes import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from otel_sessions._setup.doctor.finding import Finding

    from .module import Module

NO_SCOPES = frozenset({"bind_session", "get_session", "end_session"})
_READS_ALL = frozenset({"locals", "globals", "vars", "eval", "exec"})

_OF_SESSION = frozenset({"id", "user_id", "name", "path", "previous_id", "metadata", "tags"})
_OF_TURN = frozenset({"input", "output", "handle", "span"})
_OF_SCOPE = frozenset({"wrap", "context", "session"})


def look(module: Module, others: Iterable[str]) -> Iterator[Finding]:
    """Find them. ``others`` are the texts of the other modules, which may use what this one keeps."""
    for name, call in module.calls:
        if name in SCOPES:
            yield from _statement(module, name, call)
            yield from _kept(module, name, call, others)
    for node in module.scopes.nodes:
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                yield from _item(module, item)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield from _decorators(module, node)


def _statement(module: Module, name: str, call: ast.Call) -> Iterator[Finding]:
    above = module.scopes.above[call]
    told = {"call": module.source(call), "function": name}
    if isinstance(above, ast.Await):
        yield from module.tell("awaited", call, **told)
    elif isinstance(above, ast.Expr):
        yield from module.tell("not-entered", call, **told, next=_next(module, above))


def _next(module: Module, statement: ast.stmt) -> str:
    """Return the statement that is to be inside, if it has one line."""
    following = module.after(statement)
    if following is None:
        return "..."
    if following.lineno == following.end_lineno:
        return f"{module.source(following)}  # and what follows"
    header = module.parsed.lines[following.lineno - 1].strip()
    return f"{header}\n        ..." if header.endswith(":") and not module.written_ids(following) else "..."


def _kept(module: Module, name: str, call: ast.Call, others: Iterable[str]) -> Iterator[Finding]:
    statement = module.scopes.above[call]
    target = _target(statement, call)
    if target is None or any(each in module.scopes.named for each in _READS_ALL):
        return
    found = module.scopes.of[target].find(target.id)
    if found is None or len(found[1]) > 1:
        return
    scope = found[0]
    if scope.is_class or (scope is module.scopes.module and any(target.id in text for text in others)):
        return
    unused = _OF_TURN if name == "turn" else _OF_SESSION
    if all(_is_read_of(module, use, unused) for use in module.scopes.uses(target.id, scope)):
        yield from module.tell("never-entered", call, name=target.id, call=module.source(call))


def _target(statement: ast.AST, call: ast.Call) -> ast.Name | None:
    match statement:
        case ast.Assign(targets=[ast.Name() as target]) | ast.AnnAssign(target=ast.Name() as target):
            return target if statement.value is call else None
    return None


def _is_read_of(module: Module, use: ast.Name, attributes: frozenset[str]) -> bool:
    above = module.scopes.above[use]
    return isinstance(above, ast.Attribute) and above.attr in attributes


def _item(module: Module, item: ast.withitem) -> Iterator[Finding]:
    name = module.ours(item.context_expr)
    if name in SCOPES:
        yield from module.tell("not-called", item.context_expr, function=str(name))
    if not isinstance(item.context_expr, ast.Call):
        return
    called = module.ours(item.context_expr.func)
    if called in NO_SCOPES:
        yield from _no_scope(module, called, item.context_expr, in_block=True)
    elif called in SCOPES - {"turn"} and isinstance(item.optional_vars, ast.Name):
        yield from _session_for_scope(module, item.context_expr, item.optional_vars)


def _no_scope(module: Module, name: str, call: ast.Call, *, in_block: bool) -> Iterator[Finding]:
    arguments = module.arguments(call)
    spelled = module.spelled("set_session", call)
    remedies = {
        ("bind_session", True): f"with {spelled}({arguments}):",
        ("bind_session", False): f"@{spelled}({arguments})",
        ("get_session", True): f"session = {module.source(call)}",
    }
    remedy = remedies.get((name, in_block), module.source(call))
    yield from module.tell("bind-is-no-scope", call, call=module.source(call), value=remedy)


def _session_for_scope(module: Module, call: ast.Call, target: ast.Name) -> Iterator[Finding]:
    if module.scopes.only_binding(target) is None:
        return
    for use in module.scopes.uses(target.id, module.scopes.of[target]):
        above = module.scopes.above[use]
        if isinstance(above, ast.Attribute) and above.attr in _OF_SCOPE:
            told = {"name": target.id, "call": module.source(call), "value": above.attr}
            is_taken = target.id == "scope"  # by the scope itself
            yield from module.tell("session-is-no-scope", above, **told, next="" if is_taken else f" as {target.id}")
        elif isinstance(above, ast.Attribute) and isinstance(above.ctx, ast.Store):
            told = {"name": target.id, "value": above.attr, "function": module.spelled("update_session", call)}
            yield from module.tell("session-is-frozen", above, **told)


def _decorators(module: Module, owner: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[Finding]:
    for place, decorator in enumerate(owner.decorator_list):
        bare = module.ours(decorator)
        called = module.ours(decorator.func) if isinstance(decorator, ast.Call) else None
        name = bare or called or ""
        if called in NO_SCOPES and isinstance(decorator, ast.Call):
            yield from _no_scope(module, called, decorator, in_block=False)
        if name not in SCOPES:
            continue
        told = {"function": name, "call": module.source(decorator), "owner": owner.name}
        if isinstance(owner, ast.ClassDef):
            yield from module.tell("decorates-class", decorator, **told)
        elif bare:
            value = f'("{owner.name}")' if name in {"turn", "step"} else "()"
            yield from module.tell("decorator-not-called", decorator, **told, value=value)
        below = next(filter(route_of, owner.decorator_list[place + 1 :]), None)
        if below is not None:
            yield from module.tell("decorator-above-route", decorator, **told, decorator="@" + module.source(below))
