//! Counts of calls, by method and outcome: at most methods × codes series; and how long they take.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use kura_front::Connections;
use kura_wire::Code;

use crate::Method;
use crate::latency::Latency;

const CODES: usize = 17;

/// Calls ended so far and connections open now.
#[derive(Debug)]
pub struct Metrics {
    ended: [[AtomicU64; CODES]; Method::ALL.len()],
    pub(crate) connections: Connections,
    pub(crate) latency: Latency,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            ended: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
            connections: Connections::default(),
            latency: Latency::default(),
        }
    }

    pub(crate) fn call_ended(&self, method: Method, code: Code) {
        self.ended[method as usize][code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Appends the metrics in Prometheus' text format.
    pub fn render(&self, text: &mut String) {
        text.push_str(
            "# HELP kura_grpc_calls_total gRPC calls ended, by method and status code.\n\
             # TYPE kura_grpc_calls_total counter\n",
        );
        for (method, counts) in Method::ALL.iter().zip(&self.ended) {
            for (code, count) in counts.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let label = method.label();
                    let _ =
                        writeln!(text, "kura_grpc_calls_total{{method=\"{label}\",code=\"{code}\"}} {count}");
                }
            }
        }
        self.connections.render("grpc", "HTTP/2", text);
        self.latency.render(text);
    }
}
