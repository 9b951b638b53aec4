"""What is done to bytes and to JSON so that they are hostile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

_BLOWS_AT_ONCE = (1, 1, 1, 2, 4)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[\[\]{}:,]')
_LITERALS: tuple[bytes, ...] = (
    b"null",
    b"true",
    b"-1",
    b"0.5",
    b"1e999",
    b"NaN",
    b"18446744073709551616",
    b"9" * 5_000,
    b'""',
    b'"-9223372036854775809"',
    b'"1_0"',
    b'"Infinity"',
    b'"17E1"',
    b'"1e-400"',
    b'"0e99999999999999999999"',
    b'"\\ud800"',
    b'"\\u0000\\u202e<script>"',
    b'"00000000000000000000000000000000"',
    b'"zz"',
    b'"SPAN_KIND_NONE"',
    b"[]",
    b"{}",
    b"[null]",
    b'{"kvlistValue":{"values":[{}]}}',
    b'{"stringValue":"a","intValue":"1"}',
    b'"\xff"',
    b"\xef\xbb\xbf1",
)
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0xFE)


def nested_value(dice: Random) -> bytes:
    """Return an ``AnyValue`` of lists and maps in each other, up to far more than may be."""
    value = b"\x0a\x01x"
    for _ in range(dice.choice([2, 20, 32, 33, 34, 60, 100, 400])):
        value = _field(0x2A, _field(0x0A, value)) if dice.random() < 0.5 else _in_map(value)
    return value


def with_nested(dice: Random, body: bytes) -> bytes:
    """Return a request of traces with one more span, that has such a value."""
    attribute = _field(0x0A, b"deep") + _field(0x12, nested_value(dice))
    ids = _field(0x0A, dice.randbytes(16)) + _field(0x12, dice.randbytes(8))
    return body + _field(0x0A, _field(0x12, _field(0x12, ids + _field(0x4A, attribute))))


def nested_json(dice: Random) -> bytes:
    """Return a value in JSON that is nested likewise."""
    depth = dice.choice([2, 30, 34, 60, 300, 3_000])
    before, after = dice.choice([
        (b"[", b"]"),
        (b'{"arrayValue":{"values":[', b"]}}"),
        (b'{"kvlistValue":{"values":[{"key":"k","value":', b"}]}}"),
    ])  # fmt: skip
    return before * depth + b"{}" + after * depth


def damaged(dice: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """Return bytes that differ from ``body`` in some places; ``others`` are what pieces may come of."""
    for _ in range(dice.choice(_BLOWS_AT_ONCE)):
        body = dice.choice(_BLOWS)(dice, body, others)
    return body


def damaged_json(dice: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """Return JSON, or what was JSON, with other tokens in some places."""
    if dice.random() < 0.3:
        return damaged(dice, body, others)
    for _ in range(dice.choice(_BLOWS_AT_ONCE)):
        found = _TOKEN.search(body, dice.randrange(len(body) or 1))
        if found is not None:
            new = nested_json(dice) if dice.random() < 0.1 else dice.choice(_LITERALS)
            body = body[: found.start()] + new + body[found.end() :]
    return body


def varint(number: int) -> bytes:
    """Return a number as it stands on the wire."""
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _field(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + varint(len(content)) + content


def _in_map(value: bytes) -> bytes:
    return _field(0x32, _field(0x0A, _field(0x0A, b"k") + _field(0x12, value)))


def _flip(dice: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(body) or 1)
    return body[:at] + bytes([dice.choice(_NUMBERS) if dice.random() < 0.5 else dice.randrange(256)]) + body[at + 1 :]


def _cut_out(dice: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(body) or 1)
    return body[:at] + body[at + dice.randint(1, 40) :]


def _cut_off(dice: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    return body[: dice.randrange(len(body) or 1)]


def _put_in(dice: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(body) or 1)
    return body[:at] + dice.randbytes(dice.randint(1, 20)) + body[at:]


def _repeat(dice: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(body) or 1)
    end = at + dice.randint(1, 200)
    return body[:end] + body[at:end] * dice.randint(1, 5) + body[end:]


def _splice(dice: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    other = dice.choice(others)
    return body[: dice.randrange(len(body) or 1)] + other[dice.randrange(len(other) or 1) :]


def _large_number(dice: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(body) or 1)
    return body[:at] + varint(2 ** dice.choice([7, 14, 28, 31, 32, 35, 63, 64, 70])) + body[at + 1 :]


def _append(dice: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    return body + dice.choice(others)


_BLOWS: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (
    _flip,
    _flip,
    _flip,
    _cut_out,
    _cut_off,
    _put_in,
    _repeat,
    _splice,
    _large_number,
    _append,
)
