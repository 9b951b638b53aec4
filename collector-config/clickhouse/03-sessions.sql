-- A roll-up: one row for each session and day, so that a list of sessions does not read their spans.
--
-- A view that adds up what it is given counts a span twice that comes twice. So nothing here adds up: there are least and
-- greatest values, and sets of ids. A set does not grow when the same id comes again, whichever insert brings it.

CREATE TABLE IF NOT EXISTS session_rollup
(
    Day Date,
    SessionId String,
    First SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    Last SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    HasErrors SimpleAggregateFunction(max, Bool),
    HasFailedChecks SimpleAggregateFunction(max, Bool),
    UserIds SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    Services SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    -- Exact. A turn is a trace with anything but checks in it.
    TurnIds AggregateFunction(uniqExact, String),
    -- 4 bytes for each id where the others have 16, since it grows with every span. Exact but for two of them being alike by chance,
    -- 1 in 20 for a session of 20,000 spans; beyond 65,536 it estimates.
    SpanIds AggregateFunction(uniq, UInt64),
    ErrorIds AggregateFunction(uniqExact, UInt64),
    -- A check is told as an event and as a span; either may be missing, so both are counted, and the larger count is it.
    FailedEventIds AggregateFunction(uniqExact, UInt64),
    FailedSpanIds AggregateFunction(uniqExact, UInt64),
    -- The calls themselves, since tokens can be added up when each call is there once.
    Calls SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(
        Id UInt64, Model String, InputTokens UInt32, OutputTokens UInt32, TotalTokens UInt32))),
    Name AggregateFunction(argMax, String, DateTime64(9, 'UTC')),
    FirstInput AggregateFunction(argMin, String, DateTime64(9, 'UTC')),
    LastOutput AggregateFunction(argMax, String, DateTime64(9, 'UTC')),
    -- A session is looked for in each day there is, and is in few.
    INDEX by_session SessionId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY Day
ORDER BY (Day, SessionId)
TTL Day + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 64; -- a page of a list reads few rows, and each is wide

CREATE MATERIALIZED VIEW IF NOT EXISTS session_rollup_of_traces TO session_rollup AS
WITH
    cityHash64(TraceId, SpanId) AS Id,
    -- What was said, outside of the turn's parts: the outermost begins first and ends last.
    StepKind != 'EVALUATOR' AND (ParentSpanId = '' OR StepKind = 'CHAIN') AS IsOutermost,
    substringUTF8(SpanAttributes['input.value'], 1, 1000) AS Input,
    substringUTF8(SpanAttributes['output.value'], 1, 1000) AS Output
SELECT
    toDate(Timestamp) AS Day,
    SessionId,
    min(Timestamp) AS First,
    max(Ended) AS Last,
    max(StatusCode = 'Error')::Bool AS HasErrors,
    max(HasFailedCheck)::Bool AS HasFailedChecks,
    groupUniqArrayIf(UserId, UserId != '') AS UserIds,
    groupUniqArray(ServiceName::String) AS Services,
    uniqExactStateIf(TraceId, StepKind != 'EVALUATOR') AS TurnIds,
    uniqState(Id) AS SpanIds,
    uniqExactStateIf(Id, StatusCode = 'Error') AS ErrorIds,
    uniqExactStateIf(Id, false) AS FailedEventIds,
    uniqExactStateIf(Id, HasFailedCheck) AS FailedSpanIds,
    groupUniqArrayIf((Id, Model::String, InputTokens, OutputTokens, TotalTokens), TotalTokens > 0) AS Calls,
    argMaxStateIf(SpanAttributes['session.name'], Timestamp, SpanAttributes['session.name'] != '') AS Name,
    argMinStateIf(Input, Timestamp, IsOutermost AND Input != '') AS FirstInput,
    argMaxStateIf(Output, Ended, IsOutermost AND Output != '') AS LastOutput
FROM otel_traces
WHERE SessionId != ''
GROUP BY Day, SessionId;

-- Of events the failed checks alone. They may come weeks after the session, and don't prolong it: the times given are the
-- least and the greatest there are, which change nothing.
CREATE MATERIALIZED VIEW IF NOT EXISTS session_rollup_of_logs TO session_rollup AS
SELECT
    toDate(Timestamp) AS Day,
    SessionId,
    toDateTime64('2262-01-01 00:00:00', 9, 'UTC') AS First,
    toDateTime64('1970-01-01 00:00:00', 9, 'UTC') AS Last,
    true AS HasFailedChecks,
    uniqExactState(RecordId) AS FailedEventIds
FROM otel_logs
WHERE SessionId != '' AND CheckName != '' AND HasFailedCheck
GROUP BY Day, SessionId;

-- One row for each session, over all of its days.
CREATE VIEW IF NOT EXISTS sessions AS
SELECT
    SessionId,
    argMaxMerge(Name) AS SessionName,
    groupUniqArrayArray(UserIds) AS Users,
    min(First) AS Started,
    max(Last) AS Ended,
    uniqExactMerge(TurnIds) AS Turns,
    uniqMerge(SpanIds) AS Spans,
    uniqExactMerge(ErrorIds) AS Errors,
    greatest(uniqExactMerge(FailedEventIds), uniqExactMerge(FailedSpanIds)) AS FailedChecks,
    groupUniqArrayArray(Calls) AS ModelCalls,
    arraySum(call -> call.InputTokens::UInt64, ModelCalls) AS InputTokens,
    arraySum(call -> call.OutputTokens::UInt64, ModelCalls) AS OutputTokens,
    arraySum(call -> call.TotalTokens::UInt64, ModelCalls) AS TotalTokens,
    arraySort(arrayDistinct(arrayMap(call -> call.Model, ModelCalls))) AS Models,
    arraySort(groupUniqArrayArray(Services)) AS ServiceNames,
    argMinMerge(FirstInput) AS Input,
    argMaxMerge(LastOutput) AS Output
FROM session_rollup
GROUP BY SessionId
HAVING Ended > toDateTime64('1970-01-01 00:00:00', 9, 'UTC'); -- of a session without spans there is nothing to show
