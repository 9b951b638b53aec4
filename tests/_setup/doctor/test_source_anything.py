"""Whatever stands in source, reading it raises nothing, and what is found is at a line that is there."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs_of_ids import IDS
from programs_of_places import HANDING_ON, SETTING_UP, SILENCED
from programs_of_scopes import ENTERING, STREAMING

from otel_sessions._setup.doctor.source.look import look_at_source

PROGRAMS = [
    dedent(text) for group in (ENTERING, STREAMING, IDS, SETTING_UP, HANDING_ON, SILENCED) for text in group.values()
]
WORDS = sorted({word for text in PROGRAMS for word in re.findall(r"\w+|[^\w\s]", text)})
_LINES = re.compile(rb"\r\n|\r|\n")

slowly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def looked_at(data, name="app.py"):
    """Look at ``data``, and return the report, whose places are there."""
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        report = look_at_source([Path(folder)])
    count = len(_LINES.split(data))
    for finding in report.findings:
        if finding.code != "not-read" and name.endswith(".py"):
            assert 1 <= int(finding.where.rpartition(":")[2]) <= count
        assert all((finding.what, finding.why, finding.remedy))
    return report


@slowly
@given(st.binary())
def test_any_bytes(data):
    looked_at(data)


@slowly
@given(st.text())
def test_any_text(text):
    looked_at(("import otel_sessions\n" + text).encode("utf-8", "surrogatepass"))


@slowly
@given(st.text())
def test_any_notebook(text):
    looked_at(text.encode("utf-8", "surrogatepass"), "a.ipynb")


@slowly
@given(st.sampled_from(PROGRAMS), st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(WORDS)), max_size=6))
def test_words_of_programs_are_exchanged(text, changes):
    parts = re.findall(r"\w+|\s+|[^\w\s]", text)
    for place, word in changes:
        parts[place % len(parts)] = word
    looked_at("".join(parts).encode())


@slowly
@given(st.sampled_from(PROGRAMS), st.randoms(use_true_random=False))
def test_lines_of_programs_are_exchanged_dropped_and_doubled(text, dice):
    lines = text.split("\n")
    for _ in range(5):
        place = dice.randrange(len(lines))
        lines[place : place + dice.randrange(2)] = dice.sample(lines, dice.randrange(3))
        lines = lines or [""]
    looked_at("\n".join(lines).encode())


@slowly
@given(st.sampled_from(PROGRAMS), st.sampled_from(PROGRAMS), st.sampled_from(["\r", "\r\n", "\n"]))
def test_two_programs_in_one_with_all_ends_of_lines(one, other, end):
    looked_at(f"{one}\n{other}".replace("\n", end).encode())
