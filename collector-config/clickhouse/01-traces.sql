-- Spans, as the Collector's clickhouse exporter inserts them (create_schema: false), with what sessions are looked up by.
--
-- Apply the numbered files in their order, once, to a database of their own. ClickHouse 25.8 or newer:
--   clickhouse-client --query 'CREATE DATABASE IF NOT EXISTS otel'
--   cat clickhouse/0*.sql | clickhouse-client --database otel
-- On replicas write ReplicatedReplacingMergeTree and ReplicatedAggregatingMergeTree for the engines.

CREATE TABLE IF NOT EXISTS otel_traces
(
    -- The exporter names these columns in its INSERT: keep their names and types.
    -- UTC, whatever the server's zone is: a day is the same day for every reader, and no hour comes twice a year.
    Timestamp DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested
    (
        Timestamp DateTime64(9, 'UTC'),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested
    (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),

    -- Taken out of the map once, when a span comes: to find a key, the whole map of each row has to be read.
    SessionId String MATERIALIZED SpanAttributes['session.id'] CODEC(ZSTD(1)),
    UserId String MATERIALIZED SpanAttributes['user.id'] CODEC(ZSTD(1)),
    StepKind LowCardinality(String) MATERIALIZED SpanAttributes['openinference.span.kind'],
    Ended DateTime64(9, 'UTC') MATERIALIZED Timestamp + toIntervalNanosecond(Duration) CODEC(Delta, ZSTD(1)),
    Model LowCardinality(String) MATERIALIZED coalesce(
        nullIf(SpanAttributes['llm.model_name'], ''),
        nullIf(SpanAttributes['embedding.model_name'], ''),
        nullIf(SpanAttributes['gen_ai.response.model'], ''),
        SpanAttributes['gen_ai.request.model']),

    -- A span may tell its tokens in the words of OpenInference, of OpenTelemetry, or in both: the first that is there.
    -- Agents and chains repeat the sum of the calls below them, so calls of a model alone have tokens here.
    IsModelCall Bool MATERIALIZED if(
        StepKind != '',
        StepKind IN ('LLM', 'EMBEDDING'),
        SpanAttributes['gen_ai.operation.name'] NOT IN ('create_agent', 'invoke_agent', 'invoke_workflow', 'execute_tool')),
    InputTokens UInt32 MATERIALIZED if(IsModelCall, toUInt32OrZero(coalesce(
        nullIf(SpanAttributes['llm.token_count.prompt'], ''), SpanAttributes['gen_ai.usage.input_tokens'])), 0),
    OutputTokens UInt32 MATERIALIZED if(IsModelCall, toUInt32OrZero(coalesce(
        nullIf(SpanAttributes['llm.token_count.completion'], ''), SpanAttributes['gen_ai.usage.output_tokens'])), 0),
    TotalTokens UInt32 MATERIALIZED if(
        IsModelCall,
        greatest(InputTokens + OutputTokens, toUInt32OrZero(SpanAttributes['llm.token_count.total'])),
        0),

    -- Of checks; `error` and `timeout` are of checks that could not judge, which is not passing either.
    CheckName LowCardinality(String) MATERIALIZED SpanAttributes['gen_ai.evaluation.name'],
    HasFailedCheck Bool MATERIALIZED SpanAttributes['gen_ai.evaluation.score.label'] IN ('fail', 'error', 'timeout'),

    -- What belongs together lies together, so these leave out nearly everything. Bloom filters, which every server has: a
    -- text index (26.2 and newer) of SessionId took 9.7 MiB for 2,000,000 spans, where a filter took 0.4.
    INDEX by_session SessionId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_user UserId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_trace TraceId TYPE bloom_filter(0.001) GRANULARITY 1
)
-- A Collector that has no answer sends again, so a span may come twice, the same in every byte. Merges take out what has
-- the same key, some time later; until then it is twice in the table, and queries count with that (see queries.sql).
ENGINE = ReplacingMergeTree
PARTITION BY toDate(Timestamp)
-- The hour first, for queries that know a time and no session; within it a session lies in one place.
PRIMARY KEY (toStartOfHour(Timestamp), SessionId)
ORDER BY (toStartOfHour(Timestamp), SessionId, Timestamp, TraceId, SpanId)
TTL toDateTime(Timestamp) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1; -- whole days are dropped, and nothing is rewritten
