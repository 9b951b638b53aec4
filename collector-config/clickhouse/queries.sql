-- What a Sessions page asks. `{name:Type}` is a parameter: clickhouse-client --param_name=..., or param_name=... over HTTP.
-- Times and days are UTC. `from`, `first_day` and `last_day` are in, `to` is not.
-- A span may be there twice (01-traces.sql): what reads spans takes one of each, with LIMIT 1 BY. The roll-ups need no such
-- care.

-- name: sessions
-- Newest first, from one time on. For the next page give the Ended and the SessionId of the last row as `before` and
-- `before_session` (for the first a time to come, and ''): unlike an offset, that stays right while new ones arrive.
-- `user` '' is all of them. The roll-up is read twice: narrow columns for all sessions, wide ones for those of the page.
SELECT SessionId, SessionName, Users, Started, Ended, Turns, Spans, Errors, FailedChecks, TotalTokens, Models, Input, Output
FROM sessions
WHERE SessionId IN
(
    SELECT SessionId
    FROM session_rollup
    WHERE Day >= toDate({from:DateTime64(9, 'UTC')})
      AND ({user:String} = '' OR SessionId IN (SELECT SessionId FROM user_rollup WHERE UserId = {user:String}))
    GROUP BY SessionId
    HAVING max(Last) >= {from:DateTime64(9, 'UTC')}
       AND (max(Last), SessionId) < ({before:DateTime64(9, 'UTC')}, {before_session:String})
       AND (NOT {only_errors:Bool} OR max(HasErrors))
       AND (NOT {only_failed_checks:Bool} OR max(HasFailedChecks))
    ORDER BY max(Last) DESC, SessionId DESC
    LIMIT {limit:UInt32}
)
ORDER BY Ended DESC, SessionId DESC;

-- name: turns of a session
-- In order, with what was said. The roll-up knows when the session was, so that other days are not looked at.
SELECT
    row_number() OVER (ORDER BY min(Timestamp), TraceId) AS Number,
    TraceId,
    min(Timestamp) AS Began,
    intDiv(toUnixTimestamp64Nano(max(Ended)) - toUnixTimestamp64Nano(Began), 1000000) AS Milliseconds,
    argMinIf(SpanAttributes['input.value'], Timestamp, IsOutermost AND SpanAttributes['input.value'] != '') AS Input,
    argMaxIf(SpanAttributes['output.value'], Ended, IsOutermost AND SpanAttributes['output.value'] != '') AS Output,
    count() AS Spans,
    countIf(StatusCode = 'Error') AS Errors,
    countIf(HasFailedCheck) AS FailedChecks,
    sum(InputTokens) AS TokensIn,
    sum(OutputTokens) AS TokensOut
FROM
(
    SELECT
        TraceId, SpanId, Timestamp, Ended, StepKind, StatusCode, HasFailedCheck, InputTokens, OutputTokens, SpanAttributes,
        StepKind != 'EVALUATOR' AND (ParentSpanId = '' OR StepKind = 'CHAIN') AS IsOutermost
    FROM otel_traces
    WHERE SessionId = {session:String}
      AND Timestamp >= (SELECT min(First) FROM session_rollup WHERE SessionId = {session:String})
      AND Timestamp <= (SELECT max(Last) FROM session_rollup WHERE SessionId = {session:String})
    LIMIT 1 BY TraceId, SpanId
)
GROUP BY TraceId
HAVING countIf(StepKind != 'EVALUATOR') > 0
ORDER BY Number;

-- name: spans of a turn
-- For the tree of a trace; what else of it has no session is there as well.
SELECT
    SpanId, ParentSpanId, SpanName, StepKind, ServiceName, Timestamp, Duration, StatusCode, StatusMessage,
    SpanAttributes['session.path'] AS Path, Model, InputTokens, OutputTokens
FROM otel_traces
WHERE TraceId = {trace:String}
  AND Timestamp >= (SELECT min(First) FROM session_rollup WHERE SessionId = {session:String}) - INTERVAL 1 HOUR
  AND Timestamp <= (SELECT max(Last) FROM session_rollup WHERE SessionId = {session:String}) + INTERVAL 1 HOUR
ORDER BY Timestamp, SpanId
LIMIT 1 BY SpanId;

