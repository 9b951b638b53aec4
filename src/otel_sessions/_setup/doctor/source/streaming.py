"""Sessions around a ``yield``, and streams that are read when the block is over."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .module import SCOPES
from .places import is_generator, name_of, route_of, yields_of
from .scopes import FUNCTIONS, Function

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from otel_sessions._setup.doctor.finding import Finding

    from .module import Module

_PLAIN = frozenset({"staticmethod", "classmethod", "override"})
"""Decorators that leave a generator what it is."""

_RESPONSES = frozenset({"StreamingResponse", "EventSourceResponse", "StreamingHttpResponse", "Response"})
_HELD = frozenset({"fastapi", "starlette", "sse_starlette", "django", "flask"})
"""Whose responses have the session of a decorated function until their body is sent."""
_STREAMS = frozenset({"astream", "astream_events", "run_stream", "run_stream_events", "stream_async", "stream_events"})


def look(module: Module, dependencies: Collection[str]) -> Iterator[Finding]:
    """Find them. ``dependencies`` are the names of functions that are dependencies of FastAPI, anywhere in the program."""
    for node in module.scopes.nodes:
        if isinstance(node, (ast.With, ast.AsyncWith)) and module.entered(node):
            function = module.function_of(node)
            if isinstance(function, FUNCTIONS):
                yield from _around_yield(module, node, function, dependencies)
                yield from _outliving(module, node, function)
    for function in module.functions:
        yield from _returned_by_decorated(module, function)


def _around_yield(
    module: Module, block: ast.With | ast.AsyncWith, function: Function, dependencies: Collection[str]
) -> Iterator[Finding]:
    if not any(True for _ in yields_of(block)):
        return
    _, call, item = module.entered(block)[0]
    is_dependency = function.name in dependencies
    if not is_dependency and not _is_read_as_generator(module, function):
        return
    code = "around-yield"
    if is_dependency:
        code = "dependency-under-spans" if isinstance(function, ast.AsyncFunctionDef) else "dependency-in-thread"
    told = {"call": module.source(call), "owner": function.name, "value": module.arguments(call)}
    kind = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
    yield from module.tell(code, item.context_expr, **told, kind=kind, bind=module.spelled("bind_session", call))


def _is_read_as_generator(module: Module, function: Function) -> bool:
    """Tell whether ``function`` is a generator for whoever calls it: no context manager, fixture or hook."""
    is_plain = all(_leaves_it(module, each) for each in function.decorator_list)
    uses = module.scopes.uses(function.name, module.scopes.of[function])
    is_handed_on = any(not _is_called(module, use) for use in uses)
    return is_plain and not is_handed_on and not function.name.startswith("pytest_")


def _leaves_it(module: Module, decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return module.ours(function) in SCOPES or name_of(function) in _PLAIN or route_of(decorator) is not None


def _is_called(module: Module, use: ast.Name) -> bool:
    above = module.scopes.above[use]
    return isinstance(above, ast.Call) and above.func is use


def _outliving(module: Module, block: ast.With | ast.AsyncWith, function: Function) -> Iterator[Finding]:
    if is_generator(function):
        return
    name, call, item = module.entered(block)[-1]
    is_bound = any(called == "bind_session" and module.function_of(each) is function for called, each in module.calls)
    if name == "clear_session" or (is_bound and name != "turn"):
        return
    for node in _returns(block):
        stream = _stream_in(module, node.value)
        if stream is not None and not _is_other_block(module, node, block):
            told = {"call": module.source(call), "value": module.source(stream)}
            remedy = _remedy(module, item, _wrapped(module, node, stream), is_turn=name == "turn")
            yield from module.tell("stream-outlives-block", node, **told, next=remedy)


def _remedy(module: Module, item: ast.withitem, line: str, *, is_turn: bool) -> str:
    call = module.source(item.context_expr)
    if not is_turn:
        return f"scope = {call}\nwith scope:\n    {line}"
    name = item.optional_vars.id if isinstance(item.optional_vars, ast.Name) else "t"
    return f"with {call} as {name}:\n    {line.replace('scope.wrap(', f'{name}.wrap(', 1)}"


def _is_other_block(module: Module, node: ast.Return, block: ast.AST) -> bool:
    """Tell whether a block inside of ``block`` is the one to tell of."""
    inner = next((each for each in module.blocks_around(node) if module.entered(each)), None)
    return inner is not block


def _wrapped(module: Module, node: ast.Return, stream: ast.expr) -> str:
    """Return the statement ``node`` with the ``stream`` in it wrapped, or with it in the place of a name."""
    whole, part = module.source(node), module.source(stream)
    return whole.replace(part, f"scope.wrap({part})", 1) if part in whole else f"return scope.wrap({part})"


def _returns(top: Function | ast.With | ast.AsyncWith) -> Iterator[ast.Return]:
    stack: list[ast.AST] = list(top.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Return):
            yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.expr)):
            stack.extend(ast.iter_child_nodes(node))


def _stream_in(module: Module, value: ast.expr | None) -> ast.expr | None:
    """Return what of ``value`` is a stream that has not been read, and that nothing of ours wraps."""
    if value is None:
        return None
    value = module.scopes.value_of(value) or value
    if isinstance(value, ast.Call) and name_of(value.func) in _RESPONSES and _is_response(module, value):
        contents = [*value.args[:1], *(each.value for each in value.keywords if each.arg in {"content", "response"})]
        streams = (_stream_in(module, each) for each in contents)
        return next((each for each in streams if each is not None), None)
    if isinstance(value, ast.Call) and name_of(value.func) == "stream_with_context" and value.args:
        return _stream_in(module, value.args[0])
    return value if _is_stream(module, value) else None


def _is_response(module: Module, call: ast.Call) -> bool:
    return _maker_of(module, call) in {*_HELD, "quart"}


def _maker_of(module: Module, call: ast.Call) -> str:
    """Return the package that what is called comes from."""
    return (module.scopes.dotted(call.func) or "").partition(".")[0]


def _is_held(module: Module, value: ast.expr | None) -> bool:
    value = None if value is None else module.scopes.value_of(value) or value
    return isinstance(value, ast.Call) and name_of(value.func) in _RESPONSES and _maker_of(module, value) in _HELD


def _is_stream(module: Module, value: ast.expr) -> bool:
    called = value.value if isinstance(value, ast.Await) else value
    if isinstance(called, ast.GeneratorExp):
        return True
    if not isinstance(called, ast.Call) or _mentions_wrap(called):
        return False
    if isinstance(called.func, ast.Attribute) and called.func.attr in _STREAMS:
        return True
    if any(
        each.arg == "stream" and isinstance(each.value, ast.Constant) and each.value.value is True
        for each in called.keywords
    ):
        return isinstance(called.func, ast.Attribute) and called.func.attr in {
            "create",
            "acreate",
            "completion",
            "acompletion",
            "run",
            "arun",
        }
    function = _generator_called(module, called)
    return function is not None


def _generator_called(module: Module, call: ast.Call) -> Function | None:
    """Return the generator of this module that is called, if its body is in no session of its own."""
    binding = module.scopes.only_binding(call.func)
    function = None if binding is None else binding.node
    if not isinstance(function, FUNCTIONS) or function.decorator_list or not is_generator(function):
        return None
    has_own = any(module.function_of(each) is function for name, each in module.calls if name in SCOPES)
    return None if has_own else function


def _mentions_wrap(call: ast.Call) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr == "wrap" for each in ast.walk(call))


def _returned_by_decorated(module: Module, function: Function) -> Iterator[Finding]:
    ours = [each for each in function.decorator_list if isinstance(each, ast.Call) and module.ours(each.func) in SCOPES]
    if not ours or is_generator(function) or any(module.ours(each.func) in {"turn", "clear_session"} for each in ours):
        return
    for node in _returns(function):
        stream = _stream_in(module, node.value)
        is_in_block = any(module.entered(each) for each in module.blocks_around(node))
        if stream is not None and not is_in_block and not _is_held(module, node.value):
            told = {"owner": function.name, "call": module.source(ours[0]), "value": module.source(stream)}
            yield from module.tell("stream-outlives-decorator", node, **told)
