"""The command ``python -m benchmarks.viewing``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from harness import output
from harness.isolation import isolate
from harness.samples import in_rounds

from . import ingest, page, picture, queries
from .servers import OURS, kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .ingest import Figure
    from .servers import Kind

_RESULTS = output.ROOT / "benchmarks" / "results"
_SLOW = frozenset({"MLflow", "Phoenix"})


def main() -> None:
    """Measure, print the page, and write it with its picture."""
    parser = argparse.ArgumentParser("python -m benchmarks.viewing", description=ingest.__doc__)
    output.add_to(parser, _RESULTS)
    parser.add_argument("--only-ours", action="store_true", help="without other servers")
    parser.add_argument("--rounds", type=int, default=3, help="in which every server has its turn")
    parser.add_argument("--sessions", type=int, default=100_000, help="in the full store, of 50 spans each")
    arguments = parser.parse_args()
    isolate()
    is_quick: bool = arguments.quick
    found = [kind for kind in kinds() if kind.name == OURS or not (is_quick or arguments.only_ours)]
    missing = [kind.name for kind in found if kind.command is None]
    taken = _taken(
        [kind for kind in found if kind.command is not None],
        rounds=1 if is_quick else arguments.rounds,
        is_quick=is_quick,
    )
    filled = queries.measure(found[0], *((200, 20) if is_quick else (arguments.sessions, 100)))
    figures = {"ingest": taken, "filled": filled._asdict(), "missing": missing}
    text = page.written(figures, is_quick=is_quick)
    print(text)
    with output.folder_of(arguments, _RESULTS) as folder:
        (folder / "view.md").write_text(text, encoding="utf-8")
        (folder / "view.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        picture.draw(figures, folder)


def _taken(found: Sequence[Kind], *, rounds: int, is_quick: bool) -> Mapping[str, Mapping[str, Sequence[Figure]]]:
    """Return the figures of all rounds by case and server; in each round all have their turn."""
    taken: dict[str, dict[str, list[Figure]]] = {}
    for case in ingest.cases(is_quick=is_quick):
        for _, turn in in_rounds(found, rounds, 0):
            for kind in turn:
                if kind.name in _SLOW and not case.of_slow:
                    continue
                figure = ingest.measure(kind, case, is_slow=kind.name in _SLOW)
                taken.setdefault(case.name, {}).setdefault(kind.name, []).append(figure)
                print(f"{case.name}, {kind.name}: {figure.spans:,.0f} spans, {figure.megabytes:,.0f} MB", flush=True)
    return taken


if __name__ == "__main__":
    main()
