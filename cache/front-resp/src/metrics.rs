//! Counts of commands, by name and outcome.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use kura_front::Connections;

use crate::table::COMMANDS;

/// Commands ended so far and connections open now.
#[derive(Debug)]
pub struct Metrics {
    /// Done and refused, by place in the table; the last for what is no command.
    ended: Vec<[AtomicU64; 2]>,
    pub(crate) connections: Connections,
}

impl Default for Metrics {
    fn default() -> Self {
        let ended = (0..=COMMANDS.len()).map(|_| Default::default()).collect();
        Self { ended, connections: Connections::default() }
    }
}

impl Metrics {
    /// Counts a command by its place in the table; none is no command.
    pub(crate) fn ended(&self, place: Option<usize>, done: bool) {
        if let Some(counts) = self.ended.get(place.unwrap_or(COMMANDS.len())) {
            counts[usize::from(!done)].fetch_add(1, Ordering::Relaxed);
        }
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
        self.connections.render("resp", "RESP", text);
    }
}
