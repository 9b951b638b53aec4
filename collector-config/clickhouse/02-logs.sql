-- Log records, as the exporter inserts them. Checks and feedback come as such: events named gen_ai.evaluation.result.

CREATE TABLE IF NOT EXISTS otel_logs
(
    Timestamp DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    -- The exporter looks for this one when it starts. Where the server does not answer then, it leaves the names of events
    -- out until it is started again; so what is a check is told by CheckName, and not by this.
    EventName LowCardinality(String) CODEC(ZSTD(1)),

    SessionId String MATERIALIZED LogAttributes['session.id'] CODEC(ZSTD(1)),
    UserId String MATERIALIZED LogAttributes['user.id'] CODEC(ZSTD(1)),
    -- A record has no id: it is the same one where all that it tells is the same, at the same nanosecond.
    RecordId UInt64 MATERIALIZED cityHash64(
        Timestamp, TraceId, SpanId, ServiceName, SeverityNumber, Body, LogAttributes),
    CheckName LowCardinality(String) MATERIALIZED LogAttributes['gen_ai.evaluation.name'],
    HasFailedCheck Bool MATERIALIZED LogAttributes['gen_ai.evaluation.score.label'] IN ('fail', 'error', 'timeout'),

    INDEX by_session SessionId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_user UserId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_trace TraceId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(Timestamp)
PRIMARY KEY (toStartOfHour(Timestamp), SessionId)
ORDER BY (toStartOfHour(Timestamp), SessionId, Timestamp, RecordId)
TTL toDateTime(Timestamp) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1;
