-- The questions of queries.sql, asked of the spans themselves, in the table that the exporter makes where it is let: sorted
-- by service, name and time, with a session as one of the keys of a map.

-- name: sessions
SELECT
    SpanAttributes['session.id'] AS SessionId,
    max(Timestamp + toIntervalNanosecond(Duration)) AS Ended,
    groupUniqArray(SpanAttributes['user.id']) AS Users,
    min(Timestamp) AS Started,
    uniqExact(TraceId) AS Turns,
    count() AS Spans,
    countIf(StatusCode = 'Error') AS Errors,
    countIf(SpanAttributes['gen_ai.evaluation.score.label'] = 'fail') AS FailedChecks,
    sum(toUInt32OrZero(SpanAttributes['llm.token_count.prompt']) + toUInt32OrZero(SpanAttributes['llm.token_count.completion'])) AS Tokens,
    argMinIf(SpanAttributes['input.value'], Timestamp, ParentSpanId = '') AS Input,
    argMaxIf(SpanAttributes['output.value'], Timestamp, ParentSpanId = '') AS Output
FROM plain
WHERE Timestamp >= {from:DateTime64(9, 'UTC')} AND SpanAttributes['session.id'] != ''
GROUP BY SessionId
ORDER BY Ended DESC, SessionId DESC
LIMIT {limit:UInt32};

-- name: turns of a session
SELECT
    TraceId,
    min(Timestamp) AS Began,
    argMinIf(SpanAttributes['input.value'], Timestamp, ParentSpanId = '') AS Input,
    argMaxIf(SpanAttributes['output.value'], Timestamp, ParentSpanId = '') AS Output,
    count() AS Spans,
    countIf(StatusCode = 'Error') AS Errors,
    sum(toUInt32OrZero(SpanAttributes['llm.token_count.prompt'])) AS TokensIn
FROM plain
WHERE SpanAttributes['session.id'] = {session:String}
GROUP BY TraceId
ORDER BY Began;

-- name: spans of a turn
SELECT SpanId, ParentSpanId, SpanName, ServiceName, Timestamp, Duration, StatusCode, SpanAttributes['session.path'] AS Path
FROM plain
WHERE TraceId = {trace:String}
ORDER BY Timestamp;

-- name: steps of a session
SELECT
    arrayStringConcat(Node, '/') AS Path,
    count() AS Spans,
    countIf(StatusCode = 'Error') AS Errors,
    min(Timestamp) AS Began
FROM plain
ARRAY JOIN arrayMap(
    depth -> arraySlice(arrayFilter(name -> name != '', splitByChar('/', SpanAttributes['session.path'])), 1, depth),
    range(length(arrayFilter(name -> name != '', splitByChar('/', SpanAttributes['session.path']))) + 1)) AS Node
WHERE SpanAttributes['session.id'] = {session:String}
GROUP BY Node
ORDER BY Node;

-- name: sessions of a user
SELECT
    SpanAttributes['session.id'] AS SessionId,
    max(Timestamp) AS Ended,
    uniqExact(TraceId) AS Turns,
    countIf(StatusCode = 'Error') AS Errors,
    argMinIf(SpanAttributes['input.value'], Timestamp, ParentSpanId = '') AS Input
FROM plain
WHERE SpanAttributes['user.id'] = {user:String} AND Timestamp >= {from:DateTime64(9, 'UTC')}
GROUP BY SessionId
ORDER BY Ended DESC
LIMIT {limit:UInt32};

-- name: active users per day
SELECT toDate(Timestamp) AS Day, uniqExact(SpanAttributes['user.id']) AS Users, uniqExact(SpanAttributes['session.id']) AS Sessions
FROM plain
WHERE toDate(Timestamp) BETWEEN {first_day:Date} AND {last_day:Date}
GROUP BY Day
ORDER BY Day;

-- name: failed checks
SELECT Timestamp, SpanAttributes['session.id'] AS SessionId, SpanAttributes['gen_ai.evaluation.name'] AS Name, TraceId
FROM plain
WHERE SpanAttributes['gen_ai.evaluation.score.label'] = 'fail'
  AND Timestamp >= {from:DateTime64(9, 'UTC')} AND Timestamp < {to:DateTime64(9, 'UTC')}
ORDER BY Timestamp DESC
LIMIT {limit:UInt32};

-- name: tokens by model and user
SELECT
    SpanAttributes['user.id'] AS UserId,
    SpanAttributes['llm.model_name'] AS Model,
    count() AS ModelCalls,
    sum(toUInt32OrZero(SpanAttributes['llm.token_count.prompt']) + toUInt32OrZero(SpanAttributes['llm.token_count.completion'])) AS Tokens
FROM plain
WHERE Model != '' AND toDate(Timestamp) BETWEEN {first_day:Date} AND {last_day:Date}
GROUP BY UserId, Model
ORDER BY Tokens DESC, UserId, Model
LIMIT {limit:UInt32};

-- name: longest sessions
SELECT
    SpanAttributes['session.id'] AS SessionId,
    dateDiff('second', min(Timestamp), max(Timestamp + toIntervalNanosecond(Duration))) AS Seconds
FROM plain
WHERE toDate(Timestamp) BETWEEN {first_day:Date} AND {last_day:Date}
GROUP BY SessionId
ORDER BY Seconds DESC, SessionId
LIMIT {limit:UInt32};
