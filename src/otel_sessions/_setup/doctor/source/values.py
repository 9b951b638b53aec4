"""What an expression is that is given as an id: somebody's address, a secret, a clock, a key that may be missing."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from otel_sessions._session.ids import is_weak

from .places import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .module import Module

_PERSONAL = re.compile(
    r"(?:(?:user|customer|client|caller|sender|from|to)_?)?(?:e_?mail(?:_address)?|phone(?:_number)?|mobile(?:_number)?)"
    r"|(?:remote|client|user|peer)_?(?:addr|ip|host)|ip_address|x-forwarded-for|x-real-ip|ssn|msisdn",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"(?:(?:access|auth|bearer|id|refresh|api|session|csrf|jwt)[_-]?)?token|jwt|(?:x-)?api[_-]?key|password|passwd|secret"
    r"|(?:proxy-)?authorization|bearer|session_key",
    re.IGNORECASE,
)
_LOGIN_COOKIE = re.compile(r"session(?:_?id)?|sid|jsessionid|phpsessid|connect\.sid", re.IGNORECASE)
_USER = re.compile(r"(?:current_)?user(?:_?(?:id|name))?|uid", re.IGNORECASE)

_REQUEST = re.compile(r"(?:aws_?)?request_?id|(?:x-)?request-id|x-amzn-requestid|x-amzn-trace-id", re.IGNORECASE)

_MOST_PARTS = 100

_UNCHANGED = frozenset({"str", "strip", "lower", "upper", "casefold", "format", "decode", "removeprefix", "split"})
"""Functions whose value is as personal as what they are given."""

UUIDS = frozenset(
    {"uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7", "secrets.token_hex", "secrets.token_urlsafe"}
)
_OF_PROCESS = frozenset({"builtins.id", "builtins.hash"})
_BY_CHANCE = frozenset(
    {
        "time.time",
        "time.time_ns",
        "time.monotonic",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "random.random",
        "random.randint",
        "random.randrange",
        "random.choice",
        "random.getrandbits",
        "os.getpid",
        "threading.get_ident",
    }
)
FLOATS = frozenset({"time.time", "time.monotonic", "random.random"})
_CONTEXTS = frozenset(
    {
        "opentelemetry.context.get_current",
        "opentelemetry.context.Context",
        "opentelemetry.context.context.Context",
        "opentelemetry.trace.set_span_in_context",
        "opentelemetry.baggage.set_baggage",
        "opentelemetry.propagate.extract",
    }
)


def parts_of(module: Module, value: ast.expr | None) -> Iterator[ast.expr]:
    """Return what ``value`` is made of: itself, what a name in it stands for, and what a text is put together from."""
    stack, seen = [value], set[ast.expr]()
    while stack and len(seen) < _MOST_PARTS:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        stack.extend(reversed(_parts(module, node)))


def _parts(module: Module, node: ast.expr) -> list[ast.expr]:  # noqa: PLR0911  # one for each kind
    match node:
        case ast.Name():
            value = module.scopes.value_of(node)
            return [] if value is None or value is node else [value]
        case ast.JoinedStr(values=values) | ast.BoolOp(values=values):
            return values
        case ast.FormattedValue(value=value) | ast.Await(value=value) | ast.NamedExpr(value=value):
            return [value]
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.Subscript(value=ast.Call(func=ast.Attribute(attr="split")) as value):
            return [value]
        case ast.Call(func=function, args=arguments) if name_of(function) in _UNCHANGED | {"int"}:
            return [*([function.value] if isinstance(function, ast.Attribute) else []), *arguments]
        case ast.Attribute(value=value, attr="hex" | "int"):
            return [value]
        case ast.Call(func=ast.Attribute(value=value, attr="isoformat" | "strftime" | "timestamp")):
            return [value]
    return []


def key_of(node: ast.expr) -> str:
    """Return the name of what ``node`` reads: of a variable, an attribute, or a key, by ``[...]`` or ``get(...)``."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Call(func=ast.Attribute(attr="get" | "getenv" | "getlist"), args=[ast.Constant(value=str(key)), *_]):
            return key
        case ast.Attribute(value=ast.Attribute(attr="client"), attr="host"):
            return "client_host"
    return name_of(node)


