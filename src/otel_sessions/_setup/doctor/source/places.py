"""What kind of place a function is: a handler of requests, of a connection, a job of a queue, a dependency."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .scopes import FUNCTIONS, Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .module import Module

_METHODS = frozenset(
    {"get", "post", "put", "delete", "patch", "head", "options", "trace", "route", "api_route", "view"}
)
_CONNECTIONS = frozenset({"websocket", "websocket_route"})
_REGISTRARS = frozenset(
    {"Route", "WebSocketRoute", "path", "re_path", "add_route", "add_api_route", "add_url_rule", "add_post", "add_get"}
)
_JOBS = {
    "dramatiq": frozenset({"actor"}),
    "huey": frozenset({"task", "periodic_task"}),
    "rq": frozenset({"job"}),
}


def route_of(decorator: ast.expr) -> str | None:
    """Return the method by which ``decorator`` registers a handler: one with a path, as in FastAPI, Flask and aiohttp."""
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
        return None
    paths = [*decorator.args[:1], *(each.value for each in decorator.keywords if each.arg in {"path", "rule", "uri"})]
    is_path = any(isinstance(each, ast.Constant) and str(each.value).startswith("/") for each in paths)
    is_registering = decorator.func.attr in _METHODS | _CONNECTIONS
    return decorator.func.attr if is_path and is_registering else None


class Places:
    """The kinds of the functions of one module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        registered = [
            node for node in module.scopes.nodes if isinstance(node, ast.Call) and name_of(node.func) in _REGISTRARS
        ]
        self._by_name = {
            argument.id: name_of(call.func)
            for call in registered
            for argument in call.args
            if isinstance(argument, ast.Name)
        }

    def is_connection(self, function: ast.AST | None) -> bool:
        """Tell whether ``function`` handles a WebSocket."""
        if not isinstance(function, FUNCTIONS):
            return False
        by_route = any(route_of(each) in _CONNECTIONS for each in function.decorator_list)
        annotations = (each.annotation for each in (*function.args.posonlyargs, *function.args.args))
        return by_route or any(name_of(each).endswith("WebSocket") for each in annotations)

    def is_handler(self, function: ast.AST | None) -> bool:
        """Tell whether ``function`` handles one request."""
        if not isinstance(function, FUNCTIONS) or self.is_connection(function):
            return False
        by_route = any(map(route_of, function.decorator_list))
        by_name = (
            self._by_name.get(function.name) is not None
            and self._module.scopes.of[function] is self._module.scopes.module
        )
        return by_route or by_name or self._is_view(function)

    def _is_view(self, function: Function) -> bool:
        """Tell whether ``function`` is a view of Django, as far as its module shows."""
        first = [*function.args.posonlyargs, *function.args.args][:1]
        is_of_request = any(each.arg == "request" for each in first) and not function.decorator_list
        is_in_module = self._module.scopes.of[function] is self._module.scopes.module
        return is_of_request and is_in_module and self._module.imports("django.http", "django.shortcuts")

    def is_job(self, function: ast.AST | None) -> bool:
        """Tell whether ``function`` is a job of a queue for which no instrumentation starts a span."""
        if not isinstance(function, FUNCTIONS):
            return False
        words = {name_of(each.func if isinstance(each, ast.Call) else each) for each in function.decorator_list}
        return any(words & of_package and self._module.imports(package) for package, of_package in _JOBS.items())

    def serves_many(self, function: ast.AST | None) -> bool:
        """Tell whether ``function`` is called for many."""
        return self.is_handler(function) or self.is_connection(function) or self.is_job(function)


def dependencies_in(module: Module) -> Iterator[str]:
    """Return the names of the functions that are dependencies of FastAPI: ``Depends(name)``."""
    for node in module.scopes.nodes:
        if isinstance(node, ast.Call) and module.scopes.dotted(node.func) in {
            "fastapi.Depends",
            "fastapi.params.Depends",
        }:
            for argument in (*node.args[:1], *(each.value for each in node.keywords if each.arg == "dependency")):
                yield name_of(argument)


def is_generator(function: Function) -> bool:
    """Tell whether the body of ``function`` yields."""
    return any(True for _ in yields_of(function))


def yields_of(top: Function | ast.With | ast.AsyncWith) -> Iterator[ast.expr]:
    """Return each ``yield`` in the body of ``top``, without those of functions inside."""
    stack: list[ast.AST] = list(top.body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef, ast.GeneratorExp)):
            stack.extend(ast.iter_child_nodes(node))


def name_of(node: ast.AST | None) -> str:
    """Return the last word of a name with dots."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
