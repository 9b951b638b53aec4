"""Where spans are exported to, as the SDK reads it from the variables, and what of that is wrong.

OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "SDK Environment Variables". No value of a variable is
shown but a host with its port: paths, users and headers may be keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from otel_sessions._settings.destinations import PRIVATE
from otel_sessions._setup.doctor.finding import Finding

from .installed import EXPORTERS, is_zero_code, names_provided, provides

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .installed import Installed

GRPC, HTTP = "grpc", "http/protobuf"
_PREFIX = "OTEL_EXPORTER_OTLP_"
ENDPOINT, PROTOCOL, HEADERS = (_PREFIX + name for name in ("ENDPOINT", "PROTOCOL", "HEADERS"))
_OTLP = frozenset({"otlp", "otlp_proto_grpc", "otlp_proto_http"})
_DEFAULT = {GRPC: "http://localhost:4317", HTTP: "http://localhost:4318"}
_DEFAULT_PORT = {GRPC: 4317, HTTP: 4318}
_HTTP_PORT = {"http": 80, "https": 443}
_HOST = re.compile(r"[0-9A-Za-z._:%-]{1,253}")
_OF_OTHER_NAMES = frozenset({"unix", "unix-abstract", "dns", "ipv4", "ipv6", "vsock", "xds"})
"""Schemes of gRPC's own, whose targets are no host with a port."""

# RFC 9110, section 5.1, less what OpenTelemetry does not take as the name of a header (opentelemetry.util.re).
_HEADER = re.compile(r"[ \t]*[!#-'*+\-.0-9A-Z^-z|~]+[ \t]*=[ \t]*[ !#-+\--:<-\[\]-~]*[ \t]*")


@dataclass(frozen=True, slots=True)
class Exporter:
    """An exporter by OTLP.

    Attributes:
        signal: ``TRACES`` or ``LOGS``.
        protocol: ``grpc`` or ``http/protobuf``.
        host: The host; ``None`` for one that gRPC finds by itself, as behind a socket of Unix.
        port: Its port.
        is_tls: It is spoken to by TLS.
        variable: The variable that says so, or an empty text where it is the default.
    """

    signal: str
    protocol: str
    host: str | None
    port: int
    is_tls: bool
    variable: str

    @property
    def shown(self) -> str:
        """Host and port, for people."""
        if self.host is None:
            return "a target of gRPC's own"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def names_of(signal: str, variables: Mapping[str, str]) -> list[str]:
    """Return the exporters that ``OTEL_TRACES_EXPORTER``, or that of another signal, names."""
    text = variables.get(f"OTEL_{signal}_EXPORTER", "")
    return [name for name in map(str.strip, text.split(",")) if name]


def protocol_of(signal: str, variables: Mapping[str, str], installed: Installed) -> str:
    """Return the protocol that holds, as it is written; where nothing says one, that of what is installed."""
    given = _of_signal("PROTOCOL", signal, variables)[1].strip()
    names = names_of(signal, variables)
    for protocol, (name, _) in EXPORTERS.items():
        if name in names and "otlp" not in names:
            return protocol
    if given:
        return given
    if "otlp" in names:
        return GRPC  # the default of the SDK for this name, and of the distro
    there = [protocol for protocol in EXPORTERS if _has_exporter(protocol, installed)]
    return GRPC if there == [GRPC] or (len(there) > 1 and is_zero_code(installed)) else HTTP


def exporter_of(signal: str, variables: Mapping[str, str], installed: Installed) -> Exporter | None:
    """Return where ``signal`` goes by OTLP; ``None`` where it does not, or where that can't be told."""
    names, protocol = names_of(signal, variables), protocol_of(signal, variables, installed)
    if (names and not _OTLP & set(names)) or protocol not in EXPORTERS:
        return None
    variable, url = _of_signal("ENDPOINT", signal, variables)
    parts = _split(url or _DEFAULT[protocol], protocol)
    if parts is None:
        return None
    if protocol == GRPC and parts.scheme in _OF_OTHER_NAMES:
        return Exporter(signal, protocol, None, 0, is_tls=False, variable=variable)
    port = parts.port or (443 if protocol == GRPC else _HTTP_PORT[parts.scheme])
    is_tls = parts.scheme == "https" or (not parts.scheme and not _is_insecure(variables))
    return Exporter(signal, protocol, parts.hostname, port, is_tls=is_tls, variable=variable)


