"""The command line, ``otel-sessions``: each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

_REMEDY = "otel-sessions: this command needs more packages: pip install 'otel-sessions[{}]'\n"
_USAGE_ERROR = 2
_COMMAND = "otel_sessions.command"  # what the doctor runs

_VIEW_NEEDS = ("grpc", "httptools", "jinja2", "opentelemetry.proto", "rich", "starlette", "uvicorn")
_DEMO_NEEDS = (
    "openai",
    "openinference.instrumentation.openai",
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.sdk",
    *_VIEW_NEEDS,
)


def _refuse(extra: str) -> NoReturn:
    sys.stderr.write(_REMEDY.format(extra))
    raise SystemExit(_USAGE_ERROR)


def _refuse_all() -> NoReturn:
    _refuse("demo" if "demo" in sys.argv else "cli")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


if TYPE_CHECKING or _is_installed("click"):
    import click

    from .view.reading_options import list_options, show_options
    from .view.view_options import view_options

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(package_name="otel-sessions", message="%(prog)s %(version)s")
    def main() -> None:
        """Sessions for every OpenTelemetry pipeline."""

    @main.command()
    @click.option("--page", is_flag=True, help="Then open the page with it, where there is a browser; Ctrl-C ends it.")
    def demo(page: bool) -> None:
        """Run a chat with several users and sessions, and show its spans.

        The real openai client, instrumented by OpenInference, runs in two processes: two users, three
        sessions, one of which the second process resumes. The spans go over OTLP to a receiver in this
        command, into the store of `otel-sessions view`, and are shown by session, turn and span as they
        are kept there.

        \b
        Environment:
          OPENAI_API_KEY               talk to the OpenAI API, not to a local stand-in
          OPENAI_BASE_URL              another API of that kind (with OPENAI_API_KEY)
          OTEL_SESSIONS_DEMO_MODEL     the model to ask for (default: gpt-4o-mini)
          OTEL_EXPORTER_OTLP_ENDPOINT  send the spans there (http/protobuf) instead
          NO_BROWSER                   with --page: open none

        Exits with status 1 if anything fails, or if a span arrives without session.id or user.id.
        """  # noqa: D301  # \b is click's sign for lines to keep as they are
        if not all(map(_is_installed, _DEMO_NEEDS)):
            _refuse("demo")
        from .demo import run  # noqa: PLC0415

        raise SystemExit(run(opens_page=page))

    @main.command()
    def config() -> None:
        """Show the settings that hold with this environment, and where each comes from.

        Arguments of instrument() beat the environment; they are not known here. Exits with status 1 where a
        value of the environment can't be used.
        """
        from ._setup.configuration import shown  # noqa: PLC0415

        lines, is_good = shown()
        click.echo("\n".join(lines))
        raise SystemExit(not is_good)

    class _WithCommand(click.Command):
        """A command whose arguments after ``--`` are another one's."""

        def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
            """Keep what stands after the first ``--`` for itself."""
            place = args.index("--") if "--" in args else len(args)
            ctx.meta[_COMMAND] = args[place + 1 :]
            if place == len(args) - 1:
                ctx.fail("After -- there is no command to run.")
            return super().parse_args(ctx, args[:place])

    @main.command(cls=_WithCommand, options_metavar="[OPTIONS] [SOURCE]... | [OPTIONS] -- COMMAND...")
    @click.argument("source", nargs=-1, metavar="", type=click.Path(exists=True, path_type=Path))
    @click.option("--json", "writes_json", is_flag=True, help="Write one JSON object, for programs.")
    @click.option("--send", is_flag=True, help="Send one marked test session to the exporter, and tell its answer.")
    @click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End COMMAND after so long.")
    @click.pass_context
    def doctor(
        ctx: click.Context, source: tuple[Path, ...], writes_json: bool, send: bool, seconds: float | None
    ) -> None:
        """Find out whether sessions are set up right, and what to write where not.

        \b
        otel-sessions doctor                    looks at this environment
        otel-sessions doctor -- python app.py   runs the program, and looks from inside
        otel-sessions doctor src/               reads the source, without running it

        Exits with status 1 if anything but hints is found, and with 2 if it can't look. Nothing is sent but
        what COMMAND sends itself, and with --send one session to the exporter that the environment names.
        """  # noqa: D301  # as above
        command = ctx.meta[_COMMAND]
        if source and (command or send):
            ctx.fail("SOURCE goes with neither --send nor a COMMAND.")
        if seconds is not None and not command:
            ctx.fail("--seconds goes with a COMMAND.")
        if not _is_installed("packaging"):
            _refuse("cli")
        from ._setup.doctor.looking import look  # noqa: PLC0415
        from ._setup.doctor.writing import as_json, as_text  # noqa: PLC0415

        report = look(source, command, sends=send, seconds=seconds, leaves_stdout=writes_json)
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        text = as_json(report) if writes_json else as_text(report)
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding))
        raise SystemExit(not report.is_good)

    @main.command()
    @view_options
    def view(**options: Any) -> None:  # noqa: ANN401  # what their declarations say
        """Show sessions on a page of this machine, as they come.

        Send OTLP to it, of any language: OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318. Traces and log
        records are kept in one file, which `otel-sessions sessions` and `show` read, too.

        Exits with status 2 if it can't do what the options ask for.
        """
        if not all(map(_is_installed, _VIEW_NEEDS)):
            _refuse("view")
        from .view.options import Options  # noqa: PLC0415
        from .view.running import run  # noqa: PLC0415

        raise SystemExit(run(Options(**options)))

    @main.command()
    @list_options
    def sessions(**options: Any) -> None:  # noqa: ANN401  # what their declarations say
        """List the sessions that `otel-sessions view` has kept, the newest first.

        Exits with status 2 if they can't be read.
        """
        if not all(map(_is_installed, _VIEW_NEEDS)):
            _refuse("view")
        from .view.terminal.commands import Asked, list_sessions  # noqa: PLC0415

        raise SystemExit(list_sessions(Asked(**options)))

    @main.command()
    @show_options
    def show(**options: Any) -> None:  # noqa: ANN401  # as above
        """Show one session, by its id: turns with what was said, spans, tokens and times.

        Exits with status 1 if there is no such session, and with 2 if it can't be read or written.
        """
        if not all(map(_is_installed, _VIEW_NEEDS)):
            _refuse("view")
        from .view.terminal.commands import Shown, show_session  # noqa: PLC0415

        raise SystemExit(show_session(Shown(**options)))

else:
    main = _refuse_all


if __name__ == "__main__":
    main()
