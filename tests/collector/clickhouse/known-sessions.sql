-- A few sessions by hand: what the queries must give for them is in test_clickhouse.py.

-- conv-1: two turns. The call of the first tells its tokens in both dialects, and the agent above it repeats them.
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, ServiceName, SpanAttributes, Duration, StatusCode) VALUES
('2025-03-10 10:00:00.000000000', 't1', 's1', '', 'reply', 'chat', {'session.id': 'conv-1', 'user.id': 'ada', 'session.name': 'Trip', 'openinference.span.kind': 'CHAIN', 'input.value': 'Where to?', 'output.value': 'Rome.'}, 2000000000, 'Unset'),
('2025-03-10 10:00:00.100000000', 't1', 's2', 's1', 'agent', 'chat', {'session.id': 'conv-1', 'user.id': 'ada', 'session.name': 'Trip', 'session.path': '/plan', 'openinference.span.kind': 'AGENT', 'gen_ai.usage.input_tokens': '12', 'gen_ai.usage.output_tokens': '8', 'input.value': 'inner', 'output.value': 'inner'}, 1000000000, 'Unset'),
('2025-03-10 10:00:00.200000000', 't1', 's3', 's2', 'ChatCompletion', 'chat', {'session.id': 'conv-1', 'user.id': 'ada', 'session.name': 'Trip', 'session.path': '/plan', 'openinference.span.kind': 'LLM', 'llm.model_name': 'small', 'llm.token_count.prompt': '12', 'llm.token_count.completion': '8', 'llm.token_count.total': '20', 'gen_ai.usage.input_tokens': '12', 'gen_ai.usage.output_tokens': '8'}, 500000000, 'Unset'),
('2025-03-10 10:00:01.500000000', 't1', 's4', 's1', 'check polite', 'chat', {'session.id': 'conv-1', 'user.id': 'ada', 'session.name': 'Trip', 'openinference.span.kind': 'EVALUATOR', 'gen_ai.evaluation.name': 'polite', 'gen_ai.evaluation.score.value': '0.0', 'gen_ai.evaluation.score.label': 'fail', 'gen_ai.evaluation.explanation': 'curt', 'output.value': '{"passed": false}'}, 1000000, 'Unset'),
('2025-03-10 10:01:00.000000000', 't2', 's5', '', 'reply', 'chat', {'session.id': 'conv-1', 'user.id': 'ada', 'session.name': 'Trip to Rome', 'openinference.span.kind': 'CHAIN', 'input.value': 'When?', 'output.value': 'In May.'}, 3000000000, 'Error'),
('2025-03-10 10:01:00.500000000', 't2', 's6', 's5', 'chat large', 'chat', {'session.id': 'conv-1', 'user.id': 'ada', 'session.name': 'Trip to Rome', 'session.path': '/plan/dates', 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'large', 'gen_ai.usage.input_tokens': '30', 'gen_ai.usage.output_tokens': '10'}, 1000000000, 'Error'),
('2025-03-10 10:01:01.700000000', 't2', 's7', 's5', 'look up', 'search', {'session.id': 'conv-1', 'user.id': 'ada', 'session.path': '/plan/dates', 'openinference.span.kind': 'TOOL'}, 200000000, 'Unset'),
-- A span of the same trace in a service that knows no sessions.
('2025-03-10 10:01:01.800000000', 't2', 's8', 's7', 'SELECT', 'database', {'db.system.name': 'postgresql'}, 10000000, 'Unset'),

-- conv-2: goes on over midnight.
('2025-03-10 23:59:50.000000000', 't3', 's9', '', 'reply', 'chat', {'session.id': 'conv-2', 'user.id': 'ada', 'openinference.span.kind': 'CHAIN', 'input.value': 'Still up?', 'output.value': 'Yes.'}, 1000000000, 'Unset'),
('2025-03-11 00:02:00.000000000', 't4', 's10', '', 'reply', 'chat', {'session.id': 'conv-2', 'user.id': 'ada', 'openinference.span.kind': 'CHAIN', 'input.value': 'And now?', 'output.value': 'Good night.'}, 1000000000, 'Unset'),

-- conv-3: its model tells no more than the sum of its tokens. It was judged as a whole, of which there are events alone.
('2025-03-11 09:00:00.000000000', 't5', 's11', '', 'reply', 'chat', {'session.id': 'conv-3', 'user.id': 'bob', 'openinference.span.kind': 'CHAIN', 'input.value': 'Help', 'output.value': 'How?'}, 1500000000, 'Unset'),
('2025-03-11 09:00:00.500000000', 't5', 's12', 's11', 'ChatCompletion', 'chat', {'session.id': 'conv-3', 'user.id': 'bob', 'openinference.span.kind': 'LLM', 'llm.model_name': 'small', 'llm.token_count.total': '50'}, 500000000, 'Unset'),

-- A model that is called outside of any session, by nobody known.
('2025-03-11 12:00:00.000000000', 't6', 's13', '', 'ChatCompletion', 'batch', {'openinference.span.kind': 'LLM', 'llm.model_name': 'small', 'llm.token_count.prompt': '4', 'llm.token_count.completion': '1'}, 500000000, 'Unset');

INSERT INTO otel_logs (Timestamp, TraceId, SpanId, ServiceName, SeverityNumber, Body, LogAttributes, EventName) VALUES
('2025-03-10 10:00:01.600000000', 't1', 's1', 'chat', 9, '', {'session.id': 'conv-1', 'user.id': 'ada', 'gen_ai.evaluation.name': 'polite', 'gen_ai.evaluation.score.value': '0.0', 'gen_ai.evaluation.score.label': 'fail', 'gen_ai.evaluation.explanation': 'curt'}, 'gen_ai.evaluation.result'),
('2025-03-10 10:01:02.000000000', 't2', 's5', 'chat', 9, '', {'session.id': 'conv-1', 'user.id': 'ada', 'gen_ai.evaluation.name': 'polite', 'gen_ai.evaluation.score.value': '1.0', 'gen_ai.evaluation.score.label': 'pass'}, 'gen_ai.evaluation.result'),
('2025-03-11 09:05:00.000000000', '', '', 'judge', 9, '', {'session.id': 'conv-3', 'user.id': 'bob', 'gen_ai.evaluation.name': 'solved', 'gen_ai.evaluation.score.label': 'timeout', 'error.type': 'timeout'}, 'gen_ai.evaluation.result'),
-- The exporter leaves the name of an event out when it could not ask for the columns.
('2025-03-20 18:00:00.000000000', '', '', 'web', 9, '', {'session.id': 'conv-3', 'user.id': 'bob', 'gen_ai.evaluation.name': 'thumb', 'gen_ai.evaluation.score.value': '0.0', 'gen_ai.evaluation.score.label': 'fail'}, ''),
('2025-03-11 09:00:01.000000000', 't5', 's11', 'chat', 9, 'answered', {'session.id': 'conv-3', 'user.id': 'bob'}, '');
