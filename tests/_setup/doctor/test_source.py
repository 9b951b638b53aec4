"""Source is read without being run: each file once, those that can't be read are named, and nothing raises."""

from __future__ import annotations

import inspect
import json
import os
import socket
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
from click.testing import CliRunner
from page_of_codes import rows
from programs_of_ids import IDS
from programs_of_places import HANDING_ON, SETTING_UP
from programs_of_scopes import ENTERING, STREAMING
from sources import look, marked, told

import otel_sessions
import otel_sessions.sdk
from otel_sessions._setup.doctor.source import names, reading
from otel_sessions._setup.doctor.source.codes import CODES
from otel_sessions._setup.doctor.source.files import SKIPPED, shown
from otel_sessions._setup.doctor.source.look import look_at_source
from otel_sessions.cli import main

ROOT = Path(__file__).parents[3]

WRONG = "from otel_sessions import set_session\nset_session('conv-42')\n"
RIGHT = "from otel_sessions import set_session\nwith set_session('conv-42'):\n    pass\n"


def not_read(report):
    """Return what is said to be not read."""
    assert [finding.where for finding in report.findings if finding.code == "not-read"] == report.facts["not_read"]
    return [Path(place).name for place in report.facts["not_read"]]


# What is read


def test_the_facts_say_what_was_read(tmp_path):
    (tmp_path / "node_modules").mkdir()
    own = "import otel_sessions.sdk as sdk\nsdk.stats()\notel_sessions._diagnostics.inform()\n"
    report = look(tmp_path, one=WRONG, two=RIGHT, three="x = 1\n", four=own)
    assert dict(report.facts) == {
        "files": 4,
        "lines": 13,
        "uses": {"sdk.stats": 1, "set_session": 2},
        "not_read": [],
        "skipped": [str(tmp_path / "node_modules")],
        "silenced": 0,
    }


def test_a_file_is_read_once_however_often_it_is_named(tmp_path):
    look(tmp_path, one=WRONG)
    (tmp_path / "two.py").symlink_to(tmp_path / "one.py")
    report = look_at_source([tmp_path, tmp_path / "one.py", tmp_path])
    assert told(report) == [("one.py", 2, "not-entered")]


@pytest.mark.parametrize("folder", [*sorted(SKIPPED), ".git", ".venv", ".tox", "app.egg-info", "own_venv"])
def test_what_is_installed_or_built_is_left_out(tmp_path, folder):
    (tmp_path / folder / "inside").mkdir(parents=True)
    (tmp_path / "own_venv").mkdir(exist_ok=True)
    (tmp_path / "own_venv" / "pyvenv.cfg").touch()
    (tmp_path / folder / "inside" / "app.py").write_text(WRONG)
    report = look_at_source([tmp_path])
    assert report.findings == ()
    assert str(tmp_path / folder) in report.facts["skipped"]


def test_a_folder_that_is_named_is_read_whatever_its_name(tmp_path):
    folder = tmp_path / "build"
    folder.mkdir()
    assert told(look(folder, app=WRONG)) == [("app.py", 2, "not-entered")]


def test_a_file_that_is_named_is_read_whatever_its_name(tmp_path):
    script = tmp_path / "script"
    script.write_text(WRONG)
    assert told(look_at_source([script])) == [("script", 2, "not-entered")]
    assert look_at_source([tmp_path]).findings == ()


