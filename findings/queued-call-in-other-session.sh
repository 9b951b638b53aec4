#!/usr/bin/env bash
# LangChain.js: with `maxConcurrency`, the call of one user that has to wait is made in the trace, and with the baggage, of the user it waits for.
#
# Packages: @langchain/openai 1.6.0, @langchain/core 1.4.0, openai 7.59.0, p-queue 9.3.5, bottleneck 2.19.5, p-limit 7.3.3,
#           @opentelemetry/sdk-trace-node 2.12.1, instrumentation-undici 0.33.0, baggage-span-processor 0.5.0, api 1.9.1 (Node 20.20.2).
#
# Expected: `maxConcurrency` says how many calls of the model run at once. What a call belongs to is what is active where `invoke` is called, and
#           that is what it is without a limit: Node's AsyncLocalStorage goes along with every promise.
# Happens:  the calls go through p-queue, which starts a call that has waited where the one before it ends, and so in the context of that one.
#           Its request is a child of the other user's turn, has the other user's id on its span, and carries it in `baggage` to whoever
#           answers; with three that wait all of them are the first one's. The turn itself is right, and empty. Nothing is logged, and
#           with one user at a time nothing is to be seen. p-queue alone does the same, in its newest version, too, and so does
#           bottleneck. p-limit does not: it waits in a promise of the caller's.
#
# Output (2026-12-01):
#   no maxConcurrency:          ada in ada's trace, as ada; bob in bob's trace, as bob; carl in carl's trace, as carl
#   maxConcurrency 1:           ada in ada's trace, as ada; bob in ada's trace, as ada; carl in ada's trace, as ada
#   p-queue:                    ada in ada's trace, as ada; bob in ada's trace, as ada; carl in ada's trace, as ada
#   bottleneck:                 ada in ada's trace, as ada; bob in ada's trace, as ada; carl in ada's trace, as ada
#   p-limit:                    ada in ada's trace, as ada; bob in bob's trace, as bob; carl in carl's trace, as carl
#   p-queue, with context.bind: ada in ada's trace, as ada; bob in bob's trace, as bob; carl in carl's trace, as carl
#   as stated: a call that waits is made in the trace and with the baggage of another user
#
# For users of sessions: the busier the service, the more of one user's conversation, its words and its cost are in the session of another, and
#           the service behind the call believes the wrong user.
# Here:     docs/how-to/javascript.md, "Calls that wait": no `maxConcurrency` on a model that serves several users; p-limit around `invoke`, or
#           `queue.add(context.bind(context.active(), call))`.
set -euo pipefail
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --loglevel=error --no-package-lock --no-audit --no-fund \
    @langchain/openai@1.6.0 @langchain/core@1.4.0 openai@7.59.0 p-queue@9.3.5 bottleneck@2.19.5 p-limit@7.3.3 \
    @opentelemetry/api@1.9.1 @opentelemetry/sdk-trace-node@2.12.1 @opentelemetry/instrumentation@0.223.0 \
    @opentelemetry/instrumentation-undici@0.33.0 @opentelemetry/baggage-span-processor@0.5.0 >/dev/null

cat >ask.mjs <<'JAVASCRIPT'
import { createServer } from 'node:http';
import { context, propagation, trace } from '@opentelemetry/api';
import { BaggageSpanProcessor } from '@opentelemetry/baggage-span-processor';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import Bottleneck from 'bottleneck';
import pLimit from 'p-limit';
import PQueue from 'p-queue';

const exporter = new InMemorySpanExporter();
const stamps = new BaggageSpanProcessor((key) => key === 'user.id');
new NodeTracerProvider({ spanProcessors: [stamps, new SimpleSpanProcessor(exporter)] }).register();
registerInstrumentations({ instrumentations: [new UndiciInstrumentation()] });
const { ChatOpenAI } = await import('@langchain/openai');
const tracer = trace.getTracer('chat');
const USERS = ['ada', 'bob', 'carl'];

const asked = []; // what the server of the model is asked, by whom, with which headers
const choice = { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'On Friday.' } };
const answer = { id: 'a', object: 'chat.completion', created: 1, model: 'm', choices: [choice] };
const server = createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  const { baggage = '', traceparent = '' } = request.headers;
  asked.push({ user: JSON.parse(body).messages[0].content, baggage, trace: traceparent.split('-')[1] });
  setTimeout(() => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)), 30);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const model = (options) => new ChatOpenAI({ model: 'm', apiKey: 'stand-in', configuration: { baseURL }, ...options });

const baggageOf = (user) => propagation.setBaggage(context.active(), propagation.createBaggage({ 'user.id': { value: user } }));

function turn(user, ask) {
  const run = async (span) => {
    await ask(user);
    span.end();
    return [span.spanContext().traceId, user];
  };
  return context.with(baggageOf(user), () => tracer.startActiveSpan('turn', run));
}

async function say(label, ask, isRight) {
  asked.length = 0;
  exporter.reset();
  const ownerOf = Object.fromEntries(await Promise.all(USERS.map((user) => turn(user, ask))));
  const calls = exporter.getFinishedSpans().filter((span) => span.name !== 'turn');
  const seen = asked.sort((one, other) => one.user.localeCompare(other.user)).map(({ user, trace, baggage }) => {
    const stamped = calls.every((span) => span.attributes['user.id'] === ownerOf[span.spanContext().traceId]);
    return `${user} in ${ownerOf[trace]}'s trace, as ${baggage.replace('user.id=', '')}${stamped ? '' : ', not so on its span'}`;
  });
  const expected = USERS.map((user) => (isRight ? user : USERS[0])).map((whose, i) => `${USERS[i]} in ${whose}'s trace, as ${whose}`);
  console.log(`${label}:`.padEnd(27), seen.join('; '));
  if (seen.join() !== expected.join()) {
    console.error(`no longer as stated: expected ${expected.join('; ')}`);
    process.exit(1);
  }
}

const plain = model();
const limited = model({ maxConcurrency: 1 });
const queue = new PQueue({ concurrency: 1 });
const bottleneck = new Bottleneck({ maxConcurrent: 1 });
const limit = pLimit(1);
await say('no maxConcurrency', (user) => plain.invoke(user), true);
await say('maxConcurrency 1', (user) => limited.invoke(user), false);
await say('p-queue', (user) => queue.add(() => plain.invoke(user)), false);
await say('bottleneck', (user) => bottleneck.schedule(() => plain.invoke(user)), false);
await say('p-limit', (user) => limit(() => plain.invoke(user)), true);
await say('p-queue, with context.bind', (user) => queue.add(context.bind(context.active(), () => plain.invoke(user))), true);
process.exit(0);
JAVASCRIPT
timeout 60 node ask.mjs
echo "as stated: a call that waits is made in the trace and with the baggage of another user"
