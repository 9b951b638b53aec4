import com.sun.net.httpserver.*;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.IOException;
import java.net.*;
import java.net.http.*;
import java.util.*;

/** A service that calls the next one, and answers what that has answered. It prints each span that ends, a line each. */
class Echo {
  static String quoted(Object text) {
    return '"' + text.toString().replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  static class Printing implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      for (SpanData span : spans) {
        var pairs = new StringJoiner(", ");
        span.getAttributes().forEach((key, value) -> pairs.add(quoted(key) + ": " + quoted(value)));
        System.out.printf("{\"name\": %s, \"trace\": %s, \"attributes\": {%s}}%n", quoted(span.getName()), quoted(span.getTraceId()), pairs);
      }
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode flush() {
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode shutdown() {
      return CompletableResultCode.ofSuccess();
    }
  }

  static final TextMapGetter<Headers> GETTER =
      new TextMapGetter<>() {
        @Override
        public Iterable<String> keys(Headers headers) {
          return headers.keySet();
        }

        @Override
        public String get(Headers headers, String key) {
          return headers.getFirst(key);
        }

        @Override
        public Iterator<String> getAll(Headers headers, String key) {
          return headers.getOrDefault(key, List.of()).iterator();
        }
      };

  static OpenTelemetrySdk configuredByEnvironment() {
    return AutoConfiguredOpenTelemetrySdk.builder()
        .addTracerProviderCustomizer((provider, config) -> provider.addSpanProcessor(io.opentelemetry.sdk.trace.export.SimpleSpanProcessor.create(new Printing())))
        .build()
        .getOpenTelemetrySdk();
  }

  public static void main(String[] arguments) throws IOException {
    var sdk = arguments.length > 0 ? configuredByEnvironment() : Ids.setUp(new Printing());
    var tracer = sdk.getTracer("echo");
    var propagator = sdk.getPropagators().getTextMapPropagator();
    var client = HttpClient.newHttpClient();
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.createContext("/", exchange -> {
      var caller = propagator.extract(Context.root(), exchange.getRequestHeaders(), GETTER);
      var span = tracer.spanBuilder("echo").setParent(caller).setSpanKind(SpanKind.SERVER).startSpan();
      try (var scope = caller.with(span).makeCurrent()) {
        var work = tracer.spanBuilder("work").setSpanKind(SpanKind.CLIENT).startSpan();
        var onwards = HttpRequest.newBuilder(URI.create(System.getenv("NEXT")));
        propagator.inject(Context.current().with(work), onwards, HttpRequest.Builder::setHeader);
        var answer = client.send(onwards.build(), HttpResponse.BodyHandlers.ofByteArray()).body();
        work.end();
        span.end(); // whoever has the answer may end this program
        exchange.sendResponseHeaders(200, answer.length);
        exchange.getResponseBody().write(answer);
      } catch (InterruptedException interrupted) {
        throw new IOException(interrupted);
      } finally {
        span.end();
        exchange.close();
      }
    });
    server.start();
    System.out.printf("{\"port\": %d}%n", server.getAddress().getPort());
    System.in.transferTo(java.io.OutputStream.nullOutputStream());
    server.stop(0);
    sdk.close();
    System.exit(0);
  }
}
