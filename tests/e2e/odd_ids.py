"""Ids that backends can't hold, given twice each, among good ones; all in one batch."""

from __future__ import annotations

import json
import sys

from otel_sessions import get_session, set_session, turn
from pipeline import pipeline

ODD = {
    "300 characters": "conversation-" + "x" * 287,
    "not ASCII": "Gespräch-über-東京",
    "a line break": "conversation-1\nconversation-2",
    "good": "conversation-7",
}
_EMPTY = ""


def talk(session_id: str, question: str) -> str | None:
    """Take one turn; return the id that the session has."""
    with set_session(session_id, user_id="Zoë" * 100), turn("reply", input=question) as t:
        t.output = "Yes."
        session = get_session()
        return None if session is None else session.id


if __name__ == "__main__":
    with pipeline() as sent:
        ids = {what: [talk(given, f"{what}, {time}?") for time in ("once", "twice")] for what, given in ODD.items()}
        talk(_EMPTY, "none?")
    json.dump({"ids": ids, "sent": sent}, sys.stdout)
