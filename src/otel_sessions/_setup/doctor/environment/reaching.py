"""Whether the exporter can be reached: a TCP connection, and nothing is sent."""

from __future__ import annotations

import os
import socket
from threading import Thread
from typing import TYPE_CHECKING
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed leaves it out

from otel_sessions._setup.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .exporter import Exporter

_SECONDS = 2.0
_SECONDS_IN_ALL = 5.0  # looking a name up has no limit of its own, and a name may stand for several addresses


def is_dialled(exporter: Exporter, variables: Mapping[str, str]) -> bool:
    """Tell whether the exporter itself dials its host: there is one, and no proxy stands between."""
    if exporter.host is None:
        return False
    schemes = ("https", "all") if exporter.is_tls else ("http", "all")
    if not any(_of(f"{scheme}_proxy", variables) for scheme in schemes):
        return True
    return bool(proxy_bypass_environment(exporter.host, {"no": _of("no_proxy", variables)}))


def _of(name: str, variables: Mapping[str, str]) -> str:
    return variables.get(name, "") or variables.get(name.upper(), "")


def why_unreachable(host: str, port: int, seconds: float = _SECONDS_IN_ALL) -> str | None:
    """Return why no connection to ``host`` is made, in words; ``None`` where one is made, and closed at once.

    Args:
        host: A name or an address.
        port: The port.
        seconds: How long to wait in all, also for the name to be looked up.
    """
    answers: list[str | None] = []
    thread = Thread(target=lambda: answers.append(_dialled(host, port)), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else "it did not answer in time"


def _dialled(host: str, port: int) -> str | None:
    try:
        socket.create_connection((host, port), timeout=_SECONDS).close()
    except TimeoutError:
        return "it did not answer in time"
    except socket.gaierror:
        return "its name can't be looked up"
    except ConnectionRefusedError:
        return "nothing listens there"
    except (OSError, ValueError, OverflowError) as error:  # ValueError: a name that is none to IDNA
        return f"connecting to it raised {type(error).__name__}"
    return None


def unreadable(files: Mapping[str, str]) -> Iterator[Finding]:
    """Yield which of ``files``, each by its variable, is not there."""
    for variable, file in files.items():
        if not os.path.exists(file):  # noqa: PTH110  # that of a Path raises for some before Python 3.14
            yield Finding(
                code="certificate-missing",
                level="error",
                what="There is no such file.",
                where=variable,
                why="The exporter can't be made, or sends nothing by TLS.",
                remedy=f"unset {variable}",
            )


def unreachable(exporter: Exporter, reason: str, *, is_meant: bool) -> Finding:
    """Return what to say where no connection is made; with ``is_meant`` the environment asks for this exporter."""
    if is_meant:
        return Finding(
            code="exporter-unreachable",
            level="error",
            what=f"The exporter can't reach {exporter.shown}: {reason}.",
            where=exporter.variable or "OTEL_TRACES_EXPORTER",
            why="No span arrives.",
            remedy=_remedy(exporter),
        )
    return Finding(
        code="default-unreachable",
        level="hint",
        what=f"No variable names a receiver, and the exporter can't reach the default, {exporter.shown}: {reason}.",
        where="OTEL_EXPORTER_OTLP_ENDPOINT",
        why="No span arrives, unless the program names another receiver in code.",
        remedy=_remedy(exporter),
    )


def _remedy(exporter: Exporter) -> str:
    port = 4317 if exporter.protocol == "grpc" else 4318
    return (
        "Start the receiver, or name the host where it is:\n"
        f"export OTEL_EXPORTER_OTLP_ENDPOINT=http://collector.example:{port}"
    )
