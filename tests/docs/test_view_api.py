"""What the page on the API says is what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from otel_sessions.view.api.openapi import openapi
from otel_sessions.view.api.parameters import DEFAULT_LIMIT, LIST, MAX_LIMIT
from otel_sessions.view.api.schemas import SCHEMAS

PAGE = (Path(__file__).parents[2] / "docs/reference/view-api.md").read_text()


def test_the_page_has_every_route():
    rows = re.findall(r"^\| `(/api/[^`?]+)(?:\?[a-z]+=)?` \|", PAGE, re.MULTILINE)

    assert sorted(rows) == sorted(openapi()["paths"])


def test_the_page_has_every_parameter_of_lists():
    table = PAGE.partition("### What lists take")[2].partition("###")[0]
    names = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)))

    assert sorted(names) == sorted(LIST)
    assert f"up to {MAX_LIMIT:,}; {DEFAULT_LIMIT} if nothing is said" in table


def test_the_example_has_the_fields_of_a_session():
    (example,) = [block for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if '"sessions"' in block]
    (session,) = json.loads(example)["sessions"]

    assert list(session) == SCHEMAS["SessionInList"]["required"]
