#!/usr/bin/env bash
# The Collector's `logdedup`: the event `session.end` is a duplicate of `session.start`, and a log line of three users is one line of the first.
#
# Packages: opentelemetry-collector-contrib/processor/logdedupprocessor v0.149.0, with the Collector's libraries of that release (Go 1.26).
#           It is the newest release of it that the Go module proxy gave.
#
# Expected: records are put together that are identical, as the processor's page says. Events of another name are not, nor are lines of
#           another trace: the trace id is what one finds the lines of a turn by.
# Happens:  what is compared is body, severity and attributes. An event's name is a field of its own, and so is the trace id. The events of the
#           conventions have no body and the id of the session as their only attribute, so start and end of a session that takes less than
#           the interval (10 seconds) are one record, `session.start`, with `log_count` 2. Of lines without the session as an attribute, which are
#           correlated by their trace, one is left, in the trace of whoever was first. Which traces the others were in is nowhere.
#
# Output (2026-12-01):
#   as it is:        "the model refused" in trace 1 x 3; session.start of conv-42 x 2
#   with conditions: "the model refused" in trace 1 x 1; "the model refused" in trace 2 x 1; "the model refused" in trace 3 x 1; session.end of conv-42 x 1; session.start of conv-42 x 1
#   as stated: the end of a session is dropped as a duplicate of its start
#
# For users of sessions: short sessions never end, and their length can't be told; of an error that meets many users at once, which is when one
#           looks, one user's turn has the line.
# Here:     docs/backends/collector.md, "What hurts": the condition that leaves out events and lines of a trace.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >go.mod <<'GO'
module dedup

go 1.25.0

require (
	github.com/open-telemetry/opentelemetry-collector-contrib/processor/logdedupprocessor v0.149.0
	go.opentelemetry.io/collector/component/componenttest v0.149.0
	go.opentelemetry.io/collector/consumer/consumertest v0.149.0
	go.opentelemetry.io/collector/pdata v1.55.0
	go.opentelemetry.io/collector/processor/processortest v0.149.0
)
GO

cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/logdedupprocessor"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"
)

// written returns what a service has written: two events of a session, and the same line in the traces of three users.
func written() plog.Logs {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, name := range []string{"session.start", "session.end"} {
		event := records.AppendEmpty()
		event.SetEventName(name)
		event.Attributes().PutStr("session.id", "conv-42")
	}
	for number := range 3 {
		line := records.AppendEmpty()
		line.Body().SetStr("the model refused")
		line.SetTraceID(pcommon.TraceID{15: byte(number + 1)})
	}
	return logs
}

// passed returns what comes out of the processor with these conditions, sorted.
func passed(conditions ...string) []string {
	factory, sink, ctx := logdedupprocessor.NewFactory(), new(consumertest.LogsSink), context.Background()
	config := factory.CreateDefaultConfig().(*logdedupprocessor.Config)
	if len(conditions) > 0 {
		config.Conditions = conditions
	}
	processor, err := factory.CreateLogs(ctx, processortest.NewNopSettings(factory.Type()), config, sink)
	for _, step := range []func() error{
		func() error { return err },
		func() error { return processor.Start(ctx, componenttest.NewNopHost()) },
		func() error { return processor.ConsumeLogs(ctx, written()) },
		func() error { return processor.Shutdown(ctx) }, // it hands on what it holds
	} {
		if err := step(); err != nil {
			panic(err)
		}
	}
	seen := []string{}
	for _, logs := range sink.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					seen = append(seen, said(record))
				}
			}
		}
	}
	slices.Sort(seen)
	return seen
}

func said(record plog.LogRecord) string {
	count := int64(1)
	if counted, ok := record.Attributes().Get("log_count"); ok {
		count = counted.Int()
	}
	if session, ok := record.Attributes().Get("session.id"); ok {
		return fmt.Sprintf("%s of %s x %d", record.EventName(), session.Str(), count)
	}
	return fmt.Sprintf("%q in trace %d x %d", record.Body().Str(), record.TraceID()[15], count)
}

func say(label string, seen []string, expected ...string) {
	fmt.Printf("%-16s %s\n", label, strings.Join(seen, "; "))
	slices.Sort(expected)
	if !slices.Equal(seen, expected) {
		fmt.Println("no longer as stated: expected", strings.Join(expected, "; "))
		os.Exit(1)
	}
}

func main() {
	say("as it is:", passed(), "session.start of conv-42 x 2", `"the model refused" in trace 1 x 3`)
	say("with conditions:", passed(`log.event_name == "" and log.trace_id == TraceID(0x00000000000000000000000000000000)`),
		"session.start of conv-42 x 1", "session.end of conv-42 x 1", `"the model refused" in trace 1 x 1`,
		`"the model refused" in trace 2 x 1`, `"the model refused" in trace 3 x 1`)
}
GO
# Without optimisation: it is compiled in half the time.
CGO_ENABLED=0 GOFLAGS=-mod=mod go build -gcflags="all=-N -l" -ldflags="-s -w" -o dedup . 2>built || { cat built; exit 1; }
timeout 60 ./dedup
echo "as stated: the end of a session is dropped as a duplicate of its start"
