// Echo is a service that calls the next one, and answers what that has answered. It prints each span that ends, a line each.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

type printer struct{}

func (printer) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	for _, span := range spans {
		attributes := map[string]any{}
		for _, pair := range span.Attributes() {
			attributes[string(pair.Key)] = pair.Value.AsInterface()
		}
		line, _ := json.Marshal(map[string]any{
			"name": span.Name(), "trace": span.SpanContext().TraceID().String(), "attributes": attributes,
		})
		fmt.Println(string(line))
	}
	return nil
}

func (printer) Shutdown(context.Context) error { return nil }

func main() {
	provider := setUp(printer{})
	client := http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)}
	handler := http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		ctx, span := provider.Tracer("echo").Start(request.Context(), "work")
		defer span.End()
		onwards, _ := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("NEXT"), nil)
		answer, err := client.Do(onwards)
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		io.Copy(writer, answer.Body)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("{\"port\": %d}\n", listener.Addr().(*net.TCPAddr).Port)
	server := http.Server{Handler: otelhttp.NewHandler(handler, "echo")}
	go server.Serve(listener)
	io.Copy(io.Discard, os.Stdin)
	server.Shutdown(context.Background()) // waits for what has answered, and has not ended its span yet
	provider.Shutdown(context.Background())
}