def test_links_that_lead_round_are_not_followed(tmp_path):
    (tmp_path / "round").symlink_to(tmp_path)
    assert told(look(tmp_path, app=WRONG)) == [("app.py", 2, "not-entered")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(WRONG.encode("utf-8-sig"), id="a mark of byte order"),
        pytest.param(
            b"# coding: latin-1\nx = '\xe4'; " + WRONG.replace("\n", ";").encode(), id="an encoding of its own"
        ),
        pytest.param(WRONG.replace("\n", "\r\n").encode(), id="the lines of Windows"),
        pytest.param(WRONG.replace("\n", "\r").encode(), id="the lines of old Macs"),
        pytest.param(b"x = '\x0c\x1c\xe2\x80\xa8'\n" + WRONG.encode(), id="characters at which Python ends no line"),
        pytest.param(b"await x\n" + WRONG.encode(), id="await outside of a function, as in a notebook"),
    ],
)
def test_text_of_all_kinds_is_read(tmp_path, data):
    (tmp_path / "app.py").write_bytes(data)
    (finding,) = look_at_source([tmp_path]).findings
    line = int(finding.where.rpartition(":")[2])
    assert (
        finding.code,
        b"set_session('conv-42')" in data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[line - 1],
    ) == (
        "not-entered",
        True,
    )


# What is not read


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"def f(:\n", id="no syntax"),
        pytest.param(b"import otel_sessions\nx = \xe4\n", id="not UTF-8"),
        pytest.param(b"# coding: no-such-codec\n", id="an encoding that there is not"),
        pytest.param(b"# coding: hex\n1\n", id="an encoding of bytes"),
        pytest.param(b"x = '\0'\n", id="a null byte"),
        pytest.param(b"(" * 500, id="parentheses without end"),
        pytest.param(b"x = " + b"-" * 20_000 + b"1", id="deeper than the parser goes"),
        pytest.param(b"#" * (reading.MAX_BYTES + 1), id="too large"),
    ],
)
def test_what_can_not_be_read_is_named(tmp_path, data):
    (tmp_path / "app.py").write_bytes(data)
    report = look(tmp_path, other=WRONG)
    assert (not_read(report), report.facts["files"]) == (["app.py"], 1)
    assert [finding.level for finding in report.findings] == ["error", "hint"]


def test_syntax_of_a_newer_python_is_named_with_the_python_that_reads():
    said = reading.tree_of("x =\n")
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert said == f"line 1 is no syntax of Python {here}, which reads it here"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x = 1" + "\n" * 60_000 + "+ 1" * 60_000, id="a long statement"),
        pytest.param("if x:\n  pass\n" + "elif x:\n  pass\n" * 30_000, id="many branches"),
        pytest.param("x = '''" + "\n" * 110_000, id="a text without an end"),
    ],
)
def test_where_the_parser_knows_no_end_what_may_be_too_deep_is_not_read(monkeypatch, text):
    monkeypatch.setattr(reading, "_IS_WITHOUT_LIMIT", True)
    assert reading.tree_of(text) == "it may nest deeper than Python 3.10 can read"


def test_there_a_long_text_of_short_statements_is_read(monkeypatch):
    monkeypatch.setattr(reading, "_IS_WITHOUT_LIMIT", True)
    assert len(reading.tree_of("x = 1\n" * 20_000).body) == 20_000


def test_pipes_and_sockets_are_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.py")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.py")
        assert sorted(not_read(look_at_source([Path()]))) == ["pipe.py", "socket.py"]


@pytest.mark.parametrize("is_pipe", [True, False], ids=["a pipe", "a longer text"])
def test_a_file_that_is_another_one_when_it_is_opened_is_not_read(tmp_path, monkeypatch, is_pipe):
    path = tmp_path / "app.py"
    path.write_text("x = 1\n")
    opens = reading._at_once

    def exchanged(name, flags):
        path.unlink()
        if is_pipe:
            os.mkfifo(path)
        else:
            path.write_bytes(b" " * (reading.MAX_BYTES + 1))
        return opens(name, flags)

    monkeypatch.setattr(reading, "_at_once", exchanged)
    assert not_read(look_at_source([path])) == ["app.py"]


def test_where_comments_can_not_be_told_nothing_is_silenced(tmp_path, monkeypatch):
    def refuse(_):
        raise tokenize.TokenError

    text = "from otel_sessions import set_session\nset_session(sid)  # otel-sessions: ignore\n"
    assert told(look(tmp_path, app=text)) == []
    monkeypatch.setattr(tokenize, "generate_tokens", refuse)
    assert len(told(look(tmp_path, app=text))) == 1


