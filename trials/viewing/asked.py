"""Makes hostile requests: real ones that are damaged, packed, sent to other places, or asked by others; and questions."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode

from . import oracle
from .damage import damaged, damaged_json, with_nested
from .oracle import OK, Expected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from .real_bodies import Form, Real, Signal

TOKEN = "0123456789abcdef-of-this-trial"  # noqa: S105  # known to who asks here
_TYPES: dict[Form, tuple[bytes, ...]] = {
    "protobuf": (b"application/x-protobuf", b"application/protobuf", b"Application/X-Protobuf ; x=1"),
    "json": (b"application/json", b"application/json; charset=utf-8", b" APPLICATION/JSON"),
}
_OTHER_TYPES = (b"text/plain", b"", b"application/grpc", b"application/x-protobuf,", b"\xff\xfe", b"a" * 3_000)
_OTHER_ENCODINGS = (b"br", b"gzip, gzip", b"zstd", b"x" * 3_000, b"\xff")
_HOSTS = (b"localhost:4318", b"127.0.0.1", b"[::1]:4318", b"app.localhost", b"192.0.2.7:80", b"LOCALHOST")
_FOREIGN_HOSTS = (
    b"evil.example",
    b"localhost.evil.example:4318",
    b"127.0.0.1.evil.example",
    b"localhost@evil.example",
    b"evil.example#localhost",
    b"evil.example?@localhost",
    b"localhost:x",
    b"localhost:99999",
    b"[::1",
    b"",
    b"\xff\xfe",
    b"localhost/evil.example",
    b"x" * 9_000,
)
_ORIGINS = (b"http://localhost:3000", b"https://127.0.0.1", b"http://[::1]:5173")
_FOREIGN_ORIGINS = (
    b"null",
    b"https://evil.example",
    b"http://localhost.evil.example",
    b"http://localhost@evil.example",
    b"file://localhost",
    b"http://[::1",
    b"http://evil.example/localhost",
    b"",
    b"\xff" * 300,
)
_OTHER_METHODS = ("GET", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE", "post", "X" * 200)
_OTHER_PATHS = ("/v1/", "/v1/trace", "/v1/traces/", "/v1/traces/../logs", "/v1/{rest:path}", "/v1/\x00", "/v1/\ud7ff")
_OTHER_TOKENS = (b"Bearer wrong", b"Basic x", b"Bearer", b"", b"Bearer \xff", b"Bearer " + b"x" * 5_000)
_PARAMETERS = (
    *("user", "name", "service", "model", "since", "until", "error", "failed_check", "torn", "q", "sort", "limit"),
    *("cursor", "session", "id", "token", "nothing"),
)
_VALUES = (
    *("", "true", "false", "1", "0", "-1", "200", "99999999999999999999", "2h", "-2h", "9" * 400 + "d", "NaN"),
    *(
        "2026-01-01T00:00:00Z",
        "0000-00-00",
        "-end",
        "tokens",
        "-nothing",
        "none",
        "refund",
        '"',
        "a AND",
        "NEAR(a b",
        "*",
    ),
    *(
        "' OR 1=1 --",
        "%",
        "_",
        "\x00",
        "\u202e",
        "conversation-00000001",
        "x" * 5_000,
        "(" * 500,
        "a* b* c*",
        "ü",
        "\u0661",
    ),
)
_PLACES = (
    *("/", "/api/sessions", "/api/users", "/api/traces", "/api/coverage", "/api/session", "/api/export", "/session"),
    *(
        "/api/openapi.json",
        "/api/sessions/{}",
        "/sessions/{}",
        "/api/traces/{}",
        "/api/spans/{}/{}",
        "/api/{}",
        "/{}",
        "/session/",
    ),
)
_ANSWERS_TO_QUESTIONS = frozenset({200, 400, 404})


class Asked(NamedTuple):
    """A request, and what it has to be answered with.

    Attributes:
        form: In which the answer has to be; ``None`` for a page's.
        with_token: Whether the server that is asked needs one.
        pieces: In how many the body comes.
    """

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    pieces: int
    signal: Signal
    form: Form | None
    with_token: bool
    expected: Expected


class Maker:
    """Makes them by throwing dice."""

    def __init__(self, dice: Random, real: Sequence[Real]) -> None:
        """Make them of ``real`` ones."""
        self._dice = dice
        self._real = {form: [each for each in real if each.form == form] for form in ("protobuf", "json")}
        self._bodies = {form: [each.body for each in self._real[form]] for form in self._real}

    def next(self) -> Asked:
        """Return another one."""
        return self.question() if self._dice.random() < 0.03 else self._export()

    def body(self, real: Real) -> bytes:
        """Return what is made of the body of a real one."""
        dice, kind = self._dice, self._dice.random()
        if kind < 0.25:
            return real.body
        if kind < 0.27:
            return dice.randbytes(dice.randrange(300))
        if kind < 0.29 and real.form == "protobuf":
            return with_nested(dice, real.body)
        harm = damaged_json if real.form == "json" else damaged
        return harm(dice, real.body, self._bodies[real.form])

    def question(self) -> Asked:
        """Return what asks for a page, or something of the API."""
        dice = self._dice
        names = [dice.choice(_VALUES) if dice.random() < 0.5 else dice.randbytes(8).hex() for _ in range(2)]
        path = dice.choice(_PLACES).format(*(quote(name, safe="") if dice.random() < 0.9 else name for name in names))
        asked = [(dice.choice(_PARAMETERS), dice.choice(_VALUES)) for _ in range(dice.choice([0, 0, 1, 2, 5]))]
        query = urlencode(asked).encode() if dice.random() < 0.95 else dice.randbytes(30)
        method = dice.choice(_OTHER_METHODS) if dice.random() < 0.05 else "GET"
        headers = [(b"host", b"localhost:4318")]
        statuses = _ANSWERS_TO_QUESTIONS if method in {"GET", "HEAD"} else frozenset({404, 405})
        with_token = dice.random() < 0.1
        if dice.random() < 0.1:
            headers.append((b"origin", dice.choice(_FOREIGN_ORIGINS)))
            statuses = frozenset({403})
        elif with_token and dice.random() < 0.5:
            headers.append((b"authorization", f"Bearer {TOKEN}".encode()))
        elif with_token:
            headers.append((b"cookie", dice.choice([b"otel-sessions-4318=x", b"=;;=", b"\xff=" * 90])))
            statuses = frozenset({401})
        return Asked(method, path, query, headers, b"", 1, "traces", None, with_token, Expected(statuses))

    def _export(self) -> Asked:
        dice = self._dice
        real = dice.choice(self._real["json" if dice.random() < 0.12 else "protobuf"])
        body, encoding = self._packed(self.body(real))
        method, path, with_token = "POST", f"/v1/{real.signal}", dice.random() < 0.05
        headers = [(b"host", dice.choice(_HOSTS)), (b"content-type", dice.choice(_TYPES[real.form]))]
        if encoding != "identity" or dice.random() < 0.1:
            headers.append((b"content-encoding", encoding.encode()))
        if with_token:
            headers.append((b"authorization", f"bearer {TOKEN}".encode()))
        asked = Asked(
            method, path, b"", headers, body, dice.choice([1, 1, 1, 3]), real.signal, real.form, with_token, _UNKNOWN
        )
        if dice.random() < 0.12:
            return dice.choice(_ODD)(dice, asked)
        if dice.random() < 0.05:
            headers.append((b"origin", dice.choice(_ORIGINS)))
        return asked._replace(expected=oracle.of_body(real.signal, real.form, encoding, body))

    def _packed(self, body: bytes) -> tuple[bytes, str]:
        dice, kind = self._dice, self._dice.random()
        if kind < 0.8:
            return body, "identity"
        if kind < 0.87:
            packed, encoding = gzip.compress(body, 1), "gzip"
        elif kind < 0.92:
            packed, encoding = zlib.compress(body, 1), "deflate"
        elif kind < 0.96:
            packed, encoding = zlib.compress(body, 1)[2:-4], "deflate"
        else:
            packed, encoding = body, dice.choice(["gzip", "deflate"])
        return (damaged(dice, packed, self._bodies["protobuf"]) if dice.random() < 0.3 else packed), encoding


_UNKNOWN = Expected(OK)


def _with(asked: Asked, name: bytes, value: bytes) -> Asked:
    """Return it with another header of a name."""
    kept = [(key, old) for key, old in asked.headers if key != name]
    return asked._replace(headers=[*kept, (name, value)])


def _has_to_be(asked: Asked, *statuses: int) -> Asked:
    return asked._replace(expected=Expected(frozenset(statuses)))


def _foreign_host(dice: Random, asked: Asked) -> Asked:
    return _has_to_be(_with(asked._replace(form="json"), b"host", dice.choice(_FOREIGN_HOSTS)), 403)


def _any_host(dice: Random, asked: Asked) -> Asked:
    host = damaged(dice, dice.choice(_HOSTS), _FOREIGN_HOSTS)
    known = oracle.of_body(asked.signal, asked.form or "json", _encoding(asked), asked.body)
    statuses = known.statuses | {403}
    return _with(asked, b"host", host)._replace(expected=Expected(statuses), form=None)


def _foreign_origin(dice: Random, asked: Asked) -> Asked:
    return _has_to_be(_with(asked, b"origin", dice.choice(_FOREIGN_ORIGINS)), 403)


def _other_method(dice: Random, asked: Asked) -> Asked:
    return _has_to_be(asked._replace(method=dice.choice(_OTHER_METHODS)), 405)


def _other_path(dice: Random, asked: Asked) -> Asked:
    path = dice.choice(_OTHER_PATHS) if dice.random() < 0.7 else "/v1/" + quote(dice.randbytes(9).decode("latin-1"))
    return _has_to_be(asked._replace(path=path), 404)


def _other_token(dice: Random, asked: Asked) -> Asked:
    return _has_to_be(_with(asked._replace(with_token=True), b"authorization", dice.choice(_OTHER_TOKENS)), 401)


def _other_type(dice: Random, asked: Asked) -> Asked:
    return _has_to_be(_with(asked._replace(form="json"), b"content-type", dice.choice(_OTHER_TYPES)), 415)


def _other_encoding(dice: Random, asked: Asked) -> Asked:
    return _has_to_be(_with(asked, b"content-encoding", dice.choice(_OTHER_ENCODINGS)), 415)


def _said_to_be_large(dice: Random, asked: Asked) -> Asked:
    return _has_to_be(_with(asked, b"content-length", str(dice.choice([2**26 + 1, 10**30])).encode()), 413)


def _preflight(dice: Random, asked: Asked) -> Asked:
    wanted = dice.choice([b"content-type", b"x-" + b"a" * 300, b""])
    asked = _with(_with(asked, b"origin", dice.choice(_ORIGINS)), b"access-control-request-headers", wanted)
    return _has_to_be(asked._replace(method="OPTIONS"), 204)


def _encoding(asked: Asked) -> str:
    return dict(asked.headers).get(b"content-encoding", b"identity").decode()


_ODD = (
    _foreign_host,
    _any_host,
    _foreign_origin,
    _other_method,
    _other_path,
    _other_token,
    _other_type,
    _other_encoding,
    _said_to_be_large,
    _preflight,
)
