"""Where what was found is written."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent


def add_to(parser: ArgumentParser, results: Path) -> None:
    """Let the command line say that a run is a quick one, and where it writes."""
    where = results.relative_to(ROOT)
    parser.add_argument(
        "--quick", action="store_true", help="see that it runs: the figures mean little, and none is kept"
    )
    parser.add_argument("--output", type=Path, help=f"folder to write into ({where}; with --quick, none)")


@contextmanager
def folder_of(arguments: Namespace, results: Path) -> Iterator[Path]:
    """Give the folder to write into; that of a quick run is gone when the block is left."""
    with tempfile.TemporaryDirectory() as gone:
        folder = arguments.output or (Path(gone) if arguments.quick else results)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        if folder != Path(gone):
            print(f"written to {folder}")
