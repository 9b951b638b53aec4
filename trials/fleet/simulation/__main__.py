"""The command ``python -m trials.fleet.simulation``."""

from __future__ import annotations

import argparse
import os
import sys

from harness import output

from . import _found, _page, plot

_RESULTS = output.ROOT / "trials" / "results"
_PICTURES = output.ROOT / "docs" / "images"
_NAME = "fleet-simulation.md"


def main() -> int:
    """Simulate everything, write the page and draw the picture."""
    arguments = _parsed()
    found = _found.simulate(_found.QUICK if arguments.quick else _found.FULL, arguments.seed)
    with output.folder_of(arguments, _RESULTS) as folder:
        pictures = _PICTURES if folder == _RESULTS else folder
        (folder / _NAME).write_text(_page.text(found, os.path.relpath(pictures, folder)), encoding="utf-8")
        plot.draw(found.changes, pictures)
    return 0


def _parsed() -> argparse.Namespace:
    what = "Simulate what becomes of sessions while a fleet changes."
    parser = argparse.ArgumentParser("python -m trials.fleet.simulation", description=what)
    parser.add_argument("--seed", type=int, default=1, help="of the dice (%(default)s)")
    output.add_to(parser, _RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