-- name: steps of a session
-- The tree of its paths, each node before what is below it. A node has what is below it in its numbers, too; a span without
-- a path is at the root.
SELECT
    '/' || arrayStringConcat(Node, '/') AS Path,
    length(Node) AS Depth,
    count() AS Spans,
    countIf(StatusCode = 'Error') AS Errors,
    countIf(HasFailedCheck) AS FailedChecks,
    sum(TotalTokens) AS Tokens,
    min(Timestamp) AS Began,
    intDiv(toUnixTimestamp64Nano(max(Ended)) - toUnixTimestamp64Nano(Began), 1000000) AS Milliseconds
FROM
(
    SELECT
        Timestamp, Ended, StatusCode, HasFailedCheck, TotalTokens,
        arrayFilter(name -> name != '', splitByChar('/', SpanAttributes['session.path'])) AS Names
    FROM otel_traces
    WHERE SessionId = {session:String}
      AND Timestamp >= (SELECT min(First) FROM session_rollup WHERE SessionId = {session:String})
      AND Timestamp <= (SELECT max(Last) FROM session_rollup WHERE SessionId = {session:String})
    LIMIT 1 BY TraceId, SpanId
)
ARRAY JOIN arrayMap(depth -> arraySlice(Names, 1, depth), range(length(Names) + 1)) AS Node
GROUP BY Node
ORDER BY Node;

-- name: sessions of a user
SELECT SessionId, SessionName, Users, Started, Ended, Turns, Errors, FailedChecks, TotalTokens, Input, Output
FROM sessions
WHERE SessionId IN
(
    SELECT SessionId
    FROM user_rollup
    WHERE UserId = {user:String} AND Day >= toDate({from:DateTime64(9, 'UTC')}) AND SessionId != ''
    GROUP BY SessionId
    ORDER BY max(Last) DESC, SessionId DESC
    LIMIT {limit:UInt32}
)
ORDER BY Ended DESC, SessionId DESC;

-- name: active users per day
SELECT Day, uniqExact(UserId) AS Users, uniqExact(SessionId) AS Sessions
FROM user_rollup
WHERE Day BETWEEN {first_day:Date} AND {last_day:Date} AND UserId != ''
GROUP BY Day
ORDER BY Day;

-- name: failed checks
-- Newest first. Each check is told twice, as an event and as a span: where a session has events of a check, its spans are
-- left out.
SELECT Timestamp, SessionId, UserId, Name, Label, Score, Explanation, ErrorType, TraceId, SpanId
FROM
(
    SELECT *, max(Source = 'event') OVER (PARTITION BY SessionId, Name) AS HasEvents
    FROM
    (
        SELECT *
        FROM checks
        WHERE HasFailed
          AND Timestamp >= {from:DateTime64(9, 'UTC')}
          AND Timestamp < {to:DateTime64(9, 'UTC')}
        LIMIT 1 BY Source, Id
    )
)
WHERE Source = 'event' OR NOT HasEvents
ORDER BY Timestamp DESC, SessionId, Id
LIMIT {limit:UInt32};

-- name: tokens by model and user
-- Most first; `user` '' is all of them.
SELECT
    UserId,
    Call.Model AS Model,
    count() AS ModelCalls,
    sum(Call.InputTokens) AS TokensIn,
    sum(Call.OutputTokens) AS TokensOut,
    sum(Call.TotalTokens) AS Tokens
FROM
(
    SELECT UserId, arrayJoin(groupUniqArrayArray(Calls)) AS Call
    FROM user_rollup
    WHERE Day BETWEEN {first_day:Date} AND {last_day:Date}
      AND ({user:String} = '' OR UserId = {user:String})
    GROUP BY UserId, SessionId
)
GROUP BY UserId, Model
ORDER BY Tokens DESC, UserId, Model
LIMIT {limit:UInt32};

-- name: longest sessions
-- From the first to the last of its spans, in the days asked for.
SELECT
    SessionId,
    min(First) AS Began,
    dateDiff('second', min(First), max(Last)) AS Seconds,
    uniqExactMerge(TurnIds) AS Turns
FROM session_rollup
WHERE SessionId IN
(
    SELECT SessionId
    FROM session_rollup
    WHERE Day BETWEEN {first_day:Date} AND {last_day:Date}
    GROUP BY SessionId
    HAVING max(Last) > min(First)
    ORDER BY max(Last) - min(First) DESC, SessionId
    LIMIT {limit:UInt32}
)
  AND Day BETWEEN {first_day:Date} AND {last_day:Date}
GROUP BY SessionId
ORDER BY Seconds DESC, SessionId;
