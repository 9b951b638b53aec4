"""The configurations of this folder beside those of another one, in the same rounds: what a change of them gains or costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from collectors import CONFIGURATIONS
from harness.pages import TEXT, table
from harness.samples import ratio, spread

from .cases import CASES, KAFKA_AGENT, KAFKA_GATEWAY, Case, Measured, of_go
from .others import through_kafka

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from .cases import Fleet

_THERE = "{}, as it is there"
_KAFKA = (KAFKA_AGENT, KAFKA_GATEWAY)


def changed(folder: Path) -> set[str]:
    """Return the names of the configurations that are run in another way in ``folder``."""
    names = {path.name for path in CONFIGURATIONS.glob("*.yaml") if (folder / path.name).is_file()}
    if of_go(folder) != of_go():
        return names
    return {name for name in names if (folder / name).read_text() != (CONFIGURATIONS / name).read_text()}


def started(names: set[str], fleet: Fleet, folder: Path, directory: Path, running: ExitStack) -> dict[str, Measured]:
    """Start the configurations of these names, those here and those in ``folder``, until ``running`` ends."""
    collectors: dict[str, Measured] = {}
    for case in CASES:
        if names.intersection(map(str, case.configurations)):
            here, there = fleet.start(case), fleet.start(_of(case, folder))
            collectors |= {case.name: Measured(here, here), _THERE.format(case.name): Measured(there, there)}
    if names.intersection(_KAFKA):
        here, there = through_kafka(fleet, directory, running, (CONFIGURATIONS, folder))
        for name in _KAFKA:
            collectors |= {name: here[name], _THERE.format(name): there[name]}
    return collectors


def text(found: Mapping[str, Sequence[float]]) -> str:
    """Return the table of what was measured: here, there, and the ratio of the two."""
    rows = []
    for name in found:
        there = _THERE.format(name)
        if there in found:
            of_both = ratio(found[name], found[there])
            figures = (f"{spread(found[each]).value:,.0f}" for each in (there, name))
            rows.append((name, *figures, f"{of_both.value:.2f}", of_both.quartiles(".2f")))
    return table(("spans per CPU-second", "there", "here", "ratio", "quartiles"), rows, TEXT)


def _of(case: Case, folder: Path) -> Case:
    files = tuple(folder / each if isinstance(each, str) else each for each in case.configurations)
    return replace(
        case, name=_THERE.format(case.name), configurations=files, environment={**case.environment, **of_go(folder)}
    )
