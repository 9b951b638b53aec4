-- Checks and feedback, each told as an event and as a span: the ones that failed are beside each other.

CREATE TABLE IF NOT EXISTS checks
(
    Timestamp DateTime64(9, 'UTC'),
    Source Enum8('span' = 1, 'event' = 2),
    Id UInt64,
    HasFailed Bool,
    SessionId String,
    UserId String,
    Name LowCardinality(String),
    Label LowCardinality(String),
    Score Nullable(Float64),
    Explanation String,
    ErrorType LowCardinality(String),
    -- What was judged; '' where that is the whole session.
    TraceId String,
    SpanId String
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(Timestamp)
PRIMARY KEY (HasFailed, toStartOfHour(Timestamp))
ORDER BY (HasFailed, toStartOfHour(Timestamp), SessionId, Timestamp, Source, Id)
TTL toDateTime(Timestamp) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS checks_of_traces TO checks AS
SELECT
    Timestamp,
    'span' AS Source,
    cityHash64(TraceId, SpanId) AS Id,
    HasFailedCheck AS HasFailed,
    SessionId,
    UserId,
    CheckName AS Name,
    SpanAttributes['gen_ai.evaluation.score.label'] AS Label,
    toFloat64OrNull(SpanAttributes['gen_ai.evaluation.score.value']) AS Score,
    SpanAttributes['gen_ai.evaluation.explanation'] AS Explanation,
    SpanAttributes['error.type'] AS ErrorType,
    TraceId,
    ParentSpanId AS SpanId
FROM otel_traces
WHERE CheckName != '';

CREATE MATERIALIZED VIEW IF NOT EXISTS checks_of_logs TO checks AS
SELECT
    Timestamp,
    'event' AS Source,
    RecordId AS Id,
    HasFailedCheck AS HasFailed,
    SessionId,
    UserId,
    CheckName AS Name,
    LogAttributes['gen_ai.evaluation.score.label'] AS Label,
    toFloat64OrNull(LogAttributes['gen_ai.evaluation.score.value']) AS Score,
    LogAttributes['gen_ai.evaluation.explanation'] AS Explanation,
    LogAttributes['error.type'] AS ErrorType,
    TraceId,
    SpanId
FROM otel_logs
WHERE CheckName != '';
