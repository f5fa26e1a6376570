//! Counts of commands, by kind and outcome.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use kura_front::Connections;
use kura_wire::Code;

const CODES: usize = 17;

/// What is counted apart from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Authenticate,
    Get,
    Set,
    Delete,
    /// What was no command: a broken message, an unknown one, one too long.
    None,
}

impl Counted {
    const ALL: [Self; 5] = [Self::Authenticate, Self::Get, Self::Set, Self::Delete, Self::None];

    fn label(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::None => "none",
        }
    }
}

/// Commands ended so far and connections open now.
#[derive(Debug)]
pub struct Metrics {
    ended: [[AtomicU64; CODES]; Counted::ALL.len()],
    pub(crate) connections: Connections,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            ended: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
            connections: Connections::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn ended(&self, command: Counted, code: Code) {
        self.ended[command as usize][code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Appends the metrics in Prometheus' text format.
    pub fn render(&self, text: &mut String) {
        text.push_str(
            "# HELP kura_protosocket_commands_total Protosocket commands ended, by kind and status code; a \
             miss counts as code 0.\n\
             # TYPE kura_protosocket_commands_total counter\n",
        );
        for (command, counts) in Counted::ALL.iter().zip(&self.ended) {
            for (code, count) in counts.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let label = command.label();
                    let _ = writeln!(
                        text,
                        "kura_protosocket_commands_total{{command=\"{label}\",code=\"{code}\"}} {count}"
                    );
                }
            }
        }
        self.connections.render("protosocket", "Protosocket", text);
    }
}
