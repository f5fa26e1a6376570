//! The goals in one table: what each figure is held against, and whether it is met.

use std::fmt::Write as _;

use crate::results::{Report, Row};

/// A goal, and where its figure is found.
struct Goal {
    /// What is measured.
    path: &'static str,
    /// What it is held against. Fixed figures are not measured here.
    against: &'static str,
    /// The goal, as it was set.
    goal: &'static str,
    /// The report that has the figure.
    report: &'static str,
    /// How the figure's name begins there.
    figure: &'static str,
}

const fn goal(
    path: &'static str,
    against: &'static str,
    goal: &'static str,
    (report, figure): (&'static str, &'static str),
) -> Goal {
    Goal { path, against, goal, report, figure }
}

const TONIC: &str = "bare tonic's constant, same headers";
const TONIC_SHAPE: &str = "bare tonic, same shape";
const PROTOSOCKET: &str = "bare protosocket-rpc's constant";
const REDIS: &str = "Redis 7.0.15, one core";
const POLICIES: &str = "the best of LRU, LFU and S3-FIFO at equal size";
/// What the figure of instructions is called; it stands among the raw figures of a report.
const INSTRUCTIONS: &str = "instructions at 64×1";

/// All of them, in the order they are told.
const GOALS: &[Goal] = &[
    goal("gRPC Get/Set, auth on, 8×8", TONIC, "≤ 0.95, stretch 0.90", ("ratio", "kura ÷ bare tonic, 8×8")),
    goal("gRPC Get/Set, auth on, 64×1", TONIC, "≤ 0.95, stretch 0.90", ("ratio", "kura ÷ bare tonic, 64×1")),
    goal("gRPC over TLS, 8×8", "the same without TLS", "≤ 1.35", ("tls", "kura over TLS ÷ kura, 8×8")),
    goal("gRPC over TLS, 64×1", "the same without TLS", "≤ 1.35", ("tls", "kura over TLS ÷ kura, 64×1")),
    goal(
        "protosocket Get/Set, 8×8",
        PROTOSOCKET,
        "≤ 1.25",
        ("protosocket", "kura ÷ bare protosocket-rpc, 8×8"),
    ),
    goal(
        "protosocket Get/Set, 64×1",
        PROTOSOCKET,
        "≤ 1.15",
        ("protosocket", "kura ÷ bare protosocket-rpc, 64×1"),
    ),
    goal("RESP Get/Set, 50×16 pipelined", REDIS, "≤ 0.80", ("resp", "kura ÷ Redis, 50×16")),
    goal("RESP Get/Set, 64×1", REDIS, "≤ 1.00", ("resp", "kura ÷ Redis, 64×1")),
    goal("RESP Get/Set, 64×1, user-mode instructions", REDIS, "< 1.00", ("resp", INSTRUCTIONS)),
    goal(
        "engine and token cache, two threads on Zipf keys",
        "one thread",
        "≥ 1.8",
        ("threads", "two threads ÷ one, engine"),
    ),
    goal(
        "RESP p99, open loop at 40 % of Redis' peak",
        "Redis 7.0.15",
        "≤ 1.15",
        ("latency", "kura ÷ Redis, p99"),
    ),
    goal(
        "resident growth over payload an item",
        "fixed: Redis 134, Valkey 103, memcached 81, segcache 42",
        "≤ 40, stretch 32",
        ("memory", "bytes per item"),
    ),
    goal(
        "hit ratio, Zipf(1.0), 8 MiB",
        "fixed: Valkey LFU 0.848, segcache S3-FIFO 0.843",
        "≥ 0.860",
        ("hit-ratio", "share of reads that found their key"),
    ),
    goal(
        "hit ratio, Zipf(1.0), over full-history LFU's",
        "simulated at the item count held",
        "≥ 0.995",
        ("hit-ratio", "Zipf(1.0), kura ÷ full-history LFU"),
    ),
    goal(
        "hit ratio, scan-polluted, less theirs",
        POLICIES,
        "≥ -0.010",
        ("hit-ratio", "scan-polluted, kura less"),
    ),
    goal("hit ratio, shifting, less theirs", POLICIES, "≥ -0.010", ("hit-ratio", "shifting, kura less")),
    goal(
        "hit ratio, mixed sizes, less theirs",
        POLICIES,
        "≥ -0.010",
        ("hit-ratio", "mixed sizes, kura less"),
    ),
    goal("start to first answer, --local", "bare tonic", "≤ 2.0", ("start", "kura --local ÷ bare tonic")),
    goal(
        "start to first answer, secured, ms",
        "data directory from before",
        "≤ 30.0",
        ("start", "kura secured"),
    ),
    goal("anonymous resident memory, idle, MiB more", "bare tonic", "≤ 6.0", ("start", "anonymous MiB")),
    goal(
        "resident per connection, active",
        "bare tonic",
        "≤ 0.70",
        ("connections", "active, kura ÷ bare tonic"),
    ),
    goal(
        "resident per connection, idle, plaintext, KiB",
        "10,000 of them served",
        "≤ 16.0",
        ("connections", "idle, plaintext"),
    ),
    goal(
        "resident per connection, idle, TLS, KiB",
        "10,000 of them served",
        "≤ 40.0",
        ("connections", "idle, TLS"),
    ),
    goal("cost at 1 k items over that at 8×8", TONIC_SHAPE, "≤ 1.25", ("growth", "1,000 items")),
    goal("cost at 10 M items over that at 8×8", TONIC_SHAPE, "≤ 1.25", ("growth", "10,000,000 items")),
    goal("cost at 1,000 caches over that at 8×8", TONIC_SHAPE, "≤ 1.25", ("growth", "1,000 caches")),
    goal("cost at 64 connections over that at 8×8", TONIC_SHAPE, "≤ 1.25", ("growth", "64 connections")),
    goal(
        "cost at 4,000 connections over that at 8×8",
        TONIC_SHAPE,
        "≤ 1.25",
        ("growth", "4,000 connections"),
    ),
];

