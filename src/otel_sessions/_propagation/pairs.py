"""The names and values in what is handed over as a carrier, whatever a library has for one; and what to say of what is none.

It is not trusted: nothing of it is run but what a mapping, an iterator and octets have to be asked by, and nothing raises.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from inspect import getattr_static, isroutine
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from otel_sessions import _diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Carrier: TypeAlias = Mapping[Any, Any] | Iterable[Any] | None
"""Names and values, as a mapping or as pairs; each a str, or bytes of UTF-8, a value also a list of those."""

Complain: TypeAlias = "Callable[[str], None]"

FIELDS: Final = ("traceparent", "tracestate", "baggage")

_KNOWN = frozenset(FIELDS)

_MAX_ITEMS = 4096
"""Most names of a carrier that are looked at; an environment may have many."""

_PLAIN = frozenset({dict, list, tuple})
"""Types of carriers, of which no more has to be asked."""

_OCTETS = (bytes, bytearray, memoryview)

# In the environ of WSGI (PEP 3333) and of CGI (RFC 3875, section 4.1.18). A header of a request that is called so is none of
# these: they are read where it is the environ of a process, or of a request, which has a tuple that no header can be.
_OF_REQUEST = {f"HTTP_{name.upper()}": name for name in FIELDS}

# Where the text of an attribute of a message is: of SQS and SNS as boto3 has them, of SQS and of SNS in an event of Lambda.
_ATTRIBUTES = ("StringValue", "stringValue", "Value")

# What messages of libraries call the mapping, or the pairs, that go with them: queues as most have it, Google Pub/Sub, Azure
# Service Bus, SQS (boto3's resource), MQTT (paho), jobs of rq and parameters of MCP, a call of gRPC; and what has that.
_PARTS = (
    "headers",
    "attributes",
    "application_properties",
    "message_attributes",
    "UserProperty",
    "meta",
    "invocation_metadata",
    "params",
    "request_context",
)

# Under which names a mapping has it that is more than the carrier: messages of boto3, events of Lambda, a scope of ASGI,
# a request of MCP, and what applications write. No other name is looked at, nor said.
_OF_AWS = ("MessageAttributes", "messageAttributes", "multiValueHeaders", "Messages", "Records", "Sns")
_OF_APPLICATIONS = ("metadata", "params", "message", "messages", "carrier", "context", "request", "trace_context")
_INSIDE = (
    "headers",
    "attributes",
    "application_properties",
    "properties",
    "meta",
    "_meta",
    *_OF_AWS,
    *_OF_APPLICATIONS,
)
_DEEPEST = 4
_MOST_INSIDE = 32
"""Most that is looked into for what is inside."""

_LONGEST_NAME = 60
"""Longest name of a method that is said, in characters."""


def texts_in(carrier: Carrier, complain: Complain) -> dict[str, list[str]]:
    """Return what `FIELDS` name in ``carrier``: texts, not looked at any further. Never raises.

    Args:
        carrier: Whatever was given. What is neither a mapping nor can be iterated is none; that is said with the caller's line.
        complain: Is told what else can't be read, and is left out.
    """
    found: dict[str, list[str]] = {}
    try:
        for pair in islice(_flat(_pairs_of(carrier), complain), _MAX_ITEMS):
            _take(pair, found, complain)
    except Exception as error:  # noqa: BLE001  # remote input, and objects of other libraries
        complain(f"an entry whose reading raised {type(error).__name__}")
    if found.keys() <= _KNOWN:
        return found
    if not _is_environ(carrier):
        return {name: found[name] for name in FIELDS if name in found}
    # The request's own names go before those of the process, which are there as well where its environment was copied.
    return {name: found[key] for key, name in _OF_REQUEST.items() if key in found}


def _is_environ(carrier: Carrier) -> bool:
    is_of_request = type(carrier) is dict and type(carrier.get("wsgi.version")) is tuple
    return is_of_request or carrier is os.environ


def _flat(pairs: Iterable[Any], complain: Complain) -> Iterator[Any]:
    """Yield ``pairs``, and those of each mapping that is one of them, as in a list of headers of Kafka in an event of Lambda."""
    for pair in pairs:
        try:
            if type(pair) is not tuple and isinstance(pair, Mapping):
                yield from pair.items()
            else:
                yield pair
        except Exception as error:  # noqa: BLE001, PERF203  # the others may be good
            complain(f"an entry whose reading raised {type(error).__name__}")


def _take(pair: Any, found: dict[str, list[str]], complain: Complain) -> None:  # noqa: ANN401  # remote input
    try:
        name, value = pair
        text = _text(name)
        key = text if text in _OF_REQUEST else text.lower()
        if key in _KNOWN or key in _OF_REQUEST:
            found.setdefault(key, []).extend(_texts(value, complain))
    except (TypeError, ValueError):
        complain("what is no pair of a name and a value")
    except Exception as error:  # noqa: BLE001  # the others may be good
        complain(f"an entry whose reading raised {type(error).__name__}")


def _pairs_of(carrier: Carrier) -> Iterable[Any]:
    if carrier is None:
        return ()
    if not _is_carrier(carrier):
        _warn_of_no_carrier(carrier)
        return ()
    items: Any = getattr(carrier, "items", None)  # of a mapping, and of what is like one, such as an HTTP message
    return items() if callable(items) else carrier  # pyright: ignore[reportReturnType]


def _is_carrier(given: object) -> bool:
    """Tell whether it is a mapping or pairs; a message that can be iterated, as a named tuple of kafka-python, is neither."""
    if type(given) in _PLAIN:
        return True
    if isinstance(given, (str, *_OCTETS)) or not isinstance(given, Iterable):
        return False
    return hasattr(given, "items") or getattr_static(given, "headers", None) is None


def _texts(value: object, complain: Complain) -> list[str]:
    if isinstance(value, list) and value and all(type(each) is int for each in value):
        value = _octets(value)
    parts = value if isinstance(value, (list, tuple)) else (value,)
    texts = [_text_of(part) for part in parts if part is not None]  # a header of Kafka may be null
    if None in texts:
        complain("a value that is neither str nor bytes")
    return [text for text in texts if text]


def _octets(numbers: list[int]) -> object:
    """Return octets that JSON has as numbers, as in an event of Lambda from Kafka; what is none stays as it is."""
    try:
        return bytes(numbers)
    except ValueError:
        return numbers


def _text_of(part: object) -> str | None:
    """Return the text of one value, ``None`` if it is of another type."""
    if not isinstance(part, str) and isinstance(part, Mapping):
        part = next((part[name] for name in _ATTRIBUTES if name in part), None)
    return _text(part) if isinstance(part, (str, *_OCTETS)) else None


def _text(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # of a subclass as well, and without code of its own
    return bytes(value).decode("utf-8", "replace") if isinstance(value, _OCTETS) else ""


def tell_of_inside(carrier: Carrier) -> None:
    """Say of a ``carrier`` in which nothing was found, if it has one inside, which of it to pass. Never raises."""
    try:
        if type(carrier) in _PLAIN:
            _tell_of_path(_path_inside(carrier, _DEEPEST, []))
        elif _is_carrier(carrier) and (
            part := _part_of(carrier)
        ):  # a request that is a mapping as well, as Starlette's
            _tell_of_part(type(carrier).__name__, *part)
    except Exception:  # noqa: BLE001, S110  # objects of other libraries
        pass


def _tell_of_path(path: str | None) -> None:
    if path:
        _diagnostics.warn_caller(
            f"carrier inside {path}",
            "from_carrier: no traceparent or baggage that can be read is among its names, but one is inside, so there is no session; "
            "pass what has them, as in from_carrier(message%s)",
            path,
        )


def _path_inside(carrier: Any, left: int, seen: list[object]) -> str | None:  # noqa: ANN401  # remote input
    """Return how to get from ``carrier`` to what has the names inside of it, as it is written; ``None`` for nothing."""
    for name, inner in _steps_in(carrier) if carrier and left else ():
        if len(seen) >= _MOST_INSIDE:
            return None
        seen.append(name)
        path = "" if texts_in(inner, _say_nothing) else _path_inside(inner, left - 1, seen)
        if path is not None:
            return f"[{name!r}]{path}"
    return None


def _steps_in(carrier: Any) -> list[tuple[object, Any]]:  # noqa: ANN401  # as above
    is_mapping = type(carrier) is dict or isinstance(carrier, Mapping)
    names: Iterable[Any] = [name for name in _INSIDE if name in carrier] if is_mapping else (0,)
    steps = [(name, carrier[name]) for name in names]
    return [(name, inner) for name, inner in steps if type(inner) in _PLAIN or isinstance(inner, Mapping)]


def _say_nothing(_problem: str) -> None:
    pass


def _warn_of_no_carrier(given: object) -> None:
    """Say what was ``given``; of a message, and of a method, as ``headers`` of confluent-kafka's, also what to pass.

    To call what was not made to be called by us could do anything.
    """
    found = type(given).__name__
    part = None if callable(given) else _part_of(given)
    if part is not None:
        _tell_of_part(found, *part)
        return
    if not callable(given):
        message = "from_carrier: expected a mapping or pairs and got %s, so there is no session"
        if isinstance(given, (str, *_OCTETS)):
            message += "; of JSON pass what json.loads() makes of it"
        _diagnostics.warn_caller(f"carrier {found}", message, found)
        return
    is_method: bool = isroutine(given)
    name = getattr(given, "__name__", "")[:_LONGEST_NAME] if is_method else ""
    message = (
        "from_carrier: expected a mapping or pairs and got %s, a method or another callable, so there is no session; "
        "call it, as in from_carrier(%s())"
    )
    _diagnostics.warn_caller(
        f"carrier {found} {name}", message, found, f"record.{name}" if name.isidentifier() else "carrier"
    )


def _tell_of_part(found: str, name: str, value: object) -> None:
    """Say of a message of the type ``found`` what of it to pass: ``value``, which it has for its ``name``."""
    _diagnostics.warn_caller(
        f"carrier {found}",
        "from_carrier: expected a mapping or pairs and got %s, which has them for its %s, so there is no session; "
        "pass those, as in from_carrier(record.%s%s)",
        found,
        *(name, name, "()" if isroutine(value) else ""),
    )


def _part_of(given: object) -> tuple[str, object] | None:
    """Return what of a message has its names and values, without running code of its own; ``None`` for nothing."""
    missing = object()
    parts = ((name, getattr_static(given, name, missing)) for name in _PARTS)
    return next(((name, value) for name, value in parts if value is not missing), None)
