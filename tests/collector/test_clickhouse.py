"""clickhouse.yaml and its tables: what the exporter inserts, each span once in every number, and found without a search."""

from __future__ import annotations

import pytest

from clickhouse_answers import ALL_SESSIONS, DAYS, DURING, KNOWN_ANSWERS
from clickhouse_bridge import Bridge
from clickhouse_database import TABLES, database, queries
from collectors import validate
from plan import Plan
from servers import eventually

SPANS = 2_000_000
# At most so many rows are read, of all tables together. What is asked of many sessions looks at each of them once.
LOOK_UP, LIST = SPANS // 40, SPANS // 8
ROWS_READ = [
    pytest.param("sessions", {**ALL_SESSIONS, "from_": "2025-03-06 00:00:00"}, LIST, id="sessions"),
    pytest.param("turns of a session", {}, LOOK_UP, id="turns"),
    pytest.param("spans of a turn", {}, LOOK_UP, id="spans of a turn"),
    pytest.param("steps of a session", {}, LOOK_UP, id="steps"),
    pytest.param("sessions of a user", {**DURING, "user": "user-42"}, LOOK_UP, id="sessions of a user"),
    pytest.param("active users per day", DAYS, LIST, id="active users per day"),
    pytest.param("failed checks", DURING, LIST, id="failed checks"),
    pytest.param("tokens by model and user", {**DAYS, "user": ""}, LIST, id="tokens"),
    pytest.param("tokens by model and user", {**DAYS, "user": "user-42"}, LOOK_UP, id="tokens of a user"),
    pytest.param("longest sessions", DAYS, LIST, id="longest sessions"),
]


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory):
    """The directory of chDB: it can have one alone in a process."""
    return tmp_path_factory.mktemp("clickhouse")


@pytest.fixture(scope="session")
def known(clickhouse):
    """A database with sessions made by hand, delivered once."""
    with database(clickhouse, "known") as known:
        known.keep_for_ever()
        known.add_known()
        yield known


@pytest.fixture(scope="session")
def delivered_twice(clickhouse):
    """The same, delivered a second time, and nothing merged yet."""
    with database(clickhouse, "delivered_twice") as twice:
        twice.keep_for_ever()
        twice.never_merge()
        twice.add_known()
        twice.add_known()
        yield twice


@pytest.fixture(scope="session")
def many(clickhouse):
    with database(clickhouse, "many") as many:
        many.keep_for_ever()
        many.add_many(SPANS)
        yield many


@pytest.fixture
def empty(clickhouse, request):
    """A database with the tables, of the test's own."""
    with database(clickhouse, request.node.name.partition("[")[0][:60]) as empty:
        yield empty


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("a secret")
    return str(path)


@pytest.fixture
def bridge(clickhouse):
    with Bridge(clickhouse, "writer", "a secret") as bridge:
        yield bridge


@pytest.fixture
def collector_to(collector, password_file, bridge):
    """Return a function that makes a Collector which inserts into a database, through the bridge."""

    def make(target):
        return collector(
            "clickhouse.yaml",
            environment={
                "CLICKHOUSE_ENDPOINT": f"{bridge.url}?compress=none",
                "CLICKHOUSE_DATABASE": target.name,
                "CLICKHOUSE_USER": "writer",
                "CLICKHOUSE_PASSWORD_FILE": password_file,
                "CLICKHOUSE_FLUSH": "200ms",
            },
        )

    return make


def without_days(rows):
    """Shorten times to the time of day, in milliseconds."""
    return [
        tuple(value[11:23] if str(value).startswith("2025-03-") and ":" in value else value for value in row)
        for row in rows
    ]


def granules(target, sql, **parameters):
    """Return how many granules of the spans a query reads, and how many there are."""
    lines = [row["explain"].strip(" │└─") for row in target.ask("EXPLAIN indexes = 1 " + sql, **parameters).rows]
    after = lines[next(n for n, line in enumerate(lines) if "otel_traces" in line) :]
    counts = [line.removeprefix("Granules: ").split("/") for line in after if line.startswith("Granules: ")]
    return int(counts[-1][0]), int(counts[0][1])


@pytest.mark.parametrize(("name", "parameters", "expected"), KNOWN_ANSWERS)
def test_a_query_gives_what_is_known_of_the_sessions(known, name, parameters, expected):
    assert without_days(known.rows(queries()[name], **parameters)) == expected


