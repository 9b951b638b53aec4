-- Sessions of 20 spans, 4 turns of 5, spread over 7 days: a turn with a search, a call of a model, a tool and a check.
-- Every 33rd session has an error in each turn, every 50th fails the check. All is a function of the number.
INSERT INTO otel_traces
    (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, ServiceName, SpanAttributes, Duration, StatusCode)
WITH
    intDiv(number, 20) AS session,
    intDiv(number % 20, 5) AS turn,
    number % 5 AS part,
    map(
        'session.id', lower(hex(sipHash128(session))),
        'user.id', 'user-' || toString(session % 5000),
        'session.path', if(turn % 2 = 1, '/answer', '/plan/' || toString(part))) AS stamps,
    map(
        'openinference.span.kind', 'CHAIN',
        'input.value', 'What is known of ' || lower(hex(sipHash128(number, 1))) || '?',
        'output.value', repeat(lower(hex(sipHash128(number, 2))) || ' ', 8)) AS reply,
    map('openinference.span.kind', 'TOOL', 'input.value', lower(hex(sipHash128(number, 3)))) AS tool,
    map(
        'openinference.span.kind', 'LLM',
        'llm.model_name', 'model-' || toString(session % 3),
        'llm.token_count.prompt', '12',
        'llm.token_count.completion', '8') AS call,
    map(
        'openinference.span.kind', 'EVALUATOR',
        'gen_ai.evaluation.name', 'polite',
        'gen_ai.evaluation.score.value', if(session % 50 = 0, '0.0', '1.0'),
        'gen_ai.evaluation.score.label', if(session % 50 = 0, 'fail', 'pass')) AS verdict
SELECT
    {first_day:DateTime64(9, 'UTC')} + toIntervalSecond(session * 7919 % 604800 + turn * 60 + part),
    lower(hex(sipHash128(session, turn))),
    lower(hex(sipHash64(number))),
    if(part = 0, '', lower(hex(sipHash64(number - part)))),
    ['reply', 'search', 'ChatCompletion', 'tool', 'check polite'][part + 1],
    'service-' || toString(session % 8),
    mapConcat(stamps, [reply, tool, call, tool, verdict][part + 1]),
    if(part = 0, 5000000000, 500000000),
    if(session % 33 = 0 AND part = 2, 'Error', 'Unset')
FROM numbers({spans:UInt64});
