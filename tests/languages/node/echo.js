// A service that calls the next one, and answers what that has answered. It prints each span that ends, a line each.
import { createRequire } from 'node:module';
import { setUp } from './ids.js';

const printing = {
  export(spans, done) {
    for (const { name, attributes, spanContext } of spans.map((span) => ({ ...span, spanContext: span.spanContext() }))) {
      console.log(JSON.stringify({ name, trace: spanContext.traceId, attributes }));
    }
    done({ code: 0 });
  },
  forceFlush: async () => {},
  shutdown: async () => {},
};

const provider = setUp(printing);
const http = createRequire(import.meta.url)('http'); // which is instrumented by now

const server = http.createServer((request, response) =>
  provider.getTracer('echo').startActiveSpan('work', (span) =>
    http.get(process.env.NEXT, (answer) => {
      answer.pipe(response);
      answer.on('end', () => span.end());
    }),
  ),
);
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.on('end', () => provider.shutdown().then(() => process.exit())).resume();
