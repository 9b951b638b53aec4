"""The page of the reference shows the tables of the code, all of them, and no other rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from shape_page import TABLES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "shapes.md"


def tables_of_the_page() -> dict[str, list[str]]:
    found = re.findall(r"^<!-- ([\w ]+) -->\n\n((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE)
    return {name: rows.splitlines() for name, rows in found}


def test_the_page_has_all_tables():
    assert list(tables_of_the_page()) == list(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_page_is_that_of_the_code(name):
    """Where it fails: the right rows are in `shape_page.TABLES`."""
    assert tables_of_the_page()[name] == TABLES[name]
