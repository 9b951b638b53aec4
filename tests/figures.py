"""What tests have counted, told at the end of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_FIGURE = "figure"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [each for of_outcome in terminalreporter.stats.values() for each in of_outcome]
    for each in reports:
        if getattr(each, "when", None) == "call":
            for name, line in each.user_properties:
                if name == _FIGURE:
                    terminalreporter.write_line(line)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that notes a line with the test, whose report brings it out of whichever process it runs in."""
    return lambda line: request.node.user_properties.append((_FIGURE, line))
