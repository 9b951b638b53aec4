"""What a decorator makes of the function that it is given: one that returns, awaits or yields, each inside."""

from __future__ import annotations

import functools
import inspect
import sys
from abc import ABC, abstractmethod
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from otel_sessions import _diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable

    from .streams import Source

_P = ParamSpec("_P")
_R = TypeVar("_R")
_D = TypeVar("_D", bound="Decorator")


class Decorator(ABC):
    """Decorates functions, coroutine functions, generator functions and async generator functions.

    What can't be decorated is returned as it is, with a warning.
    """

    __slots__ = ()

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return ``function`` with every call of it inside."""
        if isinstance(function, (staticmethod, classmethod)):
            return type(function)(self(function.__func__))  # pyright: ignore[reportReturnType]
        refusal = _why_not(function)
        if refusal is not None:
            _diagnostics.warn_caller(f"decorator {refusal}", "the decorated object is %s: it is left as it is", refusal)
            return function
        if _is_one(inspect.isgeneratorfunction, function):
            from .streams import generator_function  # noqa: PLC0415  # for streams, which not every program has

            return functools.wraps(function)(generator_function(partial(self._first, function)))  # type: ignore[return-value]
        if _is_one(inspect.isasyncgenfunction, function):
            from .streams import async_generator_function  # noqa: PLC0415  # as above

            return functools.wraps(function)(async_generator_function(partial(self._first, function)))  # type: ignore[return-value]
        if _is_one(inspect.iscoroutinefunction, function):
            return self._around_coroutine(function)
        return self._around_function(function)

    def _first(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Source:  # noqa: ANN401  # as the function's
        """Return the same as `_source`, which begins; and tell where nobody will be inside."""
        step = sys._getframe(1)  # noqa: SLF001  # as `inspect.currentframe`, of the generator
        if step.f_back is not None and step.f_back.f_globals.get("__name__") == "contextlib":
            from .yields import tell_if_nobody_will_be_inside  # noqa: PLC0415  # for what makes a context manager

            tell_if_nobody_will_be_inside(function, step)
        return self._source(function, *args, **kwargs)

    @abstractmethod
    def _around_function(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return ``function`` with each call inside."""

    @abstractmethod
    def _around_coroutine(self, function: Callable[_P, Any]) -> Callable[_P, Any]:
        """Return the coroutine function ``function`` with what it awaits inside."""

    @abstractmethod
    def _source(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Source:  # noqa: ANN401  # as the function's
        """Return the body of a decorated generator function, as it is at the first step."""


def _why_not(function: object) -> str | None:
    """Return why ``function`` can't be decorated, ``None`` if it can."""
    if inspect.isclass(function):
        return "a class (decorate its methods)"
    return None if callable(function) else f"a {type(function).__name__}, which can't be called"


def _is_one(test: Callable[[object], bool], function: object) -> bool:
    """Tell whether ``function``, or what is called of an object, passes ``test``."""
    return test(function) or test(getattr(type(function), "__call__", None))  # noqa: B004  # not whether, but what


def named_function(value: object) -> FunctionType | None:
    """Return ``value`` if it is a function by ``def``; a lambda in its place computes an id."""
    return value if type(value) is FunctionType and value.__name__ != "<lambda>" else None


def decorated_bare(scope: _D, function: FunctionType, call: str) -> _D:
    """Return ``function`` decorated, where a decorator was written without its parentheses."""
    _diagnostics.warn_caller("bare", "to decorate a function, write @%s", call)
    return scope(function)  # type: ignore[return-value]  # the application goes on with a function
