"""Whose code it is, by where its file lies."""

from __future__ import annotations

import functools

import pytest

from otel_sessions._context import whose_code


def test_records_that_can_not_be_read_make_nobody_a_library(monkeypatch):
    monkeypatch.setattr(whose_code, "distributions", lambda **_: 1 / 0)
    assert whose_code._distributed_in.__wrapped__("/nowhere") == frozenset()


@pytest.mark.parametrize(
    ("file", "module", "expected"),
    [
        ("/usr/lib/python3/dist-packages/x/y.py", "x.y", whose_code.INSTALLED),
        ("/app/.venv/lib/python3.12/site-packages/x.py", "x", whose_code.INSTALLED),
        ("/app/main.py", "__main__", whose_code.APPLICATION),
        ("<stdin>", "__main__", whose_code.APPLICATION),
        ("client.py", "mcp.client", whose_code.APPLICATION),
        (functools.__file__, "functools", whose_code.STANDARD),
        ("<frozen runpy>", "runpy", whose_code.STANDARD),
        ("<frozen shop>", "shop", whose_code.APPLICATION),
        (None, "builtins", whose_code.STANDARD),
        (None, "shop", whose_code.APPLICATION),
    ],
)
def test_whose_code_it_is_tells_where_it_lies(file, module, expected):
    assert whose_code.origin_of(file, module) == expected
