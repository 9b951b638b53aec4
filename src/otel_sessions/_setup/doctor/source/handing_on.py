"""Work that is sent from inside a session to where no context goes by itself: threads, processes, queues."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .module import argument
from .places import name_of
from .scopes import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_sessions._setup.doctor.finding import Finding, Level

    from .module import Module

THREADING = "opentelemetry.instrumentation.threading"

_THREADS = frozenset({"concurrent.futures.ThreadPoolExecutor", "concurrent.futures.thread.ThreadPoolExecutor"})
_PROCESSES = frozenset(
    {
        "concurrent.futures.ProcessPoolExecutor",
        "concurrent.futures.process.ProcessPoolExecutor",
        "multiprocessing.Pool",
        "multiprocessing.pool.Pool",
    }
)
_OF_POOLS = frozenset({"submit", "map", "apply", "apply_async", "map_async", "starmap", "imap", "imap_unordered"})
_STARTS_THREAD = frozenset({"threading.Thread", "threading.Timer"})
_STARTS_PROCESS = frozenset({"multiprocessing.Process"})
_CARRIES = frozenset(
    {"to_carrier", "copy_context", "carrier", "headers", "inject", "get_current", "run", "wrap", "context"}
)
"""Words in the arguments of a call that say that somebody has thought of the context."""


def look(module: Module, *, has_threading: bool, is_set_up_here: bool) -> Iterator[Finding]:
    """Find it.

    Args:
        module: What was read.
        has_threading: The program uses the instrumentation of threads.
        is_set_up_here: The program sets its pipeline up in code, so that nothing else is likely to be active.
    """
    for node in module.scopes.nodes:
        kind = _kind(module, node) if isinstance(node, ast.Call) else ""
        if (
            not isinstance(node, ast.Call)
            or not kind
            or module.session_around(node) is None
            or _is_carrying(module, node)
        ):
            continue
        told = {"call": module.source(node)}
        if kind == "thread" and not has_threading:
            level: Level | None = None if is_set_up_here else "hint"
            yield from module.tell_as(level, "thread-without-context", node, **told, value=_in_context(module, node))
        elif kind == "process":
            work = _work(module, node)
            carrying = module.source(node).replace(work, f"{work}, to_carrier()", 1)
            yield from module.tell("process-without-carrier", node, **told, value=work, next=carrying)
        elif kind != "thread":
            yield from module.tell("job-without-carrier", node, **told, next=kind)


def _kind(module: Module, call: ast.Call) -> str:
    """Return ``thread``, ``process``, what to write for the job of a queue, or nothing."""
    dotted = module.scopes.dotted(call.func) or ""
    if dotted in _STARTS_THREAD:
        return "thread"
    if dotted in _STARTS_PROCESS:
        return "process"
    if not isinstance(call.func, ast.Attribute):
        return _huey_job(module, call)
    method, owner = call.func.attr, call.func.value
    if method == "run_in_executor":
        return "process" if call.args and _made_by(module, call.args[0]) in _PROCESSES else "thread"
    maker = _made_by(module, owner)
    if method in _OF_POOLS and maker in _THREADS | _PROCESSES:
        return "thread" if maker in _THREADS else "process"
    return _job(module, call, owner, method, maker)


def _job(module: Module, call: ast.Call, owner: ast.expr, method: str, maker: str) -> str:
    arguments = module.source(call)[len(module.source(call.func)) + 1 : -1]
    if method in {"enqueue", "enqueue_in", "enqueue_at"} and maker in {"rq.Queue", "rq.queue.Queue"}:
        return f"{module.source(call.func)}({arguments}, meta=to_carrier())  # in the job: from_carrier(get_current_job().meta)"
    is_actor = method == "send" and _is_decorated(module, owner, "dramatiq.actor")
    is_arq = method == "enqueue_job" and module.imports("arq")
    if is_actor or is_arq:
        given = f"{arguments}, " if arguments else ""
        return f"{module.source(call.func)}({given}carrier=to_carrier())  # in the job: with from_carrier(carrier):"
    return ""


def _huey_job(module: Module, call: ast.Call) -> str:
    function = _function(module, call.func)
    is_job = function is not None and any(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and each.func.attr == "task"
        and _is_huey(module, each.func.value)
        for each in function.decorator_list
    )
    if not is_job:
        return ""
    arguments = ", ".join([*map(module.source, (*call.args, *call.keywords)), "carrier=to_carrier()"])
    return f"{module.source(call.func)}({arguments})  # in the job: with from_carrier(carrier):"


def _is_huey(module: Module, owner: ast.expr) -> bool:
    return _made_by(module, owner).startswith("huey.")


def _is_decorated(module: Module, node: ast.expr, decorator: str) -> bool:
    function = _function(module, node)
    decorators = [] if function is None else function.decorator_list
    return any(
        module.scopes.dotted(each.func if isinstance(each, ast.Call) else each) == decorator for each in decorators
    )


def _function(module: Module, node: ast.expr) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    binding = module.scopes.only_binding(node)
    return binding.node if binding is not None and isinstance(binding.node, FUNCTIONS) else None


def _made_by(module: Module, node: ast.expr) -> str:
    """Return the class by whose call ``node`` was made, as far as it shows."""
    binding = module.scopes.only_binding(node)
    value = node if binding is None else binding.value
    return (module.scopes.dotted(value.func) or "") if isinstance(value, ast.Call) else ""


def _is_carrying(module: Module, call: ast.Call) -> bool:
    """Tell whether the arguments of ``call`` hand the context on, or may do."""
    given = [*call.args, *(each.value for each in call.keywords)]
    resolved = [each for value in given for each in (value, module.scopes.value_of(value)) if each is not None]
    words = (name_of(part) for value in resolved for part in ast.walk(value))
    has_keyword = any(each.arg in _CARRIES for each in call.keywords)
    is_scope = any(module.scope_call(each.func) is not None for each in resolved if isinstance(each, ast.Call))
    return has_keyword or is_scope or not _CARRIES.isdisjoint(words)


def _work(module: Module, call: ast.Call) -> str:
    given = argument(call, "target") or next(
        iter(call.args[1:2] if name_of(call.func) == "run_in_executor" else call.args[:1]), None
    )
    return "work" if given is None else module.source(given)


def _in_context(module: Module, call: ast.Call) -> str:
    return f"contextvars.copy_context().run in the place of {_work(module, call)}, which comes after it"
