"""One module that was read, with the calls of this package in it, and what stands around them."""

from __future__ import annotations

import ast
import re
import tokenize
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from .codes import CODES
from .scopes import FUNCTIONS, Function, Scopes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_sessions._setup.doctor.finding import Finding, Level

    from .reading import Parsed

PACKAGE = "otel_sessions"
SCOPES = frozenset({"set_session", "update_session", "clear_session", "step", "from_carrier", "turn"})
"""Functions that return what is to be entered."""

_IDS = frozenset({"session_id", "user_id", "previous_id"})
_CONTAINERS = (ast.Dict, ast.List, ast.Tuple, ast.Set)
_IGNORED = re.compile(r"\botel-sessions:\s*ignore(?:\[(?P<codes>[^\]]*)\])?")
_LONGEST, _MOST_LINES = 120, 20
_INNER = re.compile(r"(?<=[(\[{]) +| +(?=[)\]}])")


class Module:
    """The tree of a module, and questions about it."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.scopes = Scopes(parsed.tree)
        self.silenced = 0

    @cached_property
    def calls(self) -> list[tuple[str, ast.Call]]:
        """The calls of this package by the name of the function, such as ``set_session`` or ``sdk.instrument``."""
        calls = (node for node in self.scopes.nodes if isinstance(node, ast.Call))
        return [(name, call) for call in calls if (name := self.ours(call.func)) is not None]

    @cached_property
    def _comments(self) -> dict[int, str]:
        """The comments by their lines: the same words may stand in a text, too."""
        found = dict[int, str]()
        lines = iter([f"{line}\n" for line in self.parsed.lines])
        with suppress(tokenize.TokenError, SyntaxError):  # where it is stricter than the parser, as of a last line
            for token in tokenize.generate_tokens(lambda: next(lines, "")):
                if token.type == tokenize.COMMENT:
                    found[token.start[0]] = token.string
        return found

    @cached_property
    def functions(self) -> list[Function]:
        """All functions, also methods and those inside of others."""
        return [node for node in self.scopes.nodes if isinstance(node, FUNCTIONS)]

    @cached_property
    def imported(self) -> frozenset[str]:
        """All that is imported, with dots."""
        names = set[str]()
        for node in self.scopes.nodes:
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
        return frozenset(names)

    def imports(self, *packages: str) -> bool:
        """Tell whether one of ``packages`` is imported, or something in it."""
        return any(f"{name}.".startswith(f"{package}.") for name in self.imported for package in packages)

    def ours(self, node: ast.AST | None) -> str | None:
        """Return the name in this package that ``node`` stands for."""
        dotted = self.scopes.dotted(node)
        return dotted.removeprefix(f"{PACKAGE}.") if dotted is not None and dotted.startswith(f"{PACKAGE}.") else None

    def scope_call(self, node: ast.AST | None) -> tuple[str, ast.Call] | None:
        """Return the call that has made the scope ``node``, also where that is kept in a variable, and its function."""
        value = self.scopes.value_of(node) if isinstance(node, ast.expr) else node
        name = self.ours(value.func) if isinstance(value, ast.Call) else None
        return (name, value) if name in SCOPES and isinstance(value, ast.Call) else None

    def entered(self, node: ast.AST) -> list[tuple[str, ast.Call, ast.withitem]]:
        """Return the scopes that the statement ``node`` enters."""
        items = node.items if isinstance(node, (ast.With, ast.AsyncWith)) else []
        made = ((item, self.scope_call(item.context_expr)) for item in items)
        return [(*call, item) for item, call in made if call is not None]

    def function_of(self, node: ast.AST) -> Function | ast.Lambda | None:
        """Return the function whose body ``node`` stands in."""
        inside = node
        for above in self.scopes.ancestors(node):
            if isinstance(above, ast.Lambda) and above.body is inside:
                return above
            if isinstance(above, FUNCTIONS) and any(each is inside for each in above.body):
                return above
            inside = above
        return None

    def decorated_by(self, call: ast.Call) -> Function | None:
        """Return the function that ``call`` decorates."""
        above = self.scopes.above[call]
        return above if isinstance(above, FUNCTIONS) and call in above.decorator_list else None

    def blocks_around(self, node: ast.AST) -> Iterator[ast.With | ast.AsyncWith]:
        """Return the blocks that ``node`` stands in, of the function that it stands in, from the inside out."""
        inside = node
        for above in self.scopes.ancestors(node):
            if isinstance(above, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
                return
            if isinstance(above, (ast.With, ast.AsyncWith)) and any(each is inside for each in above.body):
                yield above
            inside = above

    def session_around(self, node: ast.AST) -> ast.Call | None:
        """Return the call whose session ``node`` is in, as far as its function shows."""
        for block in self.blocks_around(node):
            for name, call, _ in reversed(self.entered(block)):
                if name != "turn":  # which is no session, but a trace
                    return None if name == "clear_session" else call
        return None

    def after(self, statement: ast.stmt) -> ast.stmt | None:
        """Return the statement that follows in the same block."""
        fields = [block for _, block in ast.iter_fields(self.scopes.above[statement])]
        block = next(each for each in fields if isinstance(each, list) and statement in each)
        return next(iter(block[block.index(statement) + 1 :]), None)

    def is_called(self, node: ast.AST, *names: str) -> bool:
        """Tell whether ``node`` calls one of ``names``, with dots."""
        return isinstance(node, ast.Call) and self.scopes.dotted(node.func) in names

    def spelled(self, name: str, call: ast.Call) -> str:
        """Return how the function ``name`` of this package is called here, beside ``call``."""
        if isinstance(call.func, ast.Attribute):
            return f"{self.source(call.func.value)}.{name}"
        bound = self.scopes.module.bindings.items()
        names = (own for own, bindings in bound for each in bindings if each.target == f"{PACKAGE}.{name}")
        return next(names, name)

    def source(self, node: ast.AST) -> str:
        """Return ``node`` as it is written, in one line; ids that are written out are left out."""
        start, end = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
        if not 0 < end - start + 1 <= _MOST_LINES or start == 0:
            return self._unparsed(node)
        lines = [line.encode() for line in self.parsed.lines[start - 1 : end]]
        lines[-1] = lines[-1][: getattr(node, "end_col_offset", 0)]
        hidden = sorted(self.written_ids(node), key=lambda each: -each.col_offset)
        if any(each.lineno != each.end_lineno for each in hidden) or any(b"#" in line for line in lines[:-1]):
            return self._unparsed(node)
        for each in hidden:
            line = lines[each.lineno - start]
            lines[each.lineno - start] = line[: each.col_offset] + b'"..."' + line[each.end_col_offset :]
        lines[0] = lines[0][getattr(node, "col_offset", 0) :]
        return _short(" ".join(line.decode(errors="replace").strip() for line in lines))

    def _unparsed(self, node: ast.AST) -> str:
        hidden = self.written_ids(node)
        kept = [(each, each.value) for each in hidden]
        try:
            for each in hidden:
                each.value = "..."
            return _short(ast.unparse(node))
        except (RecursionError, ValueError):
            return "..."
        finally:
            for each, value in kept:
                each.value = value

    def arguments(self, call: ast.Call) -> str:
        """Return the arguments of ``call`` as they are written."""
        text = self.source(call)
        return text[len(self.source(call.func)) + 1 : -1] if text.endswith(")") else "..."

    def written_ids(self, node: ast.AST) -> list[ast.Constant]:
        """Return the texts in ``node`` that are ids and written out."""
        calls = [each for each in ast.walk(node) if isinstance(each, ast.Call) and self.ours(each.func) is not None]
        given = [
            value
            for call in calls
            for value in (
                *(call.args[:2] if "session" in (self.ours(call.func) or "") else ()),
                *(each.value for each in call.keywords if each.arg in _IDS),
                *(call.args if self.ours(call.func) == "from_carrier" else ()),
            )
        ]
        return list(dict.fromkeys(constant for value in given for constant in _constants(value)))

    def tell(self, code: str, node: ast.AST, /, **texts: str) -> Iterator[Finding]:
        """Return the finding ``code`` at ``node``, but where a comment silences it."""
        return self.tell_as(None, code, node, **texts)

    def tell_as(self, level: Level | None, code: str, node: ast.AST, /, **texts: str) -> Iterator[Finding]:
        """Return the finding ``code`` at ``node`` with this ``level``; ``None`` is that of the code."""
        line: int = getattr(node, "lineno", 1)
        # The comment may stand where the call ends, too.
        ends = {line, getattr(node, "end_lineno", None) or line} if isinstance(node, ast.expr) else {line}
        if any(self._is_ignored(code, each) for each in ends):
            self.silenced += 1
            return
        yield CODES[code].found(self.parsed.where(line), texts, level)

    def _is_ignored(self, code: str, line: int) -> bool:
        comment = _IGNORED.search(self.parsed.lines[line - 1]) and _IGNORED.search(self._comments.get(line, ""))
        if comment is None:
            return False
        codes = comment["codes"]
        return codes is None or code in re.split(r"[\s,]+", codes)


def argument(call: ast.Call, name: str, place: int | None = None) -> ast.expr | None:
    """Return the argument ``name`` of ``call``, or the one in ``place``."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    is_there = (
        place is not None and len(call.args) > place and not any(isinstance(each, ast.Starred) for each in call.args)
    )
    return call.args[place] if is_there and place is not None else None


def _constants(value: ast.expr) -> Iterator[ast.Constant]:
    """Return the texts and numbers that stand in ``value``: itself, or what it is a list or a mapping of."""
    stack: list[ast.AST] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Constant) and node.value is not None:
            yield node
        if isinstance(node, _CONTAINERS):
            stack.extend(ast.iter_child_nodes(node))


def _short(text: str) -> str:
    line = _INNER.sub("", " ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