/// The table, as Markdown.
pub(crate) fn table(reports: &[Report]) -> String {
    let mut text =
        String::from("| path | against | goal | figure | 90 % interval | met |\n|---|---|--:|--:|--:|---|\n");
    for goal in GOALS {
        let Goal { path, against, goal: wanted, .. } = goal;
        let (value, interval, met) = goal.found(reports);
        writeln!(text, "| {path} | {against} | {wanted} | {value} | {interval} | {met} |").ok();
    }
    text
}

impl Goal {
    /// Figure, interval, and whether the goal is met.
    fn found(&self, reports: &[Report]) -> (String, String, &'static str) {
        let report = reports.iter().find(|report| report.name == self.report);
        if self.figure == INSTRUCTIONS {
            return match report.and_then(instructions) {
                Some(ratio) => (format!("{ratio:.3}"), String::new(), yes_or_no(ratio < 1.0)),
                None => (String::new(), String::new(), NOT_MEASURED),
            };
        }
        match report.and_then(|report| report.rows.iter().find(|row| row.figure.starts_with(self.figure))) {
            None => (String::new(), String::new(), NOT_MEASURED),
            Some(row) => (row.value.clone(), row.interval.clone(), self.verdict(row)),
        }
    }

    /// What a row says of this goal; one that was judged by another says nothing.
    fn verdict(&self, row: &Row) -> &'static str {
        match row.met {
            Some(met) if self.goal.split(',').next() == Some(&row.goal) => yes_or_no(met),
            Some(_) => "measured for another goal",
            None => "not judged",
        }
    }
}

const NOT_MEASURED: &str = "not measured";

fn yes_or_no(met: bool) -> &'static str {
    if met { "yes" } else { "**no**" }
}

/// Kura's instructions per operation over those of what it is compared with, 64×1.
fn instructions(report: &Report) -> Option<f64> {
    let shape = serde_json::json!({ "connections": 64, "inflight": 1 });
    let counted = report.raw.as_array()?.iter().filter(|entry| entry["shape"] == shape);
    let counted = counted.filter_map(|entry| entry["instructions"].as_array()).next()?;
    let of = |ours: bool| {
        let count = counted.iter().find(|count| (count["server"] == "kura") == ours)?;
        count["per_op"].as_f64()
    };
    Some(of(true)? / of(false)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::results::Origin;

    fn report(name: &str, figure: &str, goal: &str, met: bool, raw: serde_json::Value) -> Report {
        Report {
            name: name.to_owned(),
            title: String::new(),
            origin: Origin::here(),
            notes: Vec::new(),
            rows: vec![Row {
                figure: figure.to_owned(),
                value: "0.9".to_owned(),
                interval: "0.8–1.0".to_owned(),
                goal: goal.to_owned(),
                met: Some(met),
                beside: String::new(),
            }],
            raw,
        }
    }

    fn line(reports: &[Report], path: &str) -> String {
        let table = table(reports);
        let line = table.lines().find(|line| line.starts_with(&format!("| {path} |")));
        line.unwrap_or_default().to_owned()
    }

    #[test]
    fn each_goal_says_met_not_met_or_not_measured() {
        let path = "gRPC Get/Set, auth on, 8×8";
        let judged =
            |goal, met| line(&[report("ratio", "kura ÷ bare tonic, 8×8", goal, met, json!([]))], path);
        assert!(judged("≤ 0.95", true).ends_with("| ≤ 0.95, stretch 0.90 | 0.9 | 0.8–1.0 | yes |"));
        assert!(judged("≤ 0.95", false).ends_with("| **no** |"));
        assert!(
            judged("≤ 1.15", true).ends_with("| measured for another goal |"),
            "an easier goal is another"
        );
        assert!(line(&[], path).ends_with("| not measured |"));
    }

    #[test]
    fn instructions_are_compared_from_the_raw_figures() {
        let shape = json!({ "connections": 64, "inflight": 1 });
        let counted = |kura: f64| {
            let each = json!([{ "server": "kura", "per_op": kura }, { "server": "Redis", "per_op": 2000.0 }]);
            report(
                "resp",
                "",
                "",
                true,
                json!([{ "shape": shape, "pairs": [] }, { "shape": shape, "instructions": each }]),
            )
        };
        let path = "RESP Get/Set, 64×1, user-mode instructions";
        assert!(line(&[counted(1500.0)], path).ends_with("| 0.750 |  | yes |"));
        assert!(line(&[counted(2500.0)], path).ends_with("| 1.250 |  | **no** |"));
    }
}
