-- The same for users: one row for each user, day and session; sets and extremes again, so that nothing counts twice.
-- Spans without a user are there under '', so that the tokens of all add up to what was used.

CREATE TABLE IF NOT EXISTS user_rollup
(
    UserId String,
    Day Date,
    SessionId String,
    First SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    Last SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    TurnIds AggregateFunction(uniqExact, String),
    ErrorIds AggregateFunction(uniqExact, UInt64),
    Calls SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(
        Id UInt64, Model String, InputTokens UInt32, OutputTokens UInt32, TotalTokens UInt32))),
    INDEX by_user UserId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY Day
ORDER BY (UserId, Day, SessionId)
TTL Day + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 256;

CREATE MATERIALIZED VIEW IF NOT EXISTS user_rollup_of_traces TO user_rollup AS
WITH cityHash64(TraceId, SpanId) AS Id
SELECT
    UserId,
    toDate(Timestamp) AS Day,
    SessionId,
    min(Timestamp) AS First,
    max(Ended) AS Last,
    uniqExactStateIf(TraceId, StepKind != 'EVALUATOR') AS TurnIds,
    uniqExactStateIf(Id, StatusCode = 'Error') AS ErrorIds,
    groupUniqArrayIf((Id, Model::String, InputTokens, OutputTokens, TotalTokens), TotalTokens > 0) AS Calls
FROM otel_traces
WHERE UserId != '' OR SessionId != '' OR TotalTokens > 0
GROUP BY UserId, Day, SessionId;

CREATE VIEW IF NOT EXISTS users AS
SELECT
    UserId,
    min(First) AS FirstSeen,
    max(Last) AS LastSeen,
    uniqExact(Day) AS ActiveDays,
    uniqExactIf(SessionId, SessionId != '') AS Sessions,
    uniqExactMerge(TurnIds) AS Turns,
    uniqExactMerge(ErrorIds) AS Errors,
    groupUniqArrayArray(Calls) AS ModelCalls,
    arraySum(call -> call.InputTokens::UInt64, ModelCalls) AS InputTokens,
    arraySum(call -> call.OutputTokens::UInt64, ModelCalls) AS OutputTokens,
    arraySum(call -> call.TotalTokens::UInt64, ModelCalls) AS TotalTokens
FROM user_rollup
WHERE UserId != ''
GROUP BY UserId;
