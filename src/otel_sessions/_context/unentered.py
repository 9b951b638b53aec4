"""What is made and thrown away at once: ``set_session(...)`` as a statement, where ``with`` was forgotten.

A scope, or a turn, is made as one of a class of its own, an `Unentered`, that has a finalizer. Whatever is done with it
for the first time gives it the class below that, which has none: so what is used costs one assignment, and no call when it dies.

What dies without that is a mistake only where it was made for nothing: the statement that is being run is a call of ours whose
result is dropped, as the bytecode shows. What was kept, returned or handed on and dies elsewhere is nobody's business, and
neither is what dies with a frame that an exception leaves, by the garbage collector, or with the interpreter.
"""

from __future__ import annotations

import dis
import sys
from abc import ABC, abstractmethod
from types import FunctionType
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics

if TYPE_CHECKING:
    from types import CodeType, FrameType

_MAX_PLACES = 1024
"""Most places that are remembered; one is looked at once."""

_MAX_CODE = 1 << 16
"""Longest code that is looked at, in bytes, of thousands of lines: it takes a tenth of a second."""

# What throws a value away: a statement, and an `and` behind it, which looks whether it is true before (up to 3.11 in one).
_THROWING = frozenset(dis.opmap[name] for name in ("POP_TOP", "JUMP_IF_FALSE_OR_POP") if name in dis.opmap)
_LOOKING = ("COPY", "TO_BOOL", "POP_JUMP_IF_FALSE", "POP_JUMP_FORWARD_IF_FALSE", "NOT_TAKEN")

_STATEMENT = (
    "%s() is a statement here, which does nothing: what it returns was thrown away and never entered; write "
    "`with %s(...):` and put what belongs inside into that block"
)
_BEFORE_AND = (
    "%s() stands before `and` here, by which what it returns was thrown away and never entered; write a comma in its place: "
    "`with %s(...), ...:`"
)

_PACKAGE = __name__.partition(".")[0]

# As `inspect.currentframe`, of what runs while something dies.
_frame = sys._getframe  # noqa: SLF001

_seen: set[tuple[str, int, str, int]] = set()


def forget() -> None:
    """Forget which places were looked at (for tests)."""
    _seen.clear()


class Unentered(ABC):
    """A scope or a turn that nothing was done with: it was not entered, and decorates, wraps and tells nothing."""

    __slots__ = ()

    def __del__(self) -> None:
        """Say that it was thrown away, where it was."""
        try:  # noqa: SIM105  # at the end of the interpreter there may be no `suppress`
            _notice(self._made_by(), _frame(1))
        except Exception:  # noqa: BLE001, S110  # nor `_notice`; or nothing runs that is Python's
            pass

    def __reduce_ex__(self, protocol: Any) -> Any:  # noqa: ANN401  # as of `object`
        """Copy it: that is a use, and what is copied is of the class below."""
        self._use()
        return self.__reduce_ex__(protocol)

    @abstractmethod
    def _made_by(self) -> str:
        """Return the name of the call that has made it."""

    @abstractmethod
    def _use(self) -> None:
        """Become one of the class below."""


def _notice(call: str, frame: FrameType) -> None:
    code = frame.f_code
    # Not the code itself: its hash goes through all of it.
    place = code.co_filename, code.co_firstlineno, code.co_name, frame.f_lasti
    if place in _seen or len(_seen) >= _MAX_PLACES:
        return
    _seen.add(place)
    found = _thrown_away(call, frame)
    if found is not None:
        line, message = found
        _diagnostics.warn_at((code.co_filename, line), f"{call} unentered", message, call, call)


def _thrown_away(call: str, frame: FrameType) -> tuple[int, str] | None:
    """Return the line of a ``call`` whose value is thrown away where ``frame`` is, and what is said of it; ``None`` for any other."""
    octets = frame.f_code.co_code
    if len(octets) > _MAX_CODE or octets[frame.f_lasti] not in _THROWING:
        return None
    instructions = list(dis.get_instructions(frame.f_code))
    before = [each for each in instructions if each.offset <= frame.f_lasti]
    is_before_and = before.pop().opname != "POP_TOP" or any(each.opname in _LOOKING for each in before[-1:])
    before = [each for each in before if each.opname not in _LOOKING]
    if not before or not before[-1].opname.startswith(("CALL", "BUILD_TUPLE")):  # `with` was forgotten before several
        return None
    line = _line_at(frame.f_code, before[-1].offset)
    if line is None or not _is_named(call, _on_line(line, instructions, frame.f_code), frame):
        return None
    return line, _BEFORE_AND if is_before_and else _STATEMENT


def _line_at(code: CodeType, offset: int) -> int | None:
    return next((line for start, end, line in code.co_lines() if start <= offset < end), None)


def _on_line(line: int, instructions: list[dis.Instruction], code: CodeType) -> list[dis.Instruction]:
    spans = [(start, end) for start, end, at in code.co_lines() if at == line]
    return [each for each in instructions if any(start <= each.offset < end for start, end in spans)]


def _is_named(call: str, instructions: list[dis.Instruction], frame: FrameType) -> bool:
    """Tell whether they name that function of ours: a scope that comes out of another call was made elsewhere."""
    return any(
        _is_loaded(call, instruction, frame)
        for instruction in instructions
        if instruction.opname.startswith("LOAD_") and "CONST" not in instruction.opname
    )


def _is_loaded(call: str, instruction: dis.Instruction, frame: FrameType) -> bool:
    if "ATTR" in instruction.opname or "METHOD" in instruction.opname:
        return bool(instruction.argval == call)
    names = instruction.argval if type(instruction.argval) is tuple else (instruction.argval,)  # two at once, in 3.13
    found = (frame.f_locals.get(name, frame.f_globals.get(name)) for name in names if type(name) is str)
    return any(
        type(each) is FunctionType and each.__module__.startswith(_PACKAGE) and each.__name__ == call for each in found
    )
