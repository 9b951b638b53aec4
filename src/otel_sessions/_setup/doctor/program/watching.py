"""The doctor inside a process: the one place that puts functions of ours in place of others' there, in this mode alone.

No processor is added: that would be one more among those whose order matters. Instead, who calls the processors of a
provider tells, after they were called, which span has started or ended; a thread and an executor tell that they were given
work inside a session; scopes tell when they begin and end, and the package's one logger what it says. Each calls what was
there with what it was given, and returns what that returns. What is noted never raises.
"""

from __future__ import annotations

import functools
import os
import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable

    from .entrance import Process

_MOST_SAID = 200
_MOST_FAILED = 20
_PLACED = " (%s:%d)"
_LONGEST_PATH = 200

FAILED: Counter[tuple[str, str]] = Counter()
"""How often something could not be noted: what, and the kind of error."""


def put_around(owner: Any, name: str, note: Callable[..., None], *, before: bool = False) -> None:  # noqa: ANN401
    """Have ``note`` called with what the function ``name`` of ``owner`` is called with, after that or ``before``."""
    function = getattr(owner, name, None)
    if not callable(function):
        return

    @functools.wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if before:
            _try_to(note, name, *args, **kwargs)
            return function(*args, **kwargs)
        result = function(*args, **kwargs)
        _try_to(note, name, *args, **kwargs)
        return result

    setattr(owner, name, around)


def _try_to(note: Callable[..., None], what: str, /, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
    try:
        note(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  # nothing may reach the program
        FAILED[what, type(error).__name__[:_MOST_SAID]] += 1


def failed() -> list[list[object]]:
    """Return what could not be noted, by what and the kind of error."""
    return [[*key, count] for key, count in FAILED.most_common(_MOST_FAILED)]


def _always() -> bool:
    return True


class Said:
    """What the package has said in this process: each message once, with the place that it names."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.begin()

    def begin(self) -> None:
        """Begin, as in a new process."""
        self._keys: set[object] = set()
        self._rows: list[tuple[str, int, str, str]] = []

    def watch(self) -> None:
        """Note what is said, what is said at INFO too, whatever the logger passes on."""
        say = _diagnostics._say_once  # noqa: SLF001

        def say_once(level: int, key: Any, message: str, args: tuple[object, ...], stacklevel: int) -> None:  # noqa: ANN401
            with suppress(Exception):
                self._note(level, key, message, args)
            say(level, key, message, args, stacklevel + 1)

        _diagnostics._say_once = say_once  # noqa: SLF001
        _diagnostics.is_informing = _always
        scope: Any = sys.modules.get("otel_sessions._context.scope")
        if scope is not None:
            scope.is_informing = _always

    def rows(self) -> list[list[object]]:
        """Return problem, level, message and place of each."""
        shown = self._process.shown
        return [[problem, level, shown(text), shown(where)] for problem, level, text, where in list(self._rows)]

    def _note(self, level: int, key: Any, message: str, args: tuple[object, ...]) -> None:  # noqa: ANN401
        if key in self._keys or len(self._rows) >= _MOST_SAID:
            return
        self._keys.add(key)
        problem, where = str(key[0] if isinstance(key, tuple) else key), ""
        text = message % args
        if message.endswith(_PLACED):
            *_, file, line = args
            where = f"{shown_path(str(file))}:{line}"
            text = text[: text.rindex(" (")]
        self._rows.append((problem, level, text.removeprefix("otel_sessions: "), where))
        self._process.noted()


def watch_messages(process: Process) -> None:
    """Note all that the package says in this process."""
    said = Said(process)
    process.parts["said"] = said.rows
    process.forgets.append(said.begin)
    said.watch()


def shown_path(path: str) -> str:
    """Return ``path`` as a person knows it: below the current folder, below the packages, or its name."""
    for folder in (os.getcwd(), *sys.path):  # noqa: PTH109
        if folder and os.path.isabs(folder) and path.startswith(folder + os.sep):  # noqa: PTH117
            return path[len(folder) + 1 :][-_LONGEST_PATH:]
    return os.path.basename(path)[-_LONGEST_PATH:]  # noqa: PTH119
