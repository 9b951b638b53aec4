"""A list tells of the last turns of each session how long they took, and whether something has failed."""

from __future__ import annotations

from otlp_bodies import a_turn


def test_the_last_turns_stand_in_their_order(client):
    failed = {"code": 2, "message": "no"}
    client.send(
        a_turn(2, "s", "q", "a", start=500, length=1, status=failed),
        a_turn(1, "s", "q", "a", length=250),
        a_turn(3, "other", "q", "a", start=900),
    )

    rows = {row["id"]: row["recent"] for row in client.get("/api/sessions").json["sessions"]}

    assert rows["s"] == [{"duration": 250, "failed": False}, {"duration": 1, "failed": True}]
    assert "<path" in client.get("/").body.decode()


def test_of_many_turns_those_at_the_end_are_told(client):
    client.send(*(a_turn(n, "s", "q", "a", start=n * 1_000, length=n) for n in range(1, 31)))

    [row] = client.get("/api/sessions").json["sessions"]

    assert [each["duration"] for each in row["recent"]] == list(range(15, 31))
