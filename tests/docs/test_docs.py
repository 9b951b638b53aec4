"""What the documents show is what happens: every block of code in them is run."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

import pytest
from markdown_it import MarkdownIt
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.util.re import parse_env_headers
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

import otel_sessions
import otel_sessions.sdk
from local_receiver import OTLPReceiver
from otel_sessions import set_session
from otel_sessions._session.dialects import DIALECTS, NAMES
from otel_sessions._settings.settings import Settings
from otel_sessions._settings.table import slips_in_environment
from otel_sessions.demo import StandIn
from otel_sessions.sdk import instrument
from otel_sessions.view.loopback import LoopbackServer
from wire import spans_of
from without_code import all_but

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

ROOT = Path(__file__).parents[2]
PAGES = sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md"))
TUTORIAL = "docs/tutorial.md"
BACKENDS = [name for name in PAGES if name.startswith("docs/backends/") and not name.endswith("index.md")]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "collector-config/README.md",
    "collector-config/deploy/README.md",
    "trials/README.md",
    *PAGES,
]

RUN_ELSEWHERE = {
    "pip install ": "make package installs the wheel, alone and with its extras, and the clone as the README says",
    "make ": ".ci/run runs each of them, or a short form of it",
    "phoenix serve": "make e2e starts Phoenix, which is not for the tests' environment: 620 MB",
    "mlflow server": "make e2e starts MLflow, which is not for the tests' environment: 620 MB",
}
"""Commands of the documents that are not run here, and why not."""

SERVES = "otel-sessions view"
"""What does not end by itself: tests/packaging/newcomer.py starts it, beside the program of the README."""

PHOENIX = "http://127.0.0.1:6006"
"""Where the documents have it; here `PhoenixLike` is in its place."""

SET_UP = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
"""

APP = "from opentelemetry import trace\ntrace.get_tracer('app').start_span('work').end()\n"

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Block(NamedTuple):
    """A block of code.

    Attributes:
        language: What stands first behind its fence.
        title: The name of the file that it is, if it is one.
        code: The lines.
        output: The block of text right below it, which is what it prints.
    """

    language: str
    title: str
    code: str
    output: str | None


def blocks(name: str) -> list[Block]:
    tokens = MarkdownIt().parse((ROOT / name).read_text())
    found = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "fence":
            title = re.search(r'title="([^"]+)"', token.info)
            output = after.content if after is not None and after.type == "fence" and after.info == "text" else None
            found.append(Block(token.info.partition(" ")[0], title[1] if title else "", token.content, output))
    return found


def code_of(name: str, language: str) -> list[str]:
    """Return the blocks of a language that are no files."""
    return [block.code for block in blocks(name) if block.language == language and not block.title]


def commands(name: str) -> list[str]:
    return lines_of("".join(code_of(name, "sh")))


def lines_of(code: str) -> list[str]:
    return [found for found in (line.partition("#")[0].strip() for line in code.splitlines()) if found]


def is_run_here(command: str) -> bool:
    return command != SERVES and not any(other in command for other in RUN_ELSEWHERE)


def script_of(name: str) -> str:
    """Return a page as a shell script: what is a file is written, and what is a command is run, from top to bottom."""
    lines = []
    for number, block in enumerate(blocks(name)):
        if block.title and block.language == "python":
            lines.append(f"cat > {block.title} <<'END OF FILE'\n{block.code}END OF FILE")
        elif block.language == "sh":
            here = [line for line in lines_of(block.code) if is_run_here(line)]
            lines.append("\n".join(["{", ":", *here, f"}} > {number}.out"]))
    return "\n".join(lines)


def told(text: str) -> str:
    """Return ``text`` with its random ids numbered, in the order in which they come."""
    ids = list(dict.fromkeys(UUID.findall(text)))
    return UUID.sub(lambda found: f"id {ids.index(found[0])}", text)


class PhoenixLike(LoopbackServer):
    """Takes what Phoenix does, spans and annotations, and keeps the annotations."""

    def __init__(self) -> None:
        self.annotations: list[dict[str, object]] = []
        super().__init__(Starlette(routes=[Route("/v1/{what}", self._take, methods=["POST"])]))

    async def _take(self, request: Request) -> Response:
        if request.path_params["what"].endswith("_annotations"):
            self.annotations += (await request.json())["data"]
        return Response()


@pytest.fixture(scope="module")
def phoenix() -> Iterator[PhoenixLike]:
    with PhoenixLike() as phoenix:
        yield phoenix


