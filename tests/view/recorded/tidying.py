"""Makes of what was exported what may be shown, and is much the same when it is recorded again.

Ids that were drawn are numbered, the same one alike wherever it stands; times begin at a fixed one, and durations stay;
addresses, ports, paths, and what else tells of a machine, are those of none. Long texts lose their middle, and long JSON that of
its lists and texts, and what frameworks repeat in it.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START = 1_767_261_600 * 10**9
"""2026-01-01T10:00:00Z, unix time in ns: when the first span of each recording starts."""

_LONGEST = 400
_KEPT = 150
_LAST = 2
"""Items of a long list that are kept of its end: of a conversation the last question and its answer."""

_REPEATED = {"response_metadata", "usage_metadata", "additional_kwargs", "invalid_tool_calls", "init_state", "metadata"}
"""What LangChain and LlamaIndex repeat in each message or step: left out of long texts."""

_ROOT = Path(__file__).parents[3]
_ID_FIELDS = ("traceId", "spanId", "parentSpanId")
_OF_MACHINE = {
    "process.pid": "1",
    "process.parent_pid": "1",
    "thread.id": "1",
    "process.owner": "user",
    "host.id": "host",
    "os.version": "6",
}
_PEER_PORTS = re.compile(r"(client|net\.peer|network\.peer)\.port")
_EPOCH = re.compile(r"(?<![\w.-])1[789]\d{8}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?(?!\w)")
_TIME = re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{16,64}(?![0-9A-Za-z])")
_SHORT = re.compile(r"(?<=[a-z]-)[0-9a-f]{8}(?![0-9A-Za-z-])")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}|\b7f[0-9a-f]{10}\b")
_SITE_PACKAGES = re.compile(r"[^\s\"'=:(]*/site-packages/")
_STANDARD_LIBRARY = re.compile(r"[^\s\"'=:(]*/lib/python3\.\d+/")


class Tidying:
    """What is known of one recording.

    Args:
        earliest: When its first span starts, unix time in ns.
        texts: What to put in the place of what, wherever it stands: addresses and folders.
        ports: The same for port numbers.
    """

    def __init__(self, earliest: int, texts: Mapping[str, str], ports: Mapping[int, int]) -> None:
        self._earliest = earliest
        self._shift = START - earliest
        self._texts = {**texts, str(_ROOT): "/app", sys.prefix: "/app", socket.gethostname(): "host"}
        self._ports = {str(old): str(new) for old, new in ports.items()}
        self._ids: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def tidied(self, value: Any, key: str = "") -> Any:  # JSON
        """Return a value of OTLP JSON, which is that of ``key``, without all that."""
        if isinstance(value, dict):
            return self._of_pair(value) if value.keys() == {"key", "value"} else self._of_object(value)
        if isinstance(value, list):
            return [self.tidied(each, key) for each in value]
        if not isinstance(value, str):
            return value
        if key in _ID_FIELDS:
            return self._numbered(value, "trace" if key == "traceId" else "span") if value else value
        if key.endswith("UnixNano"):
            return str(int(value) + self._shift) if value != "0" else value
        return shortened(self._of_text(value))

    def _of_object(self, value: dict[str, Any]) -> dict[str, Any]:
        return {key: self.tidied(each, key) for key, each in value.items()}

    def _of_pair(self, pair: dict[str, Any]) -> dict[str, Any]:
        key, value = pair["key"], pair["value"]
        kind, given = next(iter(value.items()), ("", None))
        if key in _OF_MACHINE:
            return {"key": key, "value": {kind: _OF_MACHINE[key]}}
        if kind == "intValue":
            return {"key": key, "value": {kind: "50000" if _PEER_PORTS.fullmatch(key) else self._of_number(given)}}
        if kind == "doubleValue":
            return {"key": key, "value": {kind: self._of_float(given)}}
        return {"key": key, "value": self.tidied(value, key)}

    def _of_number(self, given: str) -> str:
        return self._ports.get(given) or _EPOCH.sub(self._epoch, given)

    def _of_float(self, given: float) -> float:
        return given + self._shift / 1e9 if abs(given - self._earliest / 1e9) < 86_400 else given

    def _of_text(self, text: str) -> str:
        for old, new in self._texts.items():
            text = text.replace(old, new)
        for pattern, new in ((_SITE_PACKAGES, "site-packages/"), (_STANDARD_LIBRARY, "lib/python/"), (_ADDRESS, "0x1")):
            text = pattern.sub(new, text)
        text = _TIME.sub(self._time, text)
        text = _EPOCH.sub(self._epoch, text)
        text = _UUID.sub(lambda found: self._numbered(found[0], "uuid"), text)
        text = _SHORT.sub(lambda found: self._numbered(found[0], "hex"), text)
        return _HEX.sub(lambda found: self._numbered(found[0], "hex"), text)

    def _time(self, found: re.Match[str]) -> str:
        text = found[0]
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
        at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
        if abs(at.timestamp() - self._earliest / 1e9) > 86_400:
            return text
        shifted = at + timedelta(microseconds=self._shift / 1000)
        plain = shifted.replace(tzinfo=None).isoformat(
            sep=text[10], timespec="microseconds" if "." in text else "seconds"
        )
        return plain + re.sub(r"^.{19}(\.\d+)?", "", text)

    def _epoch(self, found: re.Match[str]) -> str:
        whole, _, rest = found[0].partition(".")
        unit = 10 ** (19 - len(whole))
        if abs(int(whole) * unit - self._earliest) > 86_400 * 10**9:
            return found[0]
        return str(int(whole) + self._shift // unit) + (f".{rest}" if rest else "")

    def _numbered(self, given: str, kind: str) -> str:
        """Return what stands for an id that was drawn; one that was seen before stays what it is."""
        if given in self._ids.values() or not given.strip("0"):
            return given
        if given not in self._ids:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            self._ids[given] = _id_of(kind, number, len(given))
        return self._ids[given]


def _id_of(kind: str, number: int, length: int) -> str:
    if kind == "uuid":
        return f"00000000-0000-4000-8000-{number:012x}"
    first = {"trace": "a", "span": "b", "hex": "c"}[kind]
    return first + f"{number:0{length - 1}x}"


def shortened(text: str) -> str:
    """Return ``text`` without the middle of what is long in it, as the JSON that it is if it is any."""
    if len(text) <= _LONGEST:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return _cut(text)
    return json.dumps(_with_less(value), ensure_ascii=False) if isinstance(value, (dict, list)) else _cut(text)


def _with_less(value: Any) -> Any:  # JSON
    if isinstance(value, dict):
        return {key: _with_less(each) for key, each in value.items() if key not in _REPEATED}
    if isinstance(value, list):
        return [_with_less(each) for each in value[:1] + value[1:][-_LAST:]]
    return shortened(value) if isinstance(value, str) else value


def _cut(text: str) -> str:
    return f"{text[:_KEPT]} ... {text[-_KEPT:]}"


def laid_out(value: Any, indent: int = 0) -> Iterator[str]:  # JSON
    """Yield the lines of JSON that can be compared: what fits on a line, and an attribute, is one."""
    line = json.dumps(value, ensure_ascii=False)
    is_attribute = isinstance(value, dict) and value.keys() == {"key", "value"}
    if not isinstance(value, (dict, list)) or is_attribute or len(line) + indent <= 120 or not value:
        yield line
        return
    first, last = "{}" if isinstance(value, dict) else "[]"
    yield first
    pairs = value.items() if isinstance(value, dict) else ((None, each) for each in value)
    for number, (key, each) in enumerate(pairs, 1):
        inner = list(laid_out(each, indent + 1))
        inner[0] = inner[0] if key is None else f"{json.dumps(key)}: {inner[0]}"
        inner[-1] += "," if number < len(value) else ""
        yield from (f" {line}" for line in inner)
    yield last
