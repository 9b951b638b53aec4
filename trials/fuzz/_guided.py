"""The same targets under atheris, which keeps input that reaches new lines; in a process of its own, as that never returns."""

from __future__ import annotations

import os
import pickle
import sys
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._run import Tally

_MOST = 4096


def run(cases: int, seed: int) -> dict[str, Tally]:
    """Give each target its share of ``cases``; nothing where atheris is not installed."""
    if find_spec("atheris") is None:
        print("atheris is not installed", file=sys.stderr)
        return {}
    from ._run import TARGETS

    found = {}
    with TemporaryDirectory() as folder:
        for number, kind in enumerate(TARGETS):
            result = Path(folder) / f"{number}.pickle"
            process = get_context("spawn").Process(target=_play, args=(number, int(cases * kind.share), seed, result))
            process.start()
            process.join()
            found[kind.title] = pickle.loads(result.read_bytes())  # noqa: S301  # our own
    return found


def _play(number: int, cases: int, seed: int, result: Path) -> None:
    """Run one target until it has had its cases; then end the process."""
    import atheris

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it tells of every module and every input
    with atheris.instrument_imports(include=["otel_sessions"]):
        import otel_sessions.sdk  # noqa: F401  # before anybody else does

    from . import _run, _watch
    from ._grammar import SECRET

    target, tally, log = _run.TARGETS[number](), _run.Tally(), _watch.Log()
    log.is_writing = target.writes_foreign

    def one(octets: bytes) -> None:
        dice = Random(octets[:4])  # noqa: S311  # the form of the case; its texts are the octets
        text = octets[4:].decode("utf-8", "surrogateescape")
        parts = text.split("\x1e") + list(
            target.own[:4] or (f"session.id={SECRET}", f"user.id={SECRET}+1", "theirs=1;p")
        )
        _run.one_case(target, parts, dice, tally, log)
        if tally.cases % 500 == 0:
            _watch.forget()
        if tally.cases >= cases:
            tally.counts.update(log.counts)
            tally.seen = target.seen
            result.write_bytes(pickle.dumps(tally))
            os._exit(0)

    atheris.Setup([sys.argv[0], f"-max_len={_MOST}", f"-seed={seed + 1}", "-len_control=10"], one)
    atheris.Fuzz()