@pytest.fixture
def environment(phoenix) -> dict[str, str]:
    """Nothing of the machine's own, and exporters that find somebody."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "OPENAI_", "OPENINFERENCE_", "PHOENIX_"))
    }
    return kept | {
        "NO_PROXY": "127.0.0.1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": phoenix.url,
        "PHOENIX_COLLECTOR_ENDPOINT": phoenix.url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


LISBON = [
    "Day one: Alfama and the castle. Day two: Belém, its tower and its tarts. Day three: a train to Sintra.",
    "Day two: in Belém there is a riverside to run along, and the tarts come warm from the oven.",
]
"""What the stand-in answers, which knows a chat by its questions."""

README_PYTHON = [block for block in blocks("README.md") if block.language == "python"]


@pytest.mark.parametrize("block", README_PYTHON, ids=[block.title for block in README_PYTHON])
def test_each_python_block_of_the_readme_is_a_program_that_runs_alone(block, environment, tmp_path):
    """As it is pasted: with nothing before it, and without a warning."""
    with OTLPReceiver() as receiver:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block.code],
            env=environment | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": receiver.endpoint},
            cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        spans = [(span.name, *map(span.attributes.get, ("session.id", "user.id"))) for span in spans_of(receiver)]
    assert sorted(spans) == [("ChatCompletion", "conv-42", "ada")] * 2 + [("chat", "conv-42", "ada")] * 2


def test_the_readme_leads_a_newcomer_to_a_session_on_the_page():
    """What is pasted, and both commands, in their order; `make package` does the same with what the README installs."""
    newcomer = [sys.executable, ROOT / "tests/packaging/newcomer.py"]
    done = subprocess.run(newcomer, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    found = [(each["id"], each["users"], each["turns"], each["spans"]) for each in json.loads(done.stdout)]
    assert found == [("conv-42", ["ada"], 2, 4)]
    assert done.stderr.splitlines()[:-1] == LISBON  # and how long it took


@pytest.mark.parametrize("name", [name for name in PAGES if code_of(name, "python")])
def test_the_python_of_a_page_runs_from_top_to_bottom(name, environment, api, tmp_path):
    """It prints what the page says that it prints, if it says so."""
    code = "\n".join(code_of(name, "python"))
    done = subprocess.run(
        [sys.executable, "-c", code if "set_tracer_provider(provider)" in code else SET_UP + code],
        env=environment | {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": api.base_url},
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = "".join(block.output or "" for block in blocks(name) if block.language == "python")
    assert not shown or told(done.stdout) == told(shown)


OTHER_LANGUAGES = "docs/how-to/other-languages.md"
"""make test-languages runs its files."""

FRAMEWORKS = SimpleNamespace(**runpy.run_path(str(ROOT / "tests/frameworks/page.py")))
"""The programs that real frameworks run, by environment; make test-frameworks runs them."""


def test_every_python_file_of_a_page_is_run_by_its_shell_or_with_a_framework():
    files = {
        name: [block.title for block in blocks(name) if block.language == "python" and block.title] for name in PAGES
    }
    elsewhere = {name for name in PAGES if files[name] and not code_of(name, "sh")} - {OTHER_LANGUAGES}
    assert elsewhere == set(FRAMEWORKS.PAGES)
    run = [FRAMEWORKS.PIPELINE, *(program for programs in FRAMEWORKS.PROGRAMS.values() for program in programs)]
    assert sorted(title for name in elsewhere for title in files[name]) == sorted(run)


def test_the_programs_of_each_environment_have_a_module_that_runs_them():
    names = {f"test_page_{environment.replace('-', '_')}.py" for environment in FRAMEWORKS.PROGRAMS}
    modules = {path.name: path.read_text() for path in (ROOT / "tests/frameworks").glob("test_page_*.py")}
    assert set(modules) == names
    for environment, programs in FRAMEWORKS.PROGRAMS.items():
        text = modules[f"test_page_{environment.replace('-', '_')}.py"]
        assert f'PROGRAMS["{environment}"]' in text or [name for name in programs if name not in text] == []


def test_the_program_of_a_framework_has_at_most_fifteen_lines():
    programs = {block.title: block.code for name in FRAMEWORKS.PAGES for block in blocks(name)}
    lines = {title: len([line for line in code.splitlines() if line]) for title, code in programs.items()}
    assert {title: count for title, count in lines.items() if count > 15} == {}


@pytest.mark.parametrize("name", FRAMEWORKS.PAGES)
def test_the_versions_of_frameworks_on_a_page_are_those_that_are_run(name):
    pins = "".join(path.read_text() for path in (ROOT / "constraints").glob("frameworks-*.txt"))
    table = "".join(line for line in (ROOT / name).read_text().splitlines() if line.startswith("|"))
    shown = set(re.findall(r"\b\d+(?:\.\w+)+", table))
    assert shown
    assert shown - set(re.findall(r"==([\w.]+)", pins)) == set()


@pytest.mark.parametrize("name", FRAMEWORKS.PAGES)
def test_what_the_programs_of_a_page_need_is_what_they_are_run_with(name):
    pins = "".join(path.read_text() for path in (ROOT / "constraints").glob("frameworks-*.txt"))
    needed = re.findall(r"^Install `([^`]+)`", (ROOT / name).read_text(), re.MULTILINE)
    programs = {block.title for block in blocks(name)} - {"", FRAMEWORKS.PIPELINE, *FRAMEWORKS.INSTALL_NOTHING}
    assert len(needed) == len(programs)
    packages = {package.partition("[")[0] for line in needed for package in line.split()}
    assert packages - set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", pins, re.MULTILINE)) == set()


def run_shell(name: str, environment: dict[str, str], folder: Path, phoenix: PhoenixLike) -> None:
    """Run a page as a shell script, and look whether it prints what the page says that it prints, if it says so."""
    script = script_of(name).replace(PHOENIX, phoenix.url)
    for program in re.findall(r"\bpython (\w+\.py)", script):  # that of a reader, unless it is on the page
        (folder / program).write_text(APP)
    done = subprocess.run(
        ["/bin/sh", "-ex"], input=script, env=environment, cwd=folder, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "otel_sessions" not in done.stderr, "it warns"
    shown = {
        number: told(block.output)
        for number, block in enumerate(blocks(name))
        if block.language == "sh" and block.output
    }
    assert {number: told((folder / f"{number}.out").read_text()) for number in shown} == shown


@pytest.mark.parametrize("name", ["README.md", *(name for name in PAGES if name != TUTORIAL and code_of(name, "sh"))])
def test_the_shell_of_a_page_runs(name, environment, api, phoenix, tmp_path):
    """What is left out is in `RUN_ELSEWHERE`.

    What the README instruments has all instrumentations that are there; elsewhere ours is enough.
    """
    exporters = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "LOGS", "METRICS")}
    openai = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": api.base_url}
    instrumented = {} if name == "README.md" else all_but("otel_sessions")
    run_shell(name, environment | exporters | openai | instrumented, tmp_path, phoenix)


def test_the_tutorial_comes_to_its_end_without_a_key(environment, phoenix, tmp_path):
    phoenix.annotations.clear()
    run_shell(TUTORIAL, environment, tmp_path, phoenix)
    assert [(found["name"], found["result"]) for found in phoenix.annotations] == [
        ("a day", {"label": "pass", "score": 1.0})
    ] * 3


def test_what_is_said_to_run_elsewhere_is_in_the_documents():
    lines = [command for name in DOCUMENTS for command in commands(name)]
    assert [other for other in RUN_ELSEWHERE if not any(other in line for line in lines)] == []


@pytest.mark.parametrize("name", BACKENDS)
def test_the_environment_of_a_backend_is_what_the_exporter_and_the_plug_in_take(name, monkeypatch, caplog):
    exports = "\n".join(line for line in commands(name) if line.startswith("export "))
    keys = dict.fromkeys(re.findall(r"\$([A-Z_]+)", exports), "key")
    done = subprocess.run(
        ["/bin/sh", "-eu"], input=f"{exports}\nenv -0\n", env={"PATH": os.environ["PATH"], **keys},
        capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    variables = dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair.startswith("OTEL_"))
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    OTLPSpanExporter().shutdown()
    Settings.resolved()
    assert [record.getMessage() for record in caplog.records] == []
    assert slips_in_environment() == []
    for value in (value for variable, value in variables.items() if variable.endswith("_HEADERS")):
        names = [pair.partition("=")[0].lower() for pair in value.split(",")]
        assert list(parse_env_headers(value, liberal=True)) == names


KNOWN_FROM = {"run": "run", "code": "source", "doc": "documentation"}


def rows(name: str, columns: int) -> list[list[str]]:
    """Return the cells of the tables of a page that have so many columns."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return [row for row in cells if len(row) == columns]


