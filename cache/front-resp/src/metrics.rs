//! Counts of commands, by name and outcome.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::table::COMMANDS;

/// Commands ended so far and connections open now.
#[derive(Debug)]
pub struct Metrics {
    /// Done and refused, by place in the table; the last for what is no command.
    ended: Vec<[AtomicU64; 2]>,
    connections: AtomicU64,
    accepted: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        let ended = (0..=COMMANDS.len()).map(|_| Default::default()).collect();
        Self { ended, connections: AtomicU64::new(0), accepted: AtomicU64::new(0) }
    }
}

impl Metrics {
    /// Counts a command by its place in the table; none is no command.
    pub(crate) fn ended(&self, place: Option<usize>, done: bool) {
        if let Some(counts) = self.ended.get(place.unwrap_or(COMMANDS.len())) {
            counts[usize::from(!done)].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections open now.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Appends the metrics in Prometheus' text format.
    pub fn render(&self, text: &mut String) {
        text.push_str(
            "# HELP kura_resp_commands_total RESP commands ended, by name and outcome; a miss is done.\n\
             # TYPE kura_resp_commands_total counter\n",
        );
        let names = COMMANDS.iter().map(|entry| entry.name).chain(["none"]);
        for (name, counts) in names.zip(&self.ended) {
            for (outcome, count) in ["done", "refused"].iter().zip(counts) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let _ = writeln!(
                        text,
                        "kura_resp_commands_total{{command=\"{name}\",outcome=\"{outcome}\"}} {count}"
                    );
                }
            }
        }
        let _ = write!(
            text,
            "# HELP kura_resp_connections RESP connections open now.\n\
             # TYPE kura_resp_connections gauge\n\
             kura_resp_connections {}\n\
             # HELP kura_resp_connections_accepted_total RESP connections since the start.\n\
             # TYPE kura_resp_connections_accepted_total counter\n\
             kura_resp_connections_accepted_total {}\n",
            self.connections(),
            self.accepted.load(Ordering::Relaxed),
        );
    }
}
