#!/usr/bin/env bash
# OpenTelemetry in the browser: with the instrumentation of `fetch`, a stream that the page has cancelled goes on to its end.
#
# Packages: @opentelemetry/instrumentation-fetch 0.300.0, sdk-trace 3.0.0, api 1.10.0, esbuild 0.28.2 (Chromium 156, Node 20.20.2 as the server).
#
# Expected: a page reads an answer as it is written, with `fetch` and a reader of the body, and has a button "stop", which calls
#           `reader.cancel()`. The browser closes the connection, the service notices, and the model is told to stop. The span of the call
#           says how long that took.
# Happens:  the instrumentation clones each response and reads the clone to its end, to know when that is. A body that is read twice is
#           cancelled only when both readers cancel, and the clone's never does: nothing reaches the service, which writes all of its
#           answer, the browser keeps what nobody reads, and the span lasts until then, as if the user had read it all. The same with
#           `break` in `for await` over the body. `AbortController.abort()` does stop it; the span then ends without a status.
#
# Output (2026-12-01):
#   reader.cancel(), not instrumented:  3 pieces read, the service stops early
#   reader.cancel(), instrumented:      3 pieces read, the service writes 60 of 60, the span lasts as long
#   break, not instrumented:            3 pieces read, the service stops early
#   break, instrumented:                3 pieces read, the service writes 60 of 60, the span lasts as long
#   abort(), instrumented:              3 pieces read, the service stops early, the span as well
#   as stated: a cancelled stream goes on, where fetch is instrumented
#
# For users of sessions: a turn that was stopped is recorded as a whole one, with words that nobody has seen, and all of its tokens are paid.
#           The button works in a build without tracing, and seems to work in one with it.
# Here:     docs/how-to/javascript.md, "What gets lost": stop with an `AbortController`, whose signal is given to `fetch`.
set -euo pipefail
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "this needs a Chromium: apt-get install chromium"
    exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --loglevel=error --no-package-lock --no-audit --no-fund \
    @opentelemetry/instrumentation-fetch@0.300.0 @opentelemetry/instrumentation@0.300.0 @opentelemetry/sdk-trace@3.0.0 \
    @opentelemetry/api@1.10.0 esbuild@0.28.2 >/dev/null

cat >page.mjs <<'JAVASCRIPT'
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { FetchInstrumentation } from '@opentelemetry/instrumentation-fetch';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

const plain = window.fetch;
const exporter = new InMemorySpanExporter();
const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
registerInstrumentations({ instrumentations: [new FetchInstrumentation()], tracerProvider });
const instrumented = window.fetch;

const STOPS = {
  async cancel(ask) {
    const reader = (await ask({})).body.getReader();
    for (let piece = 0; piece < 3; piece++) await reader.read();
    await reader.cancel();
  },
  async break(ask) {
    let pieces = 0;
    for await (const _ of (await ask({})).body) if (++pieces === 3) break;
  },
  async abort(ask) {
    const stop = new AbortController();
    const reader = (await ask({ signal: stop.signal })).body.getReader();
    for (let piece = 0; piece < 3; piece++) await reader.read();
    stop.abort();
  },
};

async function run() {
  const { how, isInstrumented } = Object.fromEntries(new URLSearchParams(location.search));
  const ask = (options) => (isInstrumented === 'true' ? instrumented : plain).call(window, '/answer', options);
  // A promise of a stream of which a clone is open is fulfilled when that is read, too: so nothing here waits for it.
  await Promise.race([STOPS[how](ask), new Promise((done) => setTimeout(done, 8000))]);
  await (await plain.call(window, '/ended')).text(); // when the service has written, or has noticed
  await new Promise((done) => setTimeout(done, 700)); // the span ends a little later
  const lasted = exporter.getFinishedSpans().map(({ startTime, endTime }) => endTime[0] - startTime[0] + (endTime[1] - startTime[1]) / 1e9);
  await plain.call(window, '/result', { method: 'POST', body: JSON.stringify(lasted) });
}

run().catch((error) => plain.call(window, '/result', { method: 'POST', body: JSON.stringify(String(error)) }));
JAVASCRIPT
node_modules/.bin/esbuild page.mjs --bundle --format=iife --outfile=page.js --log-level=error

cat >serve.mjs <<'JAVASCRIPT'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const PIECES = 60;
const PAUSE = 50; // milliseconds
let written, ended, told;

function answer(response) {
  response.setHeader('content-type', 'text/event-stream');
  const writing = setInterval(() => {
    response.write(`data: piece ${++written}\n\n`);
    if (written === PIECES) response.end();
  }, PAUSE);
  response.on('close', () => {
    clearInterval(writing);
    ended.resolve();
  });
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://page');
  if (pathname === '/answer') return answer(response);
  if (pathname === '/ended') return response.end(await ended.promise);
  if (pathname === '/page.js') return response.end(readFileSync('page.js'));
  if (pathname !== '/result') return response.setHeader('content-type', 'text/html').end('<script src="/page.js"></script>');
  let body = '';
  for await (const piece of request) body += piece;
  response.end();
  told.resolve(JSON.parse(body));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

function later() {
  const made = {};
  made.promise = new Promise((resolve) => { made.resolve = resolve; });
  return made;
}

async function visit(how, isInstrumented) {
  [written, ended, told] = [0, later(), later()];
  const url = `http://127.0.0.1:${server.address().port}/?how=${how}&isInstrumented=${isInstrumented}`;
  const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];
  const browser = spawn(process.argv[2], [...options, '--disable-sync', '--no-first-run', `--user-data-dir=profile`, url], { stdio: 'ignore' });
  const lasted = await told.promise;
  const gone = once(browser, 'exit');
  browser.kill();
  await gone;
  return lasted;
}

async function say(label, how, isInstrumented, expected) {
  const lasted = await visit(how, isInstrumented);
  const all = written === PIECES;
  const seconds = (PIECES * PAUSE) / 1000;
  const span = isInstrumented ? (lasted[0] > seconds * 0.9 ? ', the span lasts as long' : lasted[0] < seconds / 2 ? ', the span as well' : `, the span lasts ${lasted}`) : '';
  const seen = `3 pieces read, the service ${all ? `writes ${written} of ${PIECES}` : written < PIECES / 2 ? 'stops early' : `writes ${written}`}${span}`;
  console.log(`${label}:`.padEnd(35), seen);
  if (seen !== expected) {
    console.error(`no longer as stated: expected ${expected}; seen of the page: ${JSON.stringify(lasted)}`);
    process.exit(1);
  }
}

const STOPS = '3 pieces read, the service stops early';
const GOES_ON = '3 pieces read, the service writes 60 of 60, the span lasts as long';
await say('reader.cancel(), not instrumented', 'cancel', false, STOPS);
await say('reader.cancel(), instrumented', 'cancel', true, GOES_ON);
await say('break, not instrumented', 'break', false, STOPS);
await say('break, instrumented', 'break', true, GOES_ON);
await say('abort(), instrumented', 'abort', true, `${STOPS}, the span as well`);
process.exit(0);
JAVASCRIPT
timeout 120 node serve.mjs "$browser"
echo "as stated: a cancelled stream goes on, where fetch is instrumented"