def test_the_table_of_dialects_is_that_of_the_code():
    shown = [cells for cells in rows("docs/backends/index.md", 3) if cells[0].startswith("`")]
    assert shown == [[f"`{name}`", KNOWN_FROM[DIALECTS[name].source], f"<{DIALECTS[name].address}>"] for name in NAMES]


def test_the_settings_show_all_dialects():
    shown = [cells[0] for cells in rows("docs/configuration.md", 4) if cells[0].startswith("`")]
    assert shown == [f"`{name}`" for name in NAMES]


def test_the_settings_show_the_names_of_the_ids_that_a_dialect_stamps():
    shown = {cells[0].strip("`"): " ".join(cells) for cells in rows("docs/configuration.md", 4)}
    ids = [(name, pair[0]) for name in NAMES for pair in DIALECTS[name].names if pair[1] in ("session.id", "user.id")]
    assert [(name, theirs) for name, theirs in ids if theirs.split("properties.Helicone-")[-1] not in shown[name]] == []


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_is_known_from_what_its_page_and_the_list_of_all_say(name):
    text = (ROOT / name).read_text()
    known = re.findall(r"^Known from: \*\*(\w+)\*\*", text, re.MULTILINE)
    listed = [row[3] for row in rows("docs/backends/index.md", 4) if f"({Path(name).name})" in row[0]]
    assert listed == known or (name, listed) == ("docs/backends/collector.md", [])
    dialects = set(re.findall(r"OTEL_SESSION_DIALECTS=(\w+)", text)) - {"genai"}  # for many, each known in its own way
    assert [KNOWN_FROM[DIALECTS[dialect].source] for dialect in dialects if dialect in DIALECTS] == known * len(
        dialects
    )


