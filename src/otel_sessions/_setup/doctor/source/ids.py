"""Ids that are none: they may be missing, are always the same, belong to somebody, or tell too much."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from . import values
from .module import argument
from .places import name_of
from .scopes import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_sessions._setup.doctor.finding import Finding, Level

    from .module import Module
    from .places import Places

_IS_SESSION = re.compile(r"session|conversation|thread_id", re.IGNORECASE)
_WITH_ID = {"set_session", "bind_session", "sdk.instrument"}
_WITH_USER = _WITH_ID | {"update_session"}


class _Given(NamedTuple):
    """An id that is given to a call of this package."""

    function: str
    call: ast.Call
    field: str
    value: ast.expr


def look(module: Module, places: Places, *, hides_users: bool) -> Iterator[Finding]:
    """Find them. ``hides_users``: users are hashed or left out in this program."""
    for name, call in module.calls:
        session_id = _session_id(module, name, call) if name in _WITH_ID else None
        if session_id is not None:
            yield from _of_session(module, places, _Given(name, call, "session_id", session_id))
        user_id = argument(call, "user_id") if name in _WITH_USER else None
        if user_id is not None:
            yield from _of_user(module, _Given(name, call, "user_id", user_id), hides_users=hides_users)
    for node in module.scopes.nodes:
        if isinstance(node, ast.ClassDef):
            yield from _of_model(module, node)


def _of_model(module: Module, owner: ast.ClassDef) -> Iterator[Finding]:
    """Look at the fields of a model, such as the body of a request is: a random id by default is made once."""
    is_model = any(name_of(each) == "BaseModel" for each in owner.bases)
    for node in owner.body if is_model else ():
        if isinstance(node, ast.AnnAssign) and _IS_SESSION.search(name_of(node.target)):
            parts = values.parts_of(module, node.value)
            made = next((part for part in parts if values.calls_one_of(module, part, values.UUIDS)), None)
            if made is not None:
                told = {"value": module.source(made), "owner": owner.name, "field": name_of(node.target)}
                yield from module.tell("id-made-once", node, **told)


def _session_id(module: Module, name: str, call: ast.Call) -> ast.expr | None:
    named = argument(call, "session_id")
    if named is not None or name == "sdk.instrument":
        return named
    if name == "bind_session":
        return argument(call, "session_id", 0)
    if values.has_two_ids(module, call):
        return call.args[0]
    first, second = argument(call, "ctx", 0), argument(call, "session_id", 1)
    if second is not None:
        return second
    is_context = first is None or values.is_context(module, module.scopes.value_of(first) or first)
    return None if is_context else first


def _first(module: Module, given: _Given, test: Callable[[ast.expr], bool]) -> ast.expr | None:
    return next((part for part in values.parts_of(module, given.value) if test(part)), None)


def _tell(
    module: Module, code: str, given: _Given, part: ast.expr, /, level: Level | None = None, **texts: str
) -> Iterator[Finding]:
    told = {"value": _shown(module, part), "field": given.field, "function": given.function}
    yield from module.tell_as(level, code, given.call, **told, call=module.source(given.call), **texts)


def _shown(module: Module, part: ast.expr) -> str:
    """Return ``part`` as it is written, without what may be an id in it."""
    match part:
        case ast.Constant(value=str() | bytes() as value):
            return "..." if value else repr(value)
        case ast.Dict() | ast.List() | ast.Tuple() | ast.Set():
            return f"a {type(part).__name__.lower()}"
    return module.source(part)


def _no_id(module: Module, given: _Given, value: ast.expr) -> Iterator[Finding]:
    # An empty text is written on purpose, if at all.
    is_empty = isinstance(value, ast.Constant) and value.value == ""
    yield from _tell(module, "wrong-type-id", given, value, "hint" if is_empty else None)


def _of_user(module: Module, given: _Given, *, hides_users: bool) -> Iterator[Finding]:
    secret = _first(module, given, lambda part: values.is_secret(module, part))
    personal = _first(module, given, lambda part: values.is_personal(module, part))
    wrong = module.scopes.value_of(given.value) or given.value
    if secret is not None:
        yield from _tell(module, "secret-as-id", given, secret)
    elif personal is not None and not hides_users:
        yield from _tell(module, "personal-user-id", given, personal)
    elif values.is_no_id(module, wrong):
        yield from _no_id(module, given, wrong)


def _of_session(module: Module, places: Places, given: _Given) -> Iterator[Finding]:
    value = module.scopes.value_of(given.value) or given.value
    tests: tuple[tuple[str, Callable[[ast.expr], bool]], ...] = (
        ("secret-as-id", lambda part: values.is_secret(module, part)),
        ("personal-session-id", lambda part: values.is_personal(module, part)),
        ("trace-as-session-id", lambda part: values.is_trace_id(module, part)),
        ("request-as-session-id", values.is_request_id),
        ("unstable-id", lambda part: values.is_of_process(module, part)),
    )
    if values.is_context(module, value):
        spelled = module.spelled("set_session", given.call)
        yield from _tell(module, "context-as-id", given, given.value, set=spelled)
        return
    if values.is_no_id(module, value):
        yield from _no_id(module, given, value)
        return
    for code, test in tests:
        part = _first(module, given, test)
        if part is not None:
            yield from _tell(module, code, given, part)
            return
    yield from _of_owner(module, places, given, value)


def _of_owner(module: Module, places: Places, given: _Given, value: ast.expr) -> Iterator[Finding]:
    """Look at an id that could be one, by where it comes from and who is served by it."""
    decorated = module.decorated_by(given.call)
    function = decorated or module.function_of(given.call)
    serves_many = places.serves_many(function)
    owner = function.name if isinstance(function, FUNCTIONS) else ""
    made = _first(module, given, lambda part: values.calls_one_of(module, part, values.UUIDS))
    if made is not None:
        is_once = decorated is not None or (serves_many and module.function_of(made) is None)
        is_for_nobody = serves_many and module.function_of(made) is function and not _is_used_elsewhere(module, given)
        if is_once:
            yield from _tell(module, "id-made-once", given, made, owner=owner)
        elif is_for_nobody and not isinstance(given.value, ast.BoolOp):
            yield from _tell(module, "own-uuid", given, made)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str) and serves_many:
        yield from _tell(module, "constant-id", given, value, owner=owner)
    elif values.is_stand_in(module, value):
        yield from _tell(module, "stand-in-id", given, value)
    elif (default := _default_made_once(module, given.value)) is not None:
        yield from _tell(module, "id-made-once", given, default, owner=owner)
    else:
        yield from _weak(module, given, value)


def _is_used_elsewhere(module: Module, given: _Given) -> bool:
    """Tell whether the id is kept, and read in another place than the call: it is given to somebody."""
    if not isinstance(given.value, ast.Name):
        above = module.scopes.above[given.call]
        return not (isinstance(above, ast.Expr) or (isinstance(above, ast.withitem) and above.optional_vars is None))
    found = module.scopes.of[given.value].find(given.value.id)
    return found is not None and len(module.scopes.uses(given.value.id, found[0])) > 1


def _default_made_once(module: Module, value: ast.expr) -> ast.expr | None:
    """Return what a parameter is by default, where that is a random id: made once, for all calls."""
    binding = module.scopes.only_binding(value)
    if binding is None or not isinstance(binding.node, ast.arg):
        return None
    arguments: Any = module.scopes.above[binding.node]
    names = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(reversed(names), reversed(arguments.defaults)), *zip(arguments.kwonlyargs, arguments.kw_defaults)]  # noqa: B905  # as many as have one
    default = next((default for name, default in pairs if name is binding.node), None)
    made = values.parts_of(module, default)
    return next((part for part in made if values.calls_one_of(module, part, values.UUIDS)), None)


def _weak(module: Module, given: _Given, value: ast.expr) -> Iterator[Finding]:
    user_id = argument(given.call, "user_id")
    if user_id is not None and _is_same(module, user_id, given.value):
        yield from _tell(module, "user-as-session-id", given, given.value)
    elif (user := _user_alone(value)) is not None:
        yield from _tell(module, "user-in-session-id", given, given.value, next=module.source(user))
    elif (part := _first(module, given, lambda part: values.is_by_chance(module, part))) is not None:
        yield from _tell(module, "id-by-chance", given, part)
    elif values.may_be_none(module, value) and not _is_tested(module, given.value):
        yield from _tell(module, "id-may-be-none", given, value, next=_required(module, value))


def _is_same(module: Module, one: ast.expr, other: ast.expr) -> bool:
    return not isinstance(one, ast.Constant) and module.source(one) == module.source(other)


def _user_alone(value: ast.expr) -> ast.expr | None:
    """Return the user of which alone the id ``value`` is made."""
    if not isinstance(value, ast.JoinedStr):
        return value if values.is_user(value) else None
    fields = [each.value for each in value.values if isinstance(each, ast.FormattedValue)]
    return fields[0] if len(fields) == 1 and values.is_user(fields[0]) else None


def _is_tested(module: Module, value: ast.expr) -> bool:
    """Tell whether the name ``value`` is read in another place, as in ``if session_id is None``."""
    found = module.scopes.of[value].find(value.id) if isinstance(value, ast.Name) else None
    if found is None or not isinstance(value, ast.Name):
        return False
    tests = (ast.If, ast.IfExp, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Assert, ast.While, ast.Match)
    return any(isinstance(module.scopes.above[use], tests) for use in module.scopes.uses(value.id, found[0]))


def _required(module: Module, value: ast.expr) -> str:
    """Return ``value`` in a form that fails where the key is missing."""
    call: Any = value
    is_of_environment = module.is_called(call, "os.getenv")
    container = "os.environ" if is_of_environment else module.source(call.func.value)
    return f"{container}[{module.source(call.args[0])}]"
