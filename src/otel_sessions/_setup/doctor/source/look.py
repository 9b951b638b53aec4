"""One look at source: all that is read, what is known of the whole program, and what each module has wrong."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from otel_sessions._setup.doctor.finding import Report, in_order

from . import entering, handing_on, ids, names, setting_up, streaming
from .codes import CODES
from .files import NotRead, find_files
from .module import PACKAGE, Module
from .places import Places, dependencies_in
from .reading import Parsed, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from otel_sessions._setup.doctor.finding import Finding


_COUNTED = names.PUBLIC | {f"sdk.{name}" for name in names.OF_SDK}


class _Program:
    """All modules that were read, and what one of them says of the others."""

    def __init__(self, parsed: list[Parsed]) -> None:
        self.texts = {each.name: "\n".join(each.lines) for each in parsed}
        self.modules = [Module(each) for each in parsed if PACKAGE in self.texts[each.name]]
        users = [Module(each) for each in parsed if "Depends" in self.texts[each.name]]
        self.dependencies = frozenset(chain.from_iterable(map(dependencies_in, users)))
        self.has_threading = self._has(rf"{re.escape(handing_on.THREADING)}|ThreadingInstrumentor")
        self.is_guarded = self._has(r"\bSessionPropagator\b|\binstrument\(|session_baggage")
        self.hides_users = self._has(r"\buser_privacy\s*=\s*[\"'](?:hash|drop)|OTEL_SESSION_USER_PRIVACY")
        self.is_set_up_here = self._has(r"\bset_tracer_provider\(")

    def _has(self, pattern: str) -> bool:
        return any(re.search(pattern, text) for text in self.texts.values())

    def findings(self) -> Iterator[Finding]:
        """Return what is wrong, module by module and line by line."""
        for module in self.modules:
            found = chain.from_iterable(self._looks(module))
            yield from sorted(found, key=lambda finding: int(finding.where.rpartition(":")[2]))

    def _looks(self, module: Module) -> Iterator[Iterator[Finding]]:
        places = Places(module)
        others = [text for name, text in self.texts.items() if name != module.parsed.name]
        yield entering.look(module, others)
        yield streaming.look(module, self.dependencies)
        yield ids.look(module, places, hides_users=self.hides_users)
        yield names.look(module)
        yield setting_up.look(module, places, is_guarded=self.is_guarded)
        yield handing_on.look(module, has_threading=self.has_threading, is_set_up_here=self.is_set_up_here)


def look_at_source(paths: Iterable[Path]) -> Report:
    """Read all Python files in ``paths``, files or folders, and return what is wrong in them. Never raises."""
    found = find_files(paths)
    read_all = [each for file in found.files for each in read(file)]
    parsed = [each for each in read_all if isinstance(each, Parsed)]
    not_read = [*found.not_read, *(each for each in read_all if isinstance(each, NotRead))]
    program = _Program(parsed)
    findings = [*program.findings(), *map(_not_read, not_read)]
    uses = Counter(name for module in program.modules for name, _ in module.calls if name in _COUNTED)
    facts: dict[str, object] = {
        "files": len(parsed),
        "lines": sum(len(each.lines) for each in parsed),
        "uses": dict(sorted(uses.items())),
        "not_read": [each.place for each in not_read],
        "skipped": found.skipped,
        "silenced": sum(module.silenced for module in program.modules),
    }
    return Report("source", in_order(findings), facts)


def _not_read(each: NotRead) -> Finding:
    return CODES["not-read"].found(each.place, {"reason": each.reason})