def test_every_example_is_on_its_page():
    shown = re.findall(r'^--8<-- "examples/(.+)"$', (ROOT / "docs/examples.md").read_text(), re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_file())


@pytest.mark.parametrize(
    ("page", "names"),
    [
        pytest.param("docs/reference/api.md", otel_sessions.__all__, id="otel_sessions"),
        pytest.param("docs/reference/sdk.md", otel_sessions.sdk.__all__, id="otel_sessions.sdk"),
    ],
)
def test_the_reference_has_every_public_name(page, names):
    assert sorted(
        re.findall(r"^::: otel_sessions(?:\.sdk)?\.(\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    ) == sorted(names)


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) <= 900
    assert [len(block.code.splitlines()) for block in README_PYTHON] <= [30]


def is_prose(line: str) -> bool:
    """Tell whether a line of a document may be broken: a row of a table may not, nor what a picture shows."""
    return not line.lstrip().startswith(("|", "!["))


@pytest.mark.parametrize("name", ["README.md", *PAGES])
def test_no_line_of_a_document_is_longer_than_120_characters(name):
    """But for what can't be broken."""
    lines = (ROOT / name).read_text().splitlines()
    for token in MarkdownIt().parse("\n".join(lines)):
        if token.type == "fence" and token.map:
            lines[slice(*token.map)] = [""] * (token.map[1] - token.map[0])
    assert [line for line in lines if is_prose(line) and len(line) > 120] == []


def two_turns(*, with_session: bool) -> list[str]:
    """Hold a chat of two turns, and list the spans that arrive, as the README does."""
    provider = TracerProvider(shutdown_on_exit=False)
    instrumentor = OpenAIInstrumentor()
    with StandIn(seconds_per_word=0) as api, OTLPReceiver() as receiver:
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=receiver.endpoint)))
        instrument(provider, disabled=not with_session)
        instrumentor.instrument(tracer_provider=provider)
        with OpenAI(base_url=api.base_url, api_key="none") as client:
            for question in ("What is a span?", "And a trace?"):
                with (
                    set_session(session_id="conv-42", user_id="ada"),
                    provider.get_tracer("app").start_as_current_span("turn"),
                ):
                    client.chat.completions.create(model="m", messages=[{"role": "user", "content": question}])
        instrumentor.uninstrument()
        provider.shutdown()
        return [line(span) for span in sorted(spans_of(receiver), key=lambda span: span.start)]


def line(span) -> str:
    name = span.name if span.name == "turn" else f"└─ {span.name}"
    ids = "  ".join(f"{key}={span.attributes[key]}" for key in ("session.id", "user.id") if key in span.attributes)
    return f"  {name:<21}{ids}".rstrip()


def test_the_listing_of_the_readme_is_what_arrives():
    listing = ["without", *two_turns(with_session=False), "", "with", *two_turns(with_session=True)]
    assert code_of("README.md", "text") == ["\n".join(listing) + "\n"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_of_the_documents_is_one_that_the_checks_run(name):
    """Of the long ones it runs a short form."""
    lanes = "".join(lane.read_text() for lane in (ROOT / ".ci").glob("lane-*"))
    run = set(re.findall(r"^ *step .* (make [a-z0-9-]+)", lanes, re.MULTILINE)) | {
        "make bench",
        "make bench-all",
        "make behaviour",
        "make soak",
        "make fuzz",
        "make bench-fleet",
        "make bench-view",
        "make view-trials",
        "make record-view",
        "make test-all",
    }
    assert [command for command in commands(name) if command.startswith("make ") and command not in run] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_to_a_file_leads_somewhere(name):
    page = ROOT / name
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


def test_without_the_baggage_propagator_no_id_is_sent():
    program = """
from opentelemetry.propagate import inject
from otel_sessions import set_session
with set_session(session_id="conv-42", user_id="ada"):
    inject(carrier := {})
print(carrier)
"""
    sent = [
        subprocess.run(
            [sys.executable, "-c", program], env=os.environ | {"OTEL_PROPAGATORS": propagators},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for propagators in ("tracecontext,baggage", "tracecontext")
    ]  # fmt: skip
    assert sent == ["{'baggage': 'session.id=conv-42,user.id=ada'}", "{}"]
