// A service that calls the next one, and answers what that has answered. It prints each span that ends, a line each.
mod ids;

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

#[derive(Debug)]
struct Printing;

impl SpanExporter for Printing {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        for span in spans {
            let pairs: Vec<String> = span.attributes.iter().map(|pair| format!("{:?}: {:?}", pair.key.as_str(), pair.value.as_str())).collect();
            println!("{{\"name\": {:?}, \"trace\": \"{}\", \"attributes\": {{{}}}}}", span.name, span.span_context.trace_id(), pairs.join(", "));
        }
        Ok(())
    }
}

fn headers_of(stream: &TcpStream) -> HashMap<String, String> {
    let lines = BufReader::new(stream).lines().map(|line| line.unwrap()).take_while(|line| !line.is_empty());
    let pairs = lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_string())));
    pairs.collect()
}

fn ask(next: &str, headers: &HashMap<String, String>) -> String {
    let mut stream = TcpStream::connect(next).unwrap();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "GET / HTTP/1.1\r\nhost: {next}\r\nconnection: close\r\n{lines}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn main() {
    let provider = SdkTracerProvider::builder().with_span_processor(ids::Ids).with_simple_exporter(Printing).build();
    let propagator = TextMapCompositePropagator::new(vec![Box::new(TraceContextPropagator::new()), Box::new(BaggagePropagator::new())]);
    let next = std::env::var("NEXT").unwrap().replace("http://", "").trim_end_matches('/').to_string();
    let tracer = provider.tracer("echo");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{{\"port\": {}}}", listener.local_addr().unwrap().port());
    std::thread::spawn(|| {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
        std::process::exit(0);
    });
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let answer = {
            let caller = propagator.extract_with_context(&Context::new(), &headers_of(&stream));
            let span = tracer.span_builder("echo").with_kind(SpanKind::Server).start_with_context(&tracer, &caller);
            let cx = caller.with_span(span);
            let work = tracer.span_builder("work").with_kind(SpanKind::Client).start_with_context(&tracer, &cx);
            let cx = cx.with_span(work);
            let mut onwards = HashMap::new();
            propagator.inject_context(&cx, &mut onwards);
            ask(&next, &onwards)
        }; // both spans have ended, and are printed: whoever has the answer may end this program
        stream.write_all(answer.as_bytes()).unwrap();
    }
}