def _of_signal(name: str, signal: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """Return the variable that holds for ``signal``, its own or that of all signals, with its value."""
    for variable in (f"{_PREFIX}{signal}_{name}", _PREFIX + name):
        if variables.get(variable):
            return variable, variables[variable]
    return "", ""


def _is_insecure(variables: Mapping[str, str]) -> bool:
    return _of_signal("INSECURE", "TRACES", variables)[1].lower() == "true"


def _has_exporter(protocol: str, installed: Installed) -> bool:
    return provides(installed, "opentelemetry_traces_exporter", EXPORTERS[protocol][0])


def _split(url: str, protocol: str) -> SplitResult | None:
    """Return the parts of an endpoint; ``None`` where it has no host and no port that could be dialled and shown."""
    try:
        whole = url if "://" in url or protocol == HTTP or url.startswith("unix:") else f"//{url}"
        parts = urlsplit(whole)
        parts.port  # noqa: B018  # raises where it is none
    except ValueError:
        return None
    if protocol == GRPC and parts.scheme in _OF_OTHER_NAMES:
        return parts
    schemes = {"http", "https"} if protocol == HTTP else {"http", "https", ""}
    is_good = parts.scheme in schemes and parts.hostname and _HOST.fullmatch(parts.hostname)
    return parts if is_good and not _is_odd(url, parts) else None


def _is_odd(url: str, parts: SplitResult) -> bool:
    """Tell whether another reader may see another host in it: then what is shown may be no host."""
    return "@" in parts.path or "\\" in url or any(not " " < character < "\x7f" for character in url)


def wrong_with_exporter(variables: Mapping[str, str], installed: Installed) -> Iterator[Finding]:
    """Yield what is wrong with the exporter of traces, by its name, its protocol, its endpoint and its headers."""
    names = names_of("TRACES", variables)
    yield from _wrong_names(names, installed)
    if names and not _OTLP & set(names):
        return
    protocol = protocol_of("TRACES", variables, installed)
    yield from _wrong_protocol(protocol, names, variables, installed)
    if protocol in EXPORTERS:
        yield from _wrong_endpoint(protocol, variables, installed)
    yield from _wrong_headers(variables)
    yield from _certificate_not_used(protocol, variables, installed)


def certificates_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the files with certificates and keys that the exporter of traces reads, each by its variable."""
    names = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    found = (_of_signal(name, "TRACES", variables) for name in names)
    return {variable: file for variable, file in found if variable}


def _certificate_not_used(protocol: str, variables: Mapping[str, str], installed: Installed) -> Iterator[Finding]:
    """Yield that the exporter over HTTP trusts others: seen with 1.45.1, where the transport is a package, not with 1.40.0."""
    variable = _of_signal("CERTIFICATE", "TRACES", variables)[0]
    others = [name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if variables.get(name)]
    if protocol == HTTP and variable and others and "opentelemetry-exporter-http-transport" in installed:
        yield Finding(
            code="certificate-not-used",
            level="warning",
            what=f"{variable} does not count where {others[0]} is set: requests takes the latter.",
            where=f"{variable}, {others[0]}",
            why="A receiver with a certificate of your own authority is not trusted, and no span arrives.",
            remedy=f"unset {' '.join(others)}",
        )


def _wrong_names(names: list[str], installed: Installed) -> Iterator[Finding]:
    variable = "OTEL_TRACES_EXPORTER"
    if [name.lower() for name in names] == ["none"]:
        yield Finding(
            code="exporter-none",
            level="error",
            what="No span is exported.",
            where=variable,
            why="What nobody gets has no session either.",
            remedy="export OTEL_TRACES_EXPORTER=otlp",
        )
        return
    if names and set(names) <= {"console"}:
        yield Finding(
            code="exporter-console",
            level="hint",
            what="Spans are written to the terminal alone.",
            where=variable,
            why="No backend gets them.",
            remedy="export OTEL_TRACES_EXPORTER=otlp",
        )
    known = names_provided(installed, "opentelemetry_traces_exporter")
    if "opentelemetry-sdk" in installed and set(names) - {*known, *_OTLP}:
        yield Finding(
            code="exporter-unknown",
            level="error",
            what="An exporter is named that no installed package has.",
            where=variable,
            why="opentelemetry-instrument fails to set up the SDK, and no span is recorded. "
            f"Installed are {', '.join(known) or 'none'}.",
            remedy="export OTEL_TRACES_EXPORTER=otlp",
        )


def _wrong_protocol(
    protocol: str, names: list[str], variables: Mapping[str, str], installed: Installed
) -> Iterator[Finding]:
    variable, given = _of_signal("PROTOCOL", "TRACES", variables)
    if protocol not in EXPORTERS:
        yield Finding(
            code="protocol-unknown",
            level="error",
            what="The protocol is none that OpenTelemetry for Python exports by: grpc, http/protobuf.",
            where=variable,
            why="opentelemetry-instrument fails to set up the SDK, and no span is recorded.",
            remedy=f"export {variable}=http/protobuf",
        )
        return
    if given and given.strip() != protocol:
        yield Finding(
            code="protocol-contradicts",
            level="warning",
            what=f"The exporter that is named speaks {protocol}, and {variable} says another protocol.",
            where=f"OTEL_TRACES_EXPORTER, {variable}",
            why="The protocol does not count, so that spans may go to a port that does not speak it.",
            remedy="export OTEL_TRACES_EXPORTER=otlp",
        )
    if "opentelemetry-sdk" in installed and not _has_exporter(protocol, installed) and (given or _OTLP & set(names)):
        yield _not_installed(protocol, variable or "OTEL_TRACES_EXPORTER", is_default=not given)
    elif not given and not names and is_zero_code(installed) and not _has_exporter(GRPC, installed):
        yield Finding(
            code="protocol-default",
            level="hint",
            what="opentelemetry-instrument exports by gRPC where nothing else is said, and that exporter is not installed.",
            where=PROTOCOL,
            why="It fails to set up the SDK then. A program that sets up its own exporter is not concerned.",
            remedy=f"export {PROTOCOL}=http/protobuf",
        )


def _not_installed(protocol: str, where: str, *, is_default: bool) -> Finding:
    package = EXPORTERS[protocol][1]
    default = " It is the default where no protocol is named." if is_default else ""
    return Finding(
        code="protocol-not-installed",
        level="error",
        what=f"The exporter for {protocol} is not installed.",
        where=where,
        why=f"opentelemetry-instrument fails to set up the SDK, and no span is recorded.{default}",
        remedy=f"pip install {package}",
    )


def _wrong_endpoint(protocol: str, variables: Mapping[str, str], installed: Installed) -> Iterator[Finding]:
    variable, url = _of_signal("ENDPOINT", "TRACES", variables)
    exporter = exporter_of("TRACES", variables, installed)
    if exporter is None:
        if url:  # pragma: no branch  # the defaults are good
            yield _malformed(variable, protocol)
        return
    if exporter.host is None:
        return
    path = urlsplit(url).path.rstrip("/") if "://" in url else ""
    if protocol == HTTP and variable == ENDPOINT and path.endswith("/v1/traces"):
        yield _doubled(variable)
    if protocol == HTTP and variable not in {"", ENDPOINT} and not path:
        yield _bare(variable)
    other = HTTP if protocol == GRPC else GRPC
    if exporter.port == _DEFAULT_PORT[other]:
        yield _port_of_other(exporter, other, PROTOCOL)
    if exporter.port == _HTTP_PORT["https"] and not exporter.is_tls:
        yield _without_tls(exporter)
    if not exporter.is_tls and _of_signal("HEADERS", "TRACES", variables)[1] and not PRIVATE.allows(exporter.host):
        yield _clear_text(exporter)
    logs = exporter_of("LOGS", variables, installed)
    if "otlp" in names_of("LOGS", variables) and logs and (logs.host, logs.is_tls) != (exporter.host, exporter.is_tls):
        yield _differ(exporter, logs)


def _malformed(variable: str, protocol: str) -> Finding:
    example = _DEFAULT[protocol]
    if variable != ENDPOINT and protocol == HTTP:
        example += "/v1/traces"
    return Finding(
        code="endpoint-malformed",
        level="error",
        what="The endpoint is no URL with http:// or https:// in front, a host and a port. Quotes are part of it where a "
        "file of variables has them.",
        where=variable,
        why="Nothing can be sent there.",
        remedy=f"export {variable}={example}",
    )


def _doubled(variable: str) -> Finding:
    return Finding(
        code="endpoint-doubled",
        level="error",
        what="The endpoint ends in /v1/traces, and the exporter adds /v1/traces to it.",
        where=variable,
        why="Most receivers answer 404, and no span arrives.",
        remedy=f'export {variable}="${{{variable}%/v1/traces*}}"',
    )


def _bare(variable: str) -> Finding:
    return Finding(
        code="endpoint-bare",
        level="warning",
        what="The endpoint of traces has no path, and the exporter adds none to this one.",
        where=variable,
        why="Spans are sent to /, where most receivers take none.",
        remedy=f'export {variable}="${{{variable}%/}}/v1/traces"',
    )


def _port_of_other(exporter: Exporter, other: str, protocol_variable: str) -> Finding:
    return Finding(
        code="endpoint-port",
        level="warning",
        what=f"Port {exporter.port} is that of {other} by convention, and the exporter speaks {exporter.protocol}.",
        where=exporter.variable,
        why="A receiver that listens there for the one does not understand the other, and no span arrives.",
        remedy=f"export {protocol_variable}={other}",
    )


def _without_tls(exporter: Exporter) -> Finding:
    return Finding(
        code="endpoint-without-tls",
        level="warning",
        what="The port is that of HTTPS, and the exporter speaks to it without TLS.",
        where=exporter.variable,
        why="Receivers refuse that, and no span arrives.",
        remedy=f'export {exporter.variable}="https://${{{exporter.variable}#http://}}"',
    )


def _clear_text(exporter: Exporter) -> Finding:
    return Finding(
        code="endpoint-clear-text",
        level="warning",
        what=f"Spans, and headers with a key, go to {exporter.shown} without TLS.",
        where=f"{exporter.variable}, {HEADERS}",
        why="Whoever is on the way reads ids and keys.",
        remedy=f'export {exporter.variable}="https://${{{exporter.variable}#http://}}"',
    )


def _differ(traces: Exporter, logs: Exporter) -> Finding:
    return Finding(
        code="signals-apart",
        level="hint",
        what=f"Spans go to {traces.shown}, and log records to {logs.shown}.",
        where=", ".join(dict.fromkeys(each.variable or ENDPOINT for each in (traces, logs))),
        why="Turns and checks are in both, and no backend has all of a session.",
        remedy=f"unset {(logs if logs.variable != ENDPOINT else traces).variable or ENDPOINT}",
    )


def _wrong_headers(variables: Mapping[str, str]) -> Iterator[Finding]:
    variable, text = _of_signal("HEADERS", "TRACES", variables)
    bad = [
        place
        for place, item in enumerate(text.split(","), 1)
        if item.strip(" \t") and not _HEADER.fullmatch(item.strip())
    ]
    if bad:
        yield Finding(
            code="headers-malformed",
            level="error",
            what=f"Item {', '.join(map(str, bad))} of the list is no header, and is left out.",
            where=variable,
            why="Without its key a backend refuses what is sent. A header is name=value, with commas between them; a comma "
            "in a value is written %2C, and no quotes are around.",
            remedy=f"export {variable}=authorization=Bearer%20$API_KEY",
        )
    if variable not in {"", HEADERS} and variables.get(HEADERS):
        yield Finding(
            code="headers-replaced",
            level="hint",
            what=f"{variable} takes the place of {HEADERS}: none of the headers there is sent with spans.",
            where=f"{variable}, {HEADERS}",
            why="A key that stands there alone is missing.",
            remedy=f'export {variable}="${HEADERS},${variable}"',
        )
