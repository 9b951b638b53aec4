"""What the doctor sees without a program: the variables, the packages and the exporter of this environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions._settings.settings import environment, is_sdk_disabled
from otel_sessions._setup.configuration import told
from otel_sessions._setup.doctor.finding import Finding, Report, in_order

from .exporter import certificates_of, exporter_of, names_of
from .installed import installed_here, versions_in
from .libraries import NAMES
from .reaching import is_dialled, unreachable, unreadable, why_unreachable
from .surroundings import wrong_in
from .variables import has_file, of_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .exporter import Exporter
    from .installed import Installed


def look_at_environment(*, sends: bool = False) -> Report:
    """Return what is wrong in this environment. With ``sends``, a marked test session goes to the exporter."""
    variables, installed = environment(), installed_here()
    rows, problems = told()
    seen, exporter_fact = _of_exporter(variables, installed)
    sent, sent_facts = _of_sending(variables, installed) if sends else ([], [])
    facts: dict[str, object] = {
        "settings": {name: value for name, value, _ in rows if name.startswith("OTEL_SESSION_")},
        "packages": versions_in(installed, NAMES),
        "exporter": exporter_fact,
        "sent": sent_facts,
    }
    # What sending says is more than that there is nobody, and was asked for.
    told_of = [*(sent if sends else seen), *of_problems(problems, variables), *wrong_in(variables, installed)]
    told_of += () if has_file(variables) else unreadable(certificates_of(variables))
    return Report("environment", in_order(told_of), facts)


def sent_from_here() -> tuple[list[Finding], list[dict[str, object]]]:
    """Send the marked test session by the exporter of this environment, and return what came back: findings, and facts."""
    return _of_sending(environment(), installed_here())


def _of_exporter(variables: Mapping[str, str], installed: Installed) -> tuple[list[Finding], dict[str, object] | None]:
    """Return whether the exporter of spans can be reached, where there is one."""
    exporter = next(iter(_all_exporters(["TRACES"], variables, installed)), None)
    if exporter is None:
        return [], None
    fact: dict[str, object] = {"protocol": exporter.protocol, "address": exporter.shown, "is_reachable": None}
    if exporter.host is None or not is_dialled(exporter, variables):
        return [], fact
    reason = why_unreachable(exporter.host, exporter.port)
    fact["is_reachable"] = reason is None
    if reason is None:
        return [], fact
    is_meant = bool(exporter.variable or names_of("TRACES", variables))
    return [unreachable(exporter, reason, is_meant=is_meant)], fact


def _of_sending(variables: Mapping[str, str], installed: Installed) -> tuple[list[Finding], list[dict[str, object]]]:
    """Send the test session by the exporter of spans, and by that of log records where one is named."""
    signals = ["TRACES", "LOGS"] if "otlp" in names_of("LOGS", variables) else ["TRACES"]
    exporters = [] if is_sdk_disabled() else _all_exporters(signals, variables, installed)
    if not exporters:
        return [_NOTHING_SENT], []
    from .sending import send  # noqa: PLC0415  # nothing else needs what it imports

    pairs = [send(exporter, variables) for exporter in exporters]
    return [finding for finding, _ in pairs], [fact for _, fact in pairs]


def _all_exporters(signals: list[str], variables: Mapping[str, str], installed: Installed) -> list[Exporter]:
    """Return the exporters that the SDK would make by the variables; none where it is not there, or reads a file."""
    if has_file(variables) or "opentelemetry-sdk" not in installed:
        return []
    found = (exporter_of(signal, variables, installed) for signal in signals)
    return [exporter for exporter in found if exporter is not None]


_NOTHING_SENT = Finding(
    code="nothing-sent",
    level="warning",
    what="No test session was sent: the variables name no exporter by OTLP that could be used, or there is no SDK, or it is off.",
    where="--send",
    why="Where a program, or a configuration file, sets up the exporter, it alone can send.",
    remedy="Set OTEL_EXPORTER_OTLP_ENDPOINT to the receiver of the program, and for this command alone.",
)
