"""The command lines of trials that throw dice, and what these have to say at the end."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def parser_of(package: str) -> argparse.ArgumentParser:
    """Return a parser for the command of a trial, with the seed of its dice and the file for its page."""
    name = package.rpartition(".")[2]
    parser = argparse.ArgumentParser(f"python -m {package}", description=sys.modules[package].__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the dice")
    parser.add_argument("--output", type=Path, help=f"file for the page, such as {name}.md; nothing is written without")
    return parser


def tell(page: str, remarks: Iterable[str], output: Path | None) -> None:
    """Print the page and the remarks, and write the page."""
    print(page)
    for remark in remarks:
        print(remark, file=sys.stderr)
    if output is not None:
        output.write_text(page, encoding="utf-8")
