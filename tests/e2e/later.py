"""The same application a day later, in another process: users say what they think of what was kept then."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from conversations import ORDER, TRIP
from otel_sessions import Check, feedback
from pipeline import pipeline


def thumbs(turns: list[dict[str, str]]) -> list[tuple[str, Check]]:
    """Judge single turns, by the handles that were stored."""
    first = next(turn for turn in turns if turn["session"] == TRIP.session_id)
    last = [turn for turn in turns if turn["session"] == ORDER.session_id][-1]
    return [
        (first["span_id"], feedback("thumb", passed=True, label="up", session=first["handle"])),
        (
            last["span_id"],
            feedback("thumb", passed=False, label="down", explanation="It never arrived.", session=last["handle"]),
        ),
    ]


def stars() -> list[tuple[str, Check]]:
    """Judge whole sessions, by their ids."""
    return [
        (TRIP.session_id, feedback("stars", score=5, session=TRIP.session_id)),
        (ORDER.session_id, feedback("stars", score=2, session=ORDER.session_id)),
    ]


if __name__ == "__main__":
    with pipeline() as sent:
        found = thumbs(json.load(sys.stdin)) + stars()
    checks = [{"target": target, **asdict(each)} for target, each in found]
    json.dump({"checks": checks, "sent": sent}, sys.stdout)
