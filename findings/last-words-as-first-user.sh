#!/usr/bin/env bash
# lodash and RxJS: what is debounced or throttled is called with the arguments of the last one who asked, as the first one, in that one's trace.
#
# Packages: lodash 4.18.1, rxjs 7.8.2, es-toolkit 1.53.2, p-debounce 5.1.1, @opentelemetry/api 1.9.1, @opentelemetry/sdk-trace-node 2.12.1, Node 20.20.2.
#
# Expected: `debounce(save, 500)` calls `save` once, when nobody has asked for 500 ms, as if the last one who asked had called it then: with the
#           arguments of that one, and with what is current there.
# Happens:  lodash keeps the arguments of each call, and one timer, which the first call starts. A later call does not start another: when the time is up
#           lodash sees that it was asked again, and starts a timer for what is left, from within the first one. A timer has the context
#           in which it was started, so it is that of the first call, however many follow. The same holds for the last call of `throttle`,
#           and for `debounceTime` and `throttleTime` of RxJS. es-toolkit, which replaces lodash, and p-debounce start a new timer for each
#           call, and are right.
#
# Output (2026-12-01):
#   lodash, debounce:                carl as ada
#   lodash, throttle:                ada as ada, carl as ada
#   RxJS, debounceTime:              carl as ada
#   RxJS, throttleTime:              ada as ada, carl as ada
#   es-toolkit, debounce:            carl as carl
#   es-toolkit, throttle:            ada as ada, carl as carl
#   p-debounce:                      carl as carl
#   lodash, with context.bind:       carl as carl
#   as stated: the last one's words are handled as the first one who asked
#
# For users of sessions: words of Carl, such as a draft that is saved or a question that is completed while it is typed, go to the model with Ada's user id
#           and in her trace. It takes two users within the time, so one alone never sees it.
# Here:     docs/how-to/javascript.md, "Calls that wait".
set -euo pipefail
unset "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --loglevel=error --no-package-lock --no-audit --no-fund lodash@4.18.1 rxjs@7.8.2 es-toolkit@1.53.2 p-debounce@5.1.1 \
    @opentelemetry/api@1.9.1 @opentelemetry/sdk-trace-node@2.12.1 >/dev/null

cat >save.mjs <<'JAVASCRIPT'
import { context, propagation, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import * as toolkit from 'es-toolkit';
import lodash from 'lodash';
import pDebounce from 'p-debounce';
import { asyncScheduler, debounceTime, Subject, throttleTime } from 'rxjs';

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
const tracer = trace.getTracer('chat');
const USERS = ['ada', 'bob', 'carl'];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Ends a span that says whose draft it is, and whose baggage is current.
function save(user) {
  const as = propagation.getBaggage(context.active())?.getEntry('user.id')?.value;
  tracer.startSpan('save', { attributes: { 'draft.of': user, 'user.id': as } }).end();
}

function request(user, work) {
  const own = propagation.setBaggage(context.active(), propagation.createBaggage({ 'user.id': { value: user } }));
  return context.with(own, () =>
    tracer.startActiveSpan('request', (span) => {
      work(user);
      span.end();
      return span.spanContext().traceId;
    }),
  );
}

// A subject whose subscriber saves what an operator lets through.
function through(operator) {
  const drafts = new Subject();
  drafts.pipe(operator).subscribe(save);
  return (user) => drafts.next(user);
}

async function say(label, work, expected) {
  exporter.reset();
  const ownerOf = {};
  for (const user of USERS) {
    ownerOf[request(user, work)] = user;
    await pause(5);
  }
  await pause(1200);
  const saved = exporter.getFinishedSpans().filter((span) => span.name === 'save');
  const seen = saved.map((span) => {
    const { 'draft.of': user, 'user.id': as } = span.attributes;
    return ownerOf[span.spanContext().traceId] === as ? `${user} as ${as}` : `${user} as ${as}, in another trace`;
  });
  console.log(`${label}:`.padEnd(32), seen.join(', '));
  if (seen.join() !== expected.join()) {
    console.error(`no longer as stated: expected ${expected.join(', ')}`);
    process.exit(1);
  }
}

const MS = 500;
const both = { leading: true, trailing: true };
await say('lodash, debounce', lodash.debounce(save, MS), ['carl as ada']);
await say('lodash, throttle', lodash.throttle(save, MS), ['ada as ada', 'carl as ada']);
await say('RxJS, debounceTime', through(debounceTime(MS)), ['carl as ada']);
await say('RxJS, throttleTime', through(throttleTime(MS, asyncScheduler, both)), ['ada as ada', 'carl as ada']);
await say('es-toolkit, debounce', toolkit.debounce(save, MS), ['carl as carl']);
await say('es-toolkit, throttle', toolkit.throttle(save, MS), ['ada as ada', 'carl as carl']);
await say('p-debounce', pDebounce(save, MS), ['carl as carl']);
const bound = lodash.debounce((work) => work(), MS);
await say('lodash, with context.bind', (user) => bound(context.bind(context.active(), () => save(user))), ['carl as carl']);
JAVASCRIPT
timeout 60 node save.mjs
echo "as stated: the last one's words are handled as the first one who asked"