def test_links_to_nothing_are_named(tmp_path):
    (tmp_path / "gone.py").symlink_to(tmp_path / "nothing")
    assert not_read(look_at_source([tmp_path])) == ["gone.py"]


def test_a_folder_that_can_not_be_listed_is_named(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def closed(path):  # as for who is not root
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert not_read(look_at_source([tmp_path])) == ["closed"]


def test_names_of_files_are_one_printable_line(tmp_path):
    name = os.fsencode(tmp_path) + b"/a\xff\nb.py"
    Path(os.fsdecode(name)).write_text(WRONG)
    (finding,) = look_at_source([tmp_path]).findings
    assert finding.where == f"{tmp_path}/a\\xff\\nb.py:2"
    assert shown("a b.py") == "a b.py"


# Notebooks


def notebook(*cells, **metadata):
    return json.dumps({"cells": list(cells), "metadata": metadata})


def code(source):
    return {"cell_type": "code", "source": source}


def test_cells_of_a_notebook_are_one_module(tmp_path):
    text = notebook(
        {"cell_type": "markdown", "source": ["# Sessions"]},
        code(["%pip install otel-sessions\n", "!ls\n", "from otel_sessions import set_session\n", "set_session?"]),
        code("%%bash\nls"),
        code("def broken(:"),
        code("if True:\n    %time x = 1\n    set_session('conv-42')"),
        "no cell",
        kernelspec={"language": "python"},
    )
    (tmp_path / "a.ipynb").write_text(text)
    report = look_at_source([tmp_path])
    assert [(Path(finding.where).name, finding.code) for finding in report.findings] == [
        ("a.ipynb:cell 5:3", "not-entered"),
        ("a.ipynb:cell 4", "not-read"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("no JSON", id="no JSON"),
        pytest.param("[" * 200_000, id="JSON without end"),
        pytest.param("[]", id="a list"),
        pytest.param('{"cells": 1}', id="no cells"),
        pytest.param(notebook(kernelspec={"language": "R"}), id="another language"),
    ],
)
def test_what_is_no_notebook_of_python_is_named(tmp_path, text):
    (tmp_path / "a.ipynb").write_text(text)
    assert not_read(look_at_source([tmp_path])) == ["a.ipynb"]


@pytest.mark.parametrize("metadata", [{}, {"kernelspec": 1}, {"kernelspec": {}}])
def test_a_notebook_that_names_no_language_is_of_python(tmp_path, metadata):
    (tmp_path / "a.ipynb").write_text(notebook(code(WRONG), **metadata))
    assert [finding.code for finding in look_at_source([tmp_path]).findings] == ["not-entered"]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [code(WRONG)], "metadata": 1}))
    assert [finding.code for finding in look_at_source([tmp_path]).findings] == ["not-entered"]


# What one module says of another


def test_a_scope_that_another_module_takes_is_used(tmp_path):
    kept = "from otel_sessions import set_session\nscope = set_session('conv-42')\n"
    assert told(look(tmp_path, one=kept)) == [("one.py", 2, "never-entered")]
    assert told(look(tmp_path, one=kept, two="from one import scope\nwith scope: pass\n")) == []


def test_a_dependency_may_be_used_in_another_module(tmp_path):
    dependency = (
        "from otel_sessions import set_session\ndef of_request(sid):\n    with set_session(sid):\n        yield\n"
    )
    app = "from fastapi import Depends\nfrom one import of_request\nx = Depends(of_request)\n"
    assert told(look(tmp_path, one=dependency, two=app)) == [("one.py", 3, "dependency-in-thread")]


