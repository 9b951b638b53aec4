"""Where the terminal reads from: a store on this machine, or the API of a view that runs somewhere."""

from __future__ import annotations

import json
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from otel_sessions.view.api import answers
from otel_sessions.view.api.parameters import LIST, MAX_LIMIT, SESSION_SORTS, Paging, parameters, question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_sessions.view.store.interface import Store

    Document: TypeAlias = Mapping[str, Any]

_SECONDS = 30.0
_LINES = 2**16
_NOT_FOUND = 404


class UnreachableError(Exception):
    """There is no answer, or none that can be used; the text says why."""


class LocalSource:
    """A store of this machine."""

    def __init__(self, store: Store) -> None:
        """Read from ``store``."""
        self._store = store

    def sessions(self, given: Mapping[str, str]) -> Document:
        """Return the answer of ``/api/sessions`` to these parameters.

        Raises:
            InvalidParameterError: One can't be used.
        """
        asked = question(parameters(given.items(), LIST), SESSION_SORTS, "-end", time.time_ns())
        return answers.sessions(self._store, asked)

    def page(self, session_id: str, cursor: str | None) -> Document | None:
        """Return one session with a page of its turns."""
        return answers.session(self._store, session_id, Paging(MAX_LIMIT, cursor))

    def export(self, session_id: str) -> Iterator[bytes] | None:
        """Return one session as OTLP JSON lines."""
        return self._store.export(session_id)


class RemoteSource:
    """The API of a running view.

    Args:
        url: Its address, as ``http://127.0.0.1:4318``.
        token: That it asks for, ``None`` for none.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        """Ask nothing yet."""
        if not url.startswith(("http://", "https://")):
            message = "--url must be an address as http://127.0.0.1:4318."
            raise UnreachableError(message)
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        # Without the proxies of the environment, which are for other machines, and without redirects, which would
        # take the token elsewhere.
        self._opener = build_opener(ProxyHandler({}), _NoRedirect())

    def sessions(self, given: Mapping[str, str]) -> Document:
        """Return the answer of ``/api/sessions``."""
        found = self._document("/api/sessions", given)
        if found is None:
            raise UnreachableError(self._not_a_view())
        return found

    def page(self, session_id: str, cursor: str | None) -> Document | None:
        """Return one session with a page of its turns."""
        more = {} if cursor is None else {"cursor": cursor}
        return self._document("/api/session", {"id": session_id, "limit": str(MAX_LIMIT), **more})

    def export(self, session_id: str) -> Iterator[bytes] | None:
        """Return one session as OTLP JSON lines."""
        answer = self._open("/api/export", {"id": session_id})
        return None if answer is None else self._chunks(answer)

    def _document(self, path: str, given: Mapping[str, str]) -> Document | None:
        answer = self._open(path, given)
        if answer is None:
            return None
        with answer:
            try:
                document = json.load(answer)
            except (ValueError, RecursionError, OSError, HTTPException) as error:
                raise UnreachableError(self._not_a_view()) from error
        if not isinstance(document, dict):
            raise UnreachableError(self._not_a_view())
        return document

    def _open(self, path: str, given: Mapping[str, str]) -> Any:  # noqa: ANN401  # what openers of urllib return
        try:
            request = Request(f"{self._url}{path}?{urlencode(given)}", headers=self._headers)  # noqa: S310  # by the scheme
            return self._opener.open(request, timeout=_SECONDS)
        except HTTPError as error:
            with error:
                if error.code == _NOT_FOUND:
                    return None
                message = f"{self._url} answers: {_reason(error)}"
                raise UnreachableError(message) from error
        except (URLError, OSError, HTTPException, ValueError) as error:
            message = f"No answer from {self._url}: {getattr(error, 'reason', None) or error}"
            raise UnreachableError(message) from error

    def _chunks(self, answer: Any) -> Iterator[bytes]:  # noqa: ANN401  # as above
        with answer:
            try:
                while chunk := answer.read(_LINES):
                    yield chunk
            except (OSError, HTTPException) as error:
                message = f"The answer from {self._url} breaks off."
                raise UnreachableError(message) from error

    def _not_a_view(self) -> str:
        return f"What answers at {self._url} is no otel-sessions view."


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0913, PLR0917  # what it overrides has them
        self, req: object, fp: object, code: object, msg: object, headers: object, newurl: object
    ) -> None:
        """Follow nothing."""


Source: TypeAlias = LocalSource | RemoteSource
"""What the commands ask."""


def whole_session(source: Source, session_id: str) -> dict[str, Any] | None:
    """Return one session with all its turns, as one answer of ``/api/session``; ``None`` for no such session."""
    page = source.page(session_id, None)
    if page is None:
        return None
    merged = dict(page)
    while merged["next"] is not None:
        page = source.page(session_id, merged["next"])
        if page is None:
            message = "The session was removed while it was read."
            raise UnreachableError(message)
        _append(merged, page)
    return merged


def _append(merged: dict[str, Any], page: Document) -> None:
    """Add a page to what was read before it; a trace with turns on both of them is there once."""
    known = {span["trace_id"] for span in merged["spans"]}
    first = len(merged["resources"])
    spans = [{**span, "resource": first + span["resource"]} for span in page["spans"] if span["trace_id"] not in known]
    merged["turns"] = merged["turns"] + page["turns"]
    merged["spans"] = merged["spans"] + spans
    merged["resources"] = merged["resources"] + page["resources"]
    for name in ("logs", "checks"):
        merged[name] = merged[name] + [each for each in page[name] if each["trace_id"] not in known]
    merged["session"], merged["next"] = page["session"], page["next"]


def _reason(error: HTTPError) -> str:
    """Return what the view says, or the status."""
    try:
        said = json.loads(error.read(_LINES))["error"]
    except (ValueError, LookupError, TypeError, RecursionError, OSError, HTTPException):
        said = None
    return said if isinstance(said, str) else f"{error.code} {error.reason}"
