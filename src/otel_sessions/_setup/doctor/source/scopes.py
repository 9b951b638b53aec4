"""What a name stands for at a place in source: the scopes of a module, and what binds a name in each."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BUILTINS = frozenset(vars(builtins))
_LONGEST_NAME = 16
"""How many words of a name are followed to its first: what is longer was not written by hand."""

_WITHOUT_BUILTINS = frozenset({"otel_sessions", "otel_sessions.sdk"})
"""Modules whose ``import *`` brings no name of a built-in."""


@dataclass(slots=True)
class Binding:
    """One place that binds a name.

    Attributes:
        node: The place.
        target: What is imported, with dots.
        value: What is assigned, or entered where it ``is_entered``.
        is_fallback: It stands in an ``except``, for an import that fails.
    """

    node: ast.AST
    target: str | None = None
    value: ast.expr | None = None
    is_entered: bool = False
    is_fallback: bool = False


@dataclass(slots=True)
class Scope:
    """A module, a class, or a function, as which comprehensions and lambdas count."""

    node: ast.AST
    parent: Scope | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    outer: dict[str, Scope] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    @property
    def is_class(self) -> bool:
        """Whether functions inside do not see its names."""
        return isinstance(self.node, ast.ClassDef)

    def bind(self, name: str, binding: Binding) -> None:
        """Note that ``binding`` binds ``name`` here, or where ``global`` and ``nonlocal`` say."""
        self.outer.get(name, self).bindings.setdefault(name, []).append(binding)

    def find(self, name: str) -> tuple[Scope, list[Binding]] | None:
        """Return the scope whose ``name`` is meant here, and what binds it there."""
        scope: Scope | None = self.outer.get(name, self)
        while scope is not None:
            if name in scope.bindings and (scope is self or not scope.is_class):
                return scope, scope.bindings[name]
            scope = scope.parent
        return None


class Scopes:
    """The scopes of one module, the scope of each of its nodes, and the node above each."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(tree)
        self.of: dict[ast.AST, Scope] = {}
        self.above: dict[ast.AST, ast.AST] = {}
        self.nodes: list[ast.AST] = []
        self.named: dict[str, list[ast.Name]] = {}
        # Not by recursion: source may nest deeper than Python calls.
        stack: list[tuple[ast.AST, Scope, bool]] = [(tree, self.module, False)]
        while stack:
            node, scope, is_fallback = stack.pop()
            self._note(node, scope, is_fallback=is_fallback)
            is_fallback = is_fallback or isinstance(node, ast.ExceptHandler)
            children = list(_inside(node, scope))
            self.above.update((child, node) for child, _ in children)
            stack.extend((child, inner, is_fallback) for child, inner in reversed(children))

    def _note(self, node: ast.AST, scope: Scope, *, is_fallback: bool) -> None:
        self.of[node] = scope
        self.nodes.append(node)
        if isinstance(node, ast.Name):
            self.named.setdefault(node.id, []).append(node)
            if _is_bound_by(self.above.get(node), node):
                return
        for name, binding in _bindings(node, scope):
            binding.is_fallback = is_fallback
            scope.bind(name, binding)

    def dotted(self, node: ast.AST | None, depth: int = 8) -> str | None:
        """Return what ``node`` is the name of, with its dots from the import on; ``None`` where that is not sure."""
        attributes = list[str]()
        while isinstance(node, ast.Attribute) and len(attributes) < _LONGEST_NAME:
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or depth == 0:
            return None
        base = self._named(node, depth)
        return None if base is None else ".".join([base, *reversed(attributes)])

    def _named(self, node: ast.Name, depth: int) -> str | None:
        found = self.of[node].find(node.id)
        if found is None:
            return self._from_outside(node.id)
        bindings = _sure(found[1])
        targets = {
            each.target or (None if each.is_entered else self.dotted(each.value, depth - 1)) for each in bindings
        }
        return targets.pop() if len(targets) == 1 else None

    def _from_outside(self, name: str) -> str | None:
        stars = self.module.stars
        if name in _BUILTINS and all(star in _WITHOUT_BUILTINS for star in stars):
            return f"builtins.{name}"
        return f"{stars[0]}.{name}" if len(stars) == 1 else None

    def only_binding(self, node: ast.AST | None) -> Binding | None:
        """Return what binds the name ``node``, if one place alone does."""
        found = self.of[node].find(node.id) if isinstance(node, ast.Name) else None
        return found[1][0] if found is not None and len(found[1]) == 1 else None

    def value_of(self, node: ast.expr | None) -> ast.expr | None:
        """Return ``node``, or what is assigned to it where it is a name and one place alone assigns it."""
        for _ in range(8):
            binding = self.only_binding(node)
            if binding is None or binding.value is None or binding.is_entered:
                return node
            node = binding.value
        return node

    def uses(self, name: str, scope: Scope) -> list[ast.Name]:
        """Return where the ``name`` of ``scope`` is read, also in functions inside."""
        return [
            node
            for node in self.named.get(name, ())
            if isinstance(node.ctx, ast.Load) and (found := self.of[node].find(name)) is not None and found[0] is scope
        ]

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Return what ``node`` stands in, from the inside out."""
        while (parent := self.above.get(node)) is not None:
            yield parent
            node = parent


def _sure(bindings: list[Binding]) -> list[Binding]:
    """Return ``bindings`` without what stands for an import that fails: no other library's, but a stand-in."""
    without = [each for each in bindings if not each.is_fallback or each.target is not None]
    return without if any(each.target for each in without) else bindings