def test_what_guards_may_stand_in_another_module(tmp_path):
    by_hand = "from otel_sessions.sdk import SessionSpanProcessor\nx = SessionSpanProcessor()\n"
    assert told(look(tmp_path, one=by_hand)) == [("one.py", 2, "unguarded")]
    assert told(look(tmp_path, one=by_hand, two="from otel_sessions.sdk import instrument\ninstrument()\n")) == []


def test_threads_are_a_hint_where_the_pipeline_is_not_set_up_in_the_source(tmp_path):
    text = """
        import threading
        from otel_sessions import set_session
        with set_session("conv-42"):
            threading.Thread(target=print).start()
        """
    assert [finding.level for finding in look(tmp_path, one=text).findings] == ["hint"]


# What is said


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        pytest.param(
            "from otel_sessions import set_session\nset_session(chat)\nreply = answer(chat)\n",
            "with set_session(chat):\n    reply = answer(chat)  # and what follows",
            id="a statement",
        ),
        pytest.param(
            "import otel_sessions as s\ns.set_session(\n    chat,\n    user_id=user)\nfor x in chat:\n    print(x)\n",
            "with s.set_session(chat, user_id=user):\n    for x in chat:\n        ...",
            id="several lines",
        ),
        pytest.param(
            "from otel_sessions import set_session as ss\n@app.get('/a')\ndef a(sid, key):\n"
            "    with ss(sid, user_id=key): ...\n",
            "bind_session(sid, user_id=key)  # in the place of the block",
            id="a handler",
        ),
        pytest.param(
            "from otel_sessions import bind_session as bind, set_session as enter\nwith bind(chat): ...\n",
            "with enter(chat):",
            id="another name",
        ),
        pytest.param(
            "from otel_sessions import set_session\nwith set_session(chat) as session:\n    session.wrap(words)\n",
            "scope = set_session(chat)\nwith scope as session:\n    ...  # scope.wrap in here",
            id="a session",
        ),
        pytest.param(
            "from otel_sessions import set_session\nwith set_session(chat) as scope:\n    scope.wrap(words)\n",
            "scope = set_session(chat)\nwith scope:\n    ...  # scope.wrap in here",
            id="a session that is called a scope",
        ),
        pytest.param(
            "import otel_sessions as s\nwith s.bind_session(chat): ...\n", "with s.set_session(chat):", id="a module"
        ),
        pytest.param(
            "from otel_sessions import turn\ndef words(): yield\ndef a():\n    with turn('a') as t:\n        body = words()\n"
            "        return body\n",
            "with turn('a') as t:\n    return t.wrap(words())",
            id="a stream with a name",
        ),
        pytest.param(
            "from otel_sessions import set_session\nasync def words(sid):\n    with set_session(sid): yield\n",
            "@set_session(sid)\nasync def words(...):",
            id="a generator",
        ),
        pytest.param(
            "from otel_sessions import set_session\nimport os\nwith set_session(os.getenv('SID')): ...\n",
            "session_id=os.environ['SID']",
            id="an environment",
        ),
    ],
)
def test_a_remedy_has_the_names_of_the_source(tmp_path, text, remedy):
    (finding,) = look(tmp_path, app=text).findings
    assert finding.remedy == remedy


def test_no_text_that_is_an_id_is_shown(tmp_path):
    text = """
        from otel_sessions import *
        import otel_sessions as s
        set_session("the-id"); set_session(session_id="the-id", user_id="the-id"); s.set_session(
            "the-id", user_id="the-id",  # one
        )
        with set_session("the-id", "the-id"): ...
        from_carrier({"baggage": "session.id=the-id"})
        bind_session(b"the-id"); bind_session(["the-id"]); bind_session({"the-id": 1})
        set_session("the" "-id"); s.set_session('''the-id
        the-id''')
        with turn("x"):
            set_session("the-id")
            s.update_session(user_id="the-id").wrap
        """
    report = look(tmp_path, app=text)
    assert len(report.findings) > 8
    assert "the-id" not in repr(report)


