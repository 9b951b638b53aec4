"""All that can be said of variables and packages, without a look at anything else: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import conflicts, installed, libraries, variables
from .exporter import wrong_with_exporter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_sessions._setup.doctor.finding import Finding

    from .installed import Installed


def wrong_in(environment: Mapping[str, str], packages: Installed, *, runs: bool = False) -> Iterator[Finding]:
    """Yield what is wrong in an environment, but for what `otel_sessions._setup.configuration` tells of its settings.

    Args:
        environment: Its variables.
        packages: Its packages, by name.
        runs: A command is run in it.
    """
    yield from variables.wrong_with_variables(environment, packages)
    yield from installed.missing(packages, environment)
    yield from installed.unmet(packages)
    if not variables.has_file(environment):
        yield from wrong_with_exporter(environment, packages)
    yield from conflicts.conflicts_in(environment, packages, runs=runs)
    yield from libraries.twice(packages)
    yield from libraries.uninstrumented(packages, environment)
