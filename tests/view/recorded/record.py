"""Records small real OTLP requests of real programs: ``python tests/view/recorded/record.py [SOURCE...]``, or all of them.

Each program of ``programs`` runs in its environment of ``tests/frameworks`` (``make record-view`` installs those), asks a
model on the loopback, and exports to a receiver that keeps the bytes. What they say is tidied, and written as OTLP JSON:
``SOURCE.json``, with ``SOURCE.logs.json`` beside it where there were logs. The README gets the versions.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "frameworks")]

from answering import Answering  # noqa: E402
from loopback import QUIET  # noqa: E402
from otlp_receivers import Received, answering  # noqa: E402
from recorded_sources import SOURCES, Source  # noqa: E402
from tidying import Tidying, laid_out  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECONDS = 240
_IDS = {"traceId", "spanId", "parentSpanId"}
_VERSIONS = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"


class Kind(NamedTuple):
    """A signal, and what its messages are called."""

    path: str
    message: type
    of_resource: str
    of_scope: str
    records: str
    suffix: str


TRACES = Kind("/v1/traces", TracesData, "resourceSpans", "scopeSpans", "spans", ".json")
LOGS = Kind("/v1/logs", LogsData, "resourceLogs", "scopeLogs", "logRecords", ".logs.json")


def main(names: list[str]) -> None:
    if "--environments" in names:
        chosen = [SOURCES[name] for name in names if name in SOURCES] or SOURCES.values()
        print(*sorted({f".venv-frameworks-{each.environment}/.installed" for each in chosen if each.environment}))  # noqa: T201  # for make
        return
    for name in names or SOURCES:
        command = SOURCES[name].command
        is_there = not command or shutil.which(command)
        print(f"== {name}" if is_there else f"== {name}: not recorded, there is no {command} on the PATH")  # noqa: T201  # for whoever records
        if is_there:
            record(name, SOURCES[name])


def record(name: str, source: Source) -> None:
    """Run the program of a source, and write what it has exported."""
    with tempfile.TemporaryDirectory() as folder, answering() as received, Answering() as model:
        run(name, source, {**surroundings(folder, received.url, model.base_url), **dict(source.variables)})
        texts = {folder: "/home/user", model.url: "http://127.0.0.1:8000", received.url: "http://127.0.0.1:4318"}
        ports = {int(url.rpartition(":")[2]): int(texts[url].rpartition(":")[2]) for url in (model.url, received.url)}
        write(name, received, texts, ports)
        print("   the model:", ", ".join(model.told))  # noqa: T201
    put_in_readme(name, source)


def surroundings(folder: str, receiver: str, model: str) -> dict[str, str]:
    """Return the environment of a program, which has nothing of a user's."""
    return {
        **QUIET,
        "HOME": folder,
        "LANGFUSE_BASE_URL": receiver,
        "LANGFUSE_OTEL_TRACES_EXPORT_PATH": "v1/traces",
        "LANGFUSE_PUBLIC_KEY": "none",
        "LANGFUSE_SECRET_KEY": "none",
        "NO_PROXY": "127.0.0.1,localhost",
        "OPENAI_API_BASE": model,
        "OPENAI_BASE_URL": model,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver,
        "OTEL_SERVICE_NAME": "shop",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "tests" / "frameworks"),
        "TMPDIR": folder,
        "USER": "user",
    }


def python_of(source: Source) -> str:
    return str(ROOT / f".venv-frameworks-{source.environment}/bin/python") if source.environment else sys.executable


def run(name: str, source: Source, environment: dict[str, str]) -> None:
    """Run a program to its end."""
    program = ["-m", source.module] if source.module else [str(HERE / "programs" / f"{source.program or name}.py")]
    done = subprocess.run(
        [python_of(source), "-W", "ignore", *program, *source.arguments],
        env=environment, cwd=environment["HOME"], capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{name} has failed:\n{done.stdout}{done.stderr}")
    if done.stderr:
        print(done.stderr[-1500:])  # noqa: T201


def write(name: str, received: Received, texts: dict[str, str], ports: dict[int, int]) -> None:
    """Write what was received, tidied."""
    documents = {kind: document_of(kind, bodies_of(received, kind.path)) for kind in (TRACES, LOGS)}
    times = [
        int(record.get("startTimeUnixNano") or record.get("timeUnixNano") or record["observedTimeUnixNano"])
        for kind, document in documents.items()
        for record in records_in(document, kind)
    ]
    tidying = Tidying(min(times), texts, ports)
    for kind, document in documents.items():
        path = HERE / f"{name}{kind.suffix}"
        path.unlink(missing_ok=True)
        if document[kind.of_resource]:
            path.write_text("\n".join(laid_out(tidying.tidied(document))) + "\n")
            print(f"   {path.name}: {path.stat().st_size} bytes, {len(list(records_in(document, kind)))} records")  # noqa: T201


def bodies_of(received: Received, path: str) -> Iterable[bytes]:
    for asked, headers, body in zip(received.paths, received.headers, received.bodies, strict=True):
        if asked == path:
            yield gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body


def document_of(kind: Kind, bodies: Iterable[bytes]) -> dict[str, Any]:
    """Return all requests of a kind as one of OTLP JSON, in the order in which they came."""
    by_resource: dict[str, dict[str, Any]] = {}
    for body in bodies:
        found = MessageToDict(kind.message.FromString(body), use_integers_for_enums=True)
        for of_resource in found.get(kind.of_resource, []):
            told = json.dumps(of_resource.get("resource", {}))
            merged = by_resource.setdefault(told, {**of_resource, kind.of_scope: []})
            for of_scope in of_resource[kind.of_scope]:
                merge(merged[kind.of_scope], of_scope, kind)
    return {kind.of_resource: [with_hex(each) for each in by_resource.values()]}


def merge(those: list[dict[str, Any]], of_scope: dict[str, Any], kind: Kind) -> None:
    same = next((each for each in those if each.get("scope") == of_scope.get("scope")), None)
    if same is None:
        those.append(of_scope)
    else:
        same[kind.records] += of_scope[kind.records]


def with_hex(value: Any) -> Any:  # JSON
    """Return ``value`` with ids in hex digits, as OTLP has them in JSON, and protobuf has not."""
    if isinstance(value, list):
        return [with_hex(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: base64.b64decode(each).hex() if key in _IDS else with_hex(each) for key, each in value.items()}


def records_in(document: dict[str, Any], kind: Kind) -> Iterable[dict[str, Any]]:
    for of_resource in document[kind.of_resource]:
        for of_scope in of_resource[kind.of_scope]:
            yield from of_scope[kind.records]


def put_in_readme(name: str, source: Source) -> None:
    """Put the versions into the row of a source, if its packages are of Python."""
    if not source.packages:
        return
    command = [python_of(source), "-c", _VERSIONS, *source.packages, "opentelemetry-sdk"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    versions = ", ".join(map(" ".join, zip([*source.packages, "opentelemetry-sdk"], told, strict=True)))
    readme = HERE / "README.md"
    text, count = re.subn(rf"^(\| `{name}` \|)[^|]*\|", rf"\1 {versions} |", readme.read_text(), flags=re.MULTILINE)
    if count != 1:
        sys.exit(f"the table of {readme} has to have one row of {name}: | `{name}` | | what it did |")
    readme.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
