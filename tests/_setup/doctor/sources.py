"""Programs of which the doctor reads the source: what is to be told of a line stands at its end, ``#! code``."""

from __future__ import annotations

import re
from textwrap import dedent

from otel_sessions._setup.doctor.source.look import look_at_source

_MARK = re.compile(r"#! (?P<codes>[\w, -]+)$")


def look(folder, **texts):
    """Return the report on ``texts``, each the module of that name in ``folder``."""
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")
    return look_at_source([folder])


def told(report):
    """Return module, line and code of each finding."""
    places = ((finding.where.rpartition(":"), finding.code) for finding in report.findings)
    return sorted((path.rpartition("/")[2], int(line), code) for (path, _, line), code in places)


def marked(**texts):
    """Return the same of what is marked in ``texts``."""
    return sorted(
        (f"{name}.py", number, code)
        for name, text in texts.items()
        for number, line in enumerate(dedent(text).split("\n"), start=1)
        if (mark := _MARK.search(line)) is not None
        for code in mark["codes"].split(", ")
    )
