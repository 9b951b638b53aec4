"""All rows, by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _concurrency, _coverage, _frameworks, _generators, _hops, _late, _values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._scenario import Scenario

BY_SUBJECT: Mapping[str, Sequence[Scenario]] = {
    "Which spans": _coverage.ROWS,
    "Generators and streams": _generators.ROWS,
    "Threads, tasks, workers": _concurrency.ROWS,
    "Ids that come late or are there already": _late.ROWS,
    "Ids as they come": _values.ROWS,
    "Other processes": _hops.ROWS,
    "In agent frameworks": _frameworks.ROWS,
}

ALL: Sequence[Scenario] = [row for rows in BY_SUBJECT.values() for row in rows]