def test_a_call_that_can_not_be_written_again_is_left_out(tmp_path):
    chain = "x" + ".y" * 300
    nested = f"from otel_sessions import turn\nturn(\n    {'(' * 50}{chain}{')' * 50},  # odd\n)\n"
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(len(inspect.stack()) + 150)
        report = look(tmp_path, app=nested)
    finally:
        sys.setrecursionlimit(limit)
    assert [finding.code for finding in report.findings] in (["not-entered"], ["not-read"])


def test_a_place_is_found_from_however_deep(tmp_path):
    deep = "from otel_sessions import bind_session\ndef a():\n    bind_session('conv-42')" + ".x" * 900
    assert told(look(tmp_path, app=deep)) == []


def test_the_page_has_a_row_for_each_code():
    page = (ROOT / "docs" / "how-to" / "doctor.md").read_text(encoding="utf-8")
    shown = ["| `{}` | {} | {} | {} |".format(*row) for row in rows()]
    assert [line for line in page.splitlines() if line.startswith(tuple(f"| `{code}` |" for code in CODES))] == shown


def test_each_code_is_found_by_a_test():
    texts = {name: text for group in (ENTERING, STREAMING, IDS, SETTING_UP, HANDING_ON) for name, text in group.items()}
    assert {code for _, _, code in marked(**texts)} | {"not-read"} == set(CODES)


# What is written down of the package


def test_the_names_are_those_of_the_package():
    assert set(otel_sessions.__all__) == names.PUBLIC
    assert set(otel_sessions.sdk.__all__) == names.OF_SDK
    package = Path(otel_sessions.__file__).parent
    modules = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert {name for name in modules if not name.startswith("_")} == names.MODULES


@pytest.mark.parametrize("name", names.ARGUMENTS)
def test_the_arguments_are_those_of_the_function(name):
    parameters = inspect.signature(getattr(otel_sessions, name)).parameters.values()
    places, taken = names.ARGUMENTS[name]
    assert sum(each.kind is not each.KEYWORD_ONLY for each in parameters) == places
    assert {each.name for each in parameters} <= taken
    assert taken - {each.name for each in parameters} <= {"level"}


# The command


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param(WRONG, 1, id="an error"),
        pytest.param("from otel_sessions import bind_session\nbind_session('conv-42')\n", 1, id="a warning"),
        pytest.param("from otel_sessions import bind_session\ndef a(b): bind_session(b.get('c'))\n", 0, id="a hint"),
        pytest.param("def f(:\n", 0, id="not read"),
        pytest.param(RIGHT, 0, id="nothing"),
    ],
)
def test_the_status_says_whether_more_than_hints_was_found(tmp_path, text, status):
    (tmp_path / "app.py").write_text(text)
    result = CliRunner().invoke(main, ["doctor", str(tmp_path)])
    assert result.exit_code == status, result.output


def test_a_path_that_is_not_there_is_a_wrong_use(tmp_path):
    assert CliRunner().invoke(main, ["doctor", str(tmp_path / "nothing")]).exit_code == 2


def test_a_program_gets_json(tmp_path):
    (tmp_path / "app.py").write_text(WRONG)
    report = json.loads(CliRunner().invoke(main, ["doctor", str(tmp_path), "--json"]).output)
    assert (report["looked_at"], report["is_good"]) == ("source", False)
    assert [finding["code"] for finding in report["findings"]] == ["not-entered"]
    assert report["facts"]["uses"] == {"set_session": 1}


def test_source_is_read_without_an_sdk_and_is_not_run(tmp_path):
    (tmp_path / "app.py").write_text(f"{WRONG}open('ran', 'w')\n")
    program = (
        "import sys\nfrom otel_sessions.cli import main\n"
        "try: main(['doctor', sys.argv[1]])\n"
        "except SystemExit as end: print(end.code, sorted(name for name in sys.modules if 'opentelemetry.sdk' in name))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ended.stdout.splitlines()[-1] == "True []"
    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]