def is_personal(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` reads somebody's address or number."""
    return _PERSONAL.fullmatch(key_of(node)) is not None and not _is_written_out(module, node)


def is_secret(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` reads what opens something."""
    key = key_of(node)
    is_cookie = name_of(_container_of(node)).lower() in {"cookies", "cookie"}
    is_login = is_cookie and _LOGIN_COOKIE.fullmatch(key) is not None
    return (is_login or _SECRET.fullmatch(key) is not None) and not _is_written_out(module, node)


def _is_written_out(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` is the name of a text that stands in the source: that of a test."""
    is_constant = isinstance(node, ast.Name) and node.id.isupper()
    return is_constant or isinstance(module.scopes.value_of(node), ast.Constant)


def is_user(node: ast.expr) -> bool:
    """Tell whether ``node`` names a user: ``user_id``, ``user.id``."""
    if isinstance(node, ast.Attribute) and node.attr in {"id", "pk", "username", "uid"}:
        return _USER.fullmatch(name_of(node.value)) is not None
    return _USER.fullmatch(key_of(node)) is not None and key_of(node) != "user"


def has_two_ids(module: Module, call: ast.Call) -> bool:
    """Tell whether ``call``, of `set_session`, has a session and a user by place, where a Context and a session go."""
    if len(call.args) != 2:  # noqa: PLR2004
        return False
    first, second = call.args
    if isinstance(first, (ast.Constant, ast.JoinedStr)):
        return not (is_none(first) or is_none(second))
    is_named_so = name_of(first).lower() in {"ctx", "context", "parent"}
    is_of_context = is_named_so or is_context(module, module.scopes.value_of(first) or first)
    return not is_of_context and (is_user(second) or key_of(second) == "user")


def _container_of(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.Subscript(value=value) | ast.Call(func=ast.Attribute(value=value)):
            return value
    return None


def calls_one_of(module: Module, node: ast.expr, names: frozenset[str]) -> bool:
    """Tell whether ``node`` is a call of one of ``names``."""
    return isinstance(node, ast.Call) and module.scopes.dotted(node.func) in names


def is_of_process(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` is another value in each process."""
    return calls_one_of(module, node, _OF_PROCESS)


def is_by_chance(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` is a clock or a number that may come again."""
    return calls_one_of(module, node, _BY_CHANCE)


def is_context(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` is a Context of OpenTelemetry."""
    return calls_one_of(module, node, _CONTEXTS)


def is_none(node: ast.expr) -> bool:
    """Tell whether ``node`` is None."""
    return isinstance(node, ast.Constant) and node.value is None


def is_request_id(node: ast.expr) -> bool:
    """Tell whether ``node`` reads the id of one request."""
    return _REQUEST.fullmatch(key_of(node)) is not None


def is_stand_in(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` is a text that stands in variables which nobody has filled, as ``"None"``."""
    is_of_none = module.is_called(node, "builtins.str") and isinstance(node, ast.Call) and any(map(is_none, node.args))
    return is_of_none or (isinstance(node, ast.Constant) and isinstance(node.value, str) and is_weak(node.value))


def is_trace_id(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` is the id of a trace."""
    is_formatted = calls_one_of(module, node, frozenset({"opentelemetry.trace.format_trace_id"}))
    return is_formatted or (isinstance(node, ast.Attribute) and node.attr == "trace_id")


def is_no_id(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` is of a type that is no id, or an empty text."""
    if isinstance(node, ast.Constant):
        value = node.value
        is_text = isinstance(value, str) and value.strip() != ""
        return not (is_text or value is None or (isinstance(value, int) and not isinstance(value, bool)))
    return isinstance(node, (ast.Dict, ast.List, ast.Tuple, ast.Set)) or calls_one_of(module, node, FLOATS)


def may_be_none(module: Module, node: ast.expr) -> bool:
    """Tell whether ``node`` reads a key that may be missing, and says nothing of that case."""
    match node:
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str()), *default], keywords=[]):
            return not default or is_none(default[0])
        case ast.Call(func=function, args=[ast.Constant(value=str())], keywords=[]):
            return module.scopes.dotted(function) == "os.getenv"
    return False