@pytest.mark.parametrize(("name", "parameters", "expected"), KNOWN_ANSWERS)
def test_a_query_gives_the_same_when_everything_was_delivered_twice(delivered_twice, name, parameters, expected):
    assert without_days(delivered_twice.rows(queries()[name], **parameters)) == expected


def test_what_was_delivered_twice_is_twice_in_the_tables_until_they_merge(known, delivered_twice, empty):
    empty.keep_for_ever()
    empty.add_known()
    empty.add_known()
    for table in ("otel_traces", "otel_logs", "checks"):
        count = f"SELECT count() FROM {table}"  # noqa: S608
        empty.run(f"OPTIMIZE TABLE {table} FINAL")
        once = known.rows(count)[0][0]
        assert (delivered_twice.rows(count), empty.rows(count)) == ([(2 * once,)], [(once,)])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({"user": "ada"}, ["conv-2", "conv-1"], id="of a user"),
        pytest.param({"only_errors": True}, ["conv-1"], id="with errors"),
        pytest.param({"only_failed_checks": True}, ["conv-3", "conv-1"], id="with failed checks"),
        pytest.param({"from_": "2025-03-11 00:01:00"}, ["conv-3", "conv-2"], id="since a time"),
        pytest.param({"before": "2025-03-11 09:00:00"}, ["conv-2", "conv-1"], id="before a time"),
        pytest.param(
            {"from_": "2025-03-20 00:00:00"}, [], id="feedback does not make a session of last week a new one"
        ),
    ],
)
def test_the_list_of_sessions_can_be_narrowed(known, filters, expected):
    found = known.ask(queries()["sessions"], **{**ALL_SESSIONS, **filters}).rows
    assert [row["SessionId"] for row in found] == expected


def test_the_last_row_of_a_page_leads_to_the_next_one(known):
    seen, cursor = [], {}
    for _ in range(3):
        page = known.ask(queries()["sessions"], **{**ALL_SESSIONS, "limit": 1, **cursor}).rows
        seen += [row["SessionId"] for row in page]
        cursor = {"before": page[-1]["Ended"], "before_session": page[-1]["SessionId"]}
    assert seen == ["conv-3", "conv-2", "conv-1"]


def test_the_view_of_users_has_each_known_user_once(known):
    columns = "UserId, FirstSeen, LastSeen, ActiveDays, Sessions, Turns, Errors, TotalTokens"
    assert without_days(known.rows(f"SELECT {columns} FROM users ORDER BY UserId")) == [  # noqa: S608
        ("ada", "10:00:00.000", "00:02:01.000", 2, 2, 4, 2, 60),
        ("bob", "09:00:00.000", "09:00:01.500", 1, 1, 1, 0, 50),
    ]


