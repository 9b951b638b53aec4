"""What of ClickHouse's HTTP interface the Collector's exporter uses, with chDB, which can't listen itself, behind it.

It is no ClickHouse server: chDB is the same engine, and the blocks that the exporter sends go into it as they are; the
protocol around them is made here, without compression, and settings in the URL are noted and not obeyed.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from chdb import ChdbError
from chdb.session import Session
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from otel_sessions.view.loopback import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request

_FORMAT = "FORMAT Native"
_INFO_OF_A_BLOCK = b"\x01\x00\x02\xff\xff\xff\xff\x00"  # not an overflow row, of no bucket
_ORDINARY = b"\x00"  # how a column is serialised


class Bridge(LoopbackServer):
    """Takes what the exporter sends, for one user and database.

    Attributes:
        settings: The parameters of the URLs of what was inserted.
        is_down: Refuse everything.
        answers_are_lost: Store what is sent, and tell the sender that it failed.
    """

    def __init__(self, path: Path, user: str, password: str) -> None:
        self._session = Session(str(path))
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.settings: list[Mapping[str, str]] = []
        self.is_down = self.answers_are_lost = False
        super().__init__(Starlette(routes=[Route("/", self._answer, methods=["POST"])]))

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        if self.is_down:
            return PlainTextResponse("down", 503)
        if request.headers.get("authorization") != self._authorization:
            return PlainTextResponse("wrong user or password", 403)
        try:
            if "query" not in request.query_params:
                return Response(self._selected(body.decode()))
            self._insert(request.query_params["query"], body)
        except ChdbError as error:
            return PlainTextResponse(str(error), 500)
        self.settings.append(request.query_params)
        return PlainTextResponse("", 500 if self.answers_are_lost else 200)

    def _insert(self, statement: str, block: bytes) -> None:
        assert statement.rstrip().endswith(_FORMAT)
        inserting = self._session.send_insert(statement.rstrip().removesuffix(_FORMAT), "Native")
        inserting.append(block)
        inserting.finish()

    def _selected(self, query: str) -> bytes:
        found = json.loads(self._session.query(query, "JSONCompact").data())
        columns = [(column["name"], column["type"]) for column in found["meta"]]
        return native(columns, list(zip(*found["data"], strict=True)))


def native(columns: Sequence[tuple[str, str]], values: Sequence[Sequence[object]]) -> bytes:
    """Return a block as ClickHouse sends it to a client that tells the version of its protocol, which chDB can't."""
    block = _INFO_OF_A_BLOCK + _varint(len(columns)) + _varint(len(values[0]) if values else 0)
    for (name, kind), column in zip(columns, values, strict=True):
        block += _text(name) + _text(kind) + _ORDINARY
        block += b"".join(_number(value) if kind == "UInt32" else _text(value) for value in column)
    return block


def _number(value: object) -> bytes:
    assert isinstance(value, int)
    return value.to_bytes(4, "little")


def _text(value: object) -> bytes:
    encoded = str(value).encode()
    return _varint(len(encoded)) + encoded


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
