"""Everybody can read the pages: what axe-core finds, in light and in dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

PATHS = (
    "/",
    "/?user=ada&error=true&q=order",
    "/users",
    "/coverage",
    "/traces?session=none",
    "/sessions/conv-1000",
    "/sessions/none",
    "/nothing",
)


def serious(page) -> list[str]:
    page.wait_for_timeout(200)
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html']}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1_280), ("dark", 1_280), ("light", 360)])
@pytest.mark.parametrize("path", [*PATHS, "/traces/00000000000000000000000000000001"])
def test_nothing_serious_is_found(full, watch, path, scheme, width):
    page = watch(full, color_scheme=scheme, viewport={"width": width, "height": 900}).open(path)

    assert serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_where_nothing_has_come(empty, watch, scheme):
    assert serious(watch(empty, color_scheme=scheme).open("/")) == []