def _inside(node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
    """Return the children of ``node``, each with its scope."""
    if isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef, *_COMPREHENSIONS)):
        own = Scope(node, scope)
        for name, value in ast.iter_fields(node):
            is_own = name in {"body", "args"} or isinstance(node, _COMPREHENSIONS)
            for child in _nodes(value):
                # Arguments are of the function, what they are by default is not.
                yield (child, own if is_own else scope)
        return
    if isinstance(node, ast.arguments):
        defaults = {id(each) for each in (*node.defaults, *node.kw_defaults)}
        for child in ast.iter_child_nodes(node):
            yield child, (scope.parent or scope) if id(child) in defaults else scope
        return
    for child in ast.iter_child_nodes(node):
        yield child, scope


def _nodes(value: object) -> list[ast.AST]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST)]


def _is_bound_by(parent: ast.AST | None, name: ast.Name) -> bool:
    """Tell whether ``name`` is bound by the statement above it, which knows the value, or is not bound at all."""
    match parent:
        case ast.Assign(targets=[target]):
            return target is name
        case ast.AnnAssign(target=target) | ast.NamedExpr(target=target) | ast.withitem(optional_vars=target):
            return target is name
    return False


def _bindings(node: ast.AST, scope: Scope) -> Iterator[tuple[str, Binding]]:  # noqa: C901, PLR0912  # one line for each kind
    match node:
        case ast.Import() | ast.ImportFrom():
            yield from _imports(node, scope)
        case ast.Global():
            module = scope
            while module.parent is not None:
                module = module.parent
            scope.outer.update(dict.fromkeys(node.names, module))
        case ast.Nonlocal():
            for name in node.names:
                found = scope.parent.find(name) if scope.parent is not None else None
                scope.outer[name] = found[0] if found is not None else scope
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name, Binding(node)
        case ast.arg():
            yield node.arg, Binding(node)
        case ast.Assign(targets=targets, value=value) if len(targets) == 1 and isinstance(targets[0], ast.Name):
            yield targets[0].id, Binding(node, value=value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, Binding(node, value=value)
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            while isinstance(scope.node, _COMPREHENSIONS) and scope.parent is not None:
                scope.outer[name] = scope = scope.parent
            yield name, Binding(node, value=value)
        case ast.withitem(context_expr=value, optional_vars=ast.Name(id=name)):
            yield name, Binding(node, value=value, is_entered=True)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name, Binding(node)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name, Binding(node)
        case ast.MatchMapping(rest=str(name)):
            yield name, Binding(node)


def _imports(node: ast.Import | ast.ImportFrom, scope: Scope) -> Iterator[tuple[str, Binding]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            yield name, Binding(node, target=alias.name if alias.asname else name)
        return
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        if alias.name == "*":
            scope.stars.append(module)
        else:
            yield alias.asname or alias.name, Binding(node, target=f"{module}.{alias.name}")
