"""Measures what each configuration of collector-config/ takes: ``python -m benchmarks.fleet``."""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from . import held, page
from .cases import CASES, Fleet
from .payloads import BATCH, requests_for
from .throughput import measure

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "benchmarks" / "results" / "fleet.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it runs; writes nothing")
    quick = parser.parse_args().quick
    rounds, requests = (2, 4) if quick else (12, 60)
    otelcol = subprocess.run([_ROOT / "collector-config" / "build"], stdout=subprocess.PIPE, text=True, check=True)
    binary = otelcol.stdout.strip()
    with tempfile.TemporaryDirectory() as directory, Fleet(binary, Path(directory)) as fleet:
        found = measure({case.name: fleet.start(case) for case in CASES}, rounds, requests)
        in_memory, on_disk = held.bytes_in_memory(fleet, 4 * requests), held.bytes_on_disk(fleet, requests)
    facts = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cores": os.cpu_count(),
        "version": version_of(binary),
        "size": sum(map(len, requests_for("size", 4))) / (4 * BATCH),
        "rounds": rounds,
        "spans": requests * BATCH,
    }
    written = page.text(found, facts, in_memory, on_disk)
    print(written)
    if not quick:
        _PAGE.write_text(written)


def version_of(otelcol: str) -> str:
    """Return the version that the binary tells."""
    done = subprocess.run([otelcol, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


if __name__ == "__main__":
    main()