@pytest.mark.parametrize(("name", "parameters", "limit"), ROWS_READ)
def test_a_query_reads_a_small_part_of_two_million_spans(many, report, name, parameters, limit):
    found = many.ask(queries()[name], **{**many.a_turn(SPANS // 2), **parameters})
    report(f"ClickHouse, {name}: {found.read:,} rows read of {SPANS:,} spans")
    assert found.rows
    assert found.read <= limit


def test_the_roll_up_of_two_million_spans_has_the_numbers_that_the_spans_have(many):
    sums = "sum(Turns), sum(Spans), sum(Errors), sum(FailedChecks), sum(TotalTokens)"
    of_spans = "uniqExact(TraceId), count(), countIf(StatusCode = 'Error'), countIf(HasFailedCheck), sum(TotalTokens)"
    expected = [(400_000, SPANS, 3031 * 4, 2000 * 4, 400_000 * 20)]
    assert many.rows(f"SELECT {of_spans} FROM otel_traces") == expected  # noqa: S608
    assert many.rows(f"SELECT {sums} FROM sessions") == expected  # noqa: S608
    assert many.rows("SELECT sum(Turns), sum(TotalTokens) FROM users") == [(400_000, 400_000 * 20)]


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param("SessionId = {session:String}", id="session"),
        pytest.param("TraceId = {trace:String}", id="trace"),
        pytest.param("UserId = {user:String}", id="user"),
    ],
)
def test_spans_of_which_no_time_is_known_are_found_in_a_small_part_of_the_table(many, condition):
    read, of = granules(
        many,
        f"SELECT count() FROM otel_traces WHERE {condition}",  # noqa: S608
        **many.a_turn(SPANS // 2),
        user="user-42",
    )
    assert of > 200
    assert 0 < read <= of / 5


def test_days_that_are_too_old_are_dropped(empty):
    empty.add_known()
    empty.run(
        "INSERT INTO otel_traces (Timestamp, SpanId, SpanAttributes) VALUES (now64(9), 'new', {'session.id': 'new'})"
    )
    for table in TABLES:
        empty.run(f"OPTIMIZE TABLE {table} FINAL")
    ids = "SELECT SpanId FROM otel_traces"
    assert eventually(lambda: empty.rows(ids), lambda rows: len(rows) == 1, 120) == [("new",)]
    assert empty.rows("SELECT SessionId FROM sessions") == [("new",)]


def test_the_configuration_is_valid_and_does_not_start_without_a_password(otelcol, password_file):
    assert validate(otelcol, "clickhouse.yaml", environment={"CLICKHOUSE_PASSWORD_FILE": password_file}) == ""
    assert "no/such/file" in validate(
        otelcol, "clickhouse.yaml", environment={"CLICKHOUSE_PASSWORD_FILE": "no/such/file"}
    )


def test_the_tables_take_what_the_exporter_makes_of_the_spans_and_events_of_our_sdk(
    collector_to, bridge, empty, applications
):
    plan = Plan("stored", sessions=200, failing_every=10, failed_check_every=7)
    with collector_to(empty) as collector:
        applications(plan, collector.http).wait()
        assert collector.drained()
        collector.stop()
    assert spans_in(empty) == sorted(plan.spans())
    assert numbers_in(empty) == numbers_of(plan)
    events = "SELECT count() FROM otel_logs WHERE EventName = 'gen_ai.evaluation.result'"
    assert empty.rows(events) == [(sum(map(plan.has_failed_check, range(plan.sessions))),)]
    assert {(each["async_insert"], each["wait_for_async_insert"]) for each in bridge.settings} == {("1", "1")}


def test_what_the_exporter_sends_again_changes_no_number(collector_to, bridge, empty, applications, report):
    empty.never_merge()
    plan = Plan("again", sessions=100, failing_every=10, failed_check_every=7)
    bridge.answers_are_lost = True
    with collector_to(empty) as collector:
        applications(plan, collector.http).wait()
        assert eventually(lambda: len(bridge.settings), lambda inserts: inserts >= 2, 120) >= 2
        bridge.answers_are_lost = False
        assert collector.drained()
        collector.stop()
    rows = len(spans_in(empty))
    report(f"ClickHouse, answers lost: {rows:,} rows for {len(list(plan.spans())):,} spans")
    assert rows > len(list(plan.spans()))
    assert numbers_in(empty) == numbers_of(plan)


def test_nothing_is_lost_when_clickhouse_is_down_from_the_start_and_the_collector_is_killed(
    collector_to, bridge, empty, applications
):
    plan = Plan("down", sessions=100, failing_every=10, failed_check_every=7)
    bridge.is_down = True
    with collector_to(empty) as collector:
        applications(plan, collector.http).wait()
        collector.kill()
        collector.start()
        bridge.is_down = False
        assert collector.drained(60)
        collector.stop()
    assert sorted(set(spans_in(empty))) == sorted(plan.spans())
    assert numbers_in(empty) == numbers_of(plan)


def spans_in(target):
    turn = "toUInt32OrZero(SpanAttributes['turn.number'])"
    return sorted(target.rows(f"SELECT SessionId, {turn} AS Turn, SpanName FROM otel_traces"))  # noqa: S608


def numbers_in(target):
    """Return of each session its user, turns, spans, errors, failed checks and tokens."""
    columns = "SessionId, Users[1], Turns, Spans, Errors, FailedChecks, TotalTokens"
    return target.rows(f"SELECT {columns} FROM sessions ORDER BY SessionId")  # noqa: S608


def numbers_of(plan):
    """Return the same of a plan."""
    return [
        (
            plan.session_id(number),
            plan.user_id(number),
            plan.turns,
            len(list(plan.spans_of(number))),
            int(plan.has_error(number)),
            int(plan.has_failed_check(number)),
            20 * plan.turns,
        )
        for number in range(plan.sessions)
    ]
