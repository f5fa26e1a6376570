//! The counts of this run beside those that are committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::cases::CASES;

/// The argument before the name of a case that makes this program run it, for valgrind to count.
pub(crate) const RUN: &str = "run";
/// What a case may differ from its committed count, either way, where the counts are from the same compiler and kind
/// of processor. What is left of chance is 0.2 % at most, by seeds of hashing and the place of things in memory; the rest
/// is for other versions of the C library.
const TOLERANCE: f64 = 0.03;
/// The same where they are not: another compiler makes other code of the same source.
const LOOSE_TOLERANCE: f64 = 0.40;
/// The command that writes the counts anew.
const ANEW: &str = "KURA_WRITE=1 cargo xtask test --only instructions";

/// What is committed.
#[derive(Debug, Serialize, Deserialize)]
struct Counts {
    /// The compiler, as `rustc --version` names it.
    rustc: String,
    /// What of the processor decides which code runs.
    processor: String,
    /// Instructions an operation.
    cases: BTreeMap<String, f64>,
}

/// Counts, and compares or writes.
pub(crate) fn check() -> anyhow::Result<ExitCode> {
    let now = Counts { rustc: rustc()?, processor: processor(), cases: count()? };
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/counts.json"));
    if std::env::var_os("KURA_WRITE").is_some() {
        fs::write(&file, serde_json::to_string_pretty(&now)? + "\n").context("write the counts")?;
        println!("instructions: {} counts written", now.cases.len());
        return Ok(ExitCode::SUCCESS);
    }
    let text =
        fs::read_to_string(&file).with_context(|| format!("there are no counts; {ANEW} writes them"))?;
    let committed: Counts = serde_json::from_str(&text).context("read the committed counts")?;
    let alike = committed.rustc == now.rustc && committed.processor == now.processor;
    let tolerance = if alike { TOLERANCE } else { LOOSE_TOLERANCE };
    if !alike {
        println!(
            "NOTE: the committed counts are from {} on {}, these from {} on {}: compared within {:.0} % instead of \
             {:.0} %",
            committed.rustc,
            committed.processor,
            now.rustc,
            now.processor,
            LOOSE_TOLERANCE * 100.0,
            TOLERANCE * 100.0
        );
    }
    let (lines, wrong) = compare(&committed.cases, &now.cases, tolerance);
    lines.iter().for_each(|line| println!("{line}"));
    if wrong > 0 {
        println!(
            "instructions: {wrong} of {} cases are off by more than {:.0} %. If that is meant, {ANEW} writes the counts \
             anew",
            now.cases.len(),
            tolerance * 100.0
        );
        return Ok(ExitCode::FAILURE);
    }
    println!("instructions: {} cases within {:.0} % of their counts", now.cases.len(), tolerance * 100.0);
    Ok(ExitCode::SUCCESS)
}

/// A line for each case, and how many are off.
fn compare(
    committed: &BTreeMap<String, f64>,
    now: &BTreeMap<String, f64>,
    tolerance: f64,
) -> (Vec<String>, usize) {
    let (mut lines, mut wrong) = (Vec::new(), 0);
    for (name, count) in now {
        let verdict = match committed.get(name) {
            None => {
                wrong += 1;
                "NOT among the committed counts".to_owned()
            }
            Some(before) => {
                let change = count / before - 1.0;
                let off = change.abs() > tolerance;
                wrong += usize::from(off);
                format!("{:+.1} % from {before:.1}{}", change * 100.0, if off { ": TOO FAR" } else { "" })
            }
        };
        lines.push(format!("{name:<32} {count:>10.1}  {verdict}"));
    }
    for name in committed.keys().filter(|name| !now.contains_key(*name)) {
        wrong += 1;
        lines.push(format!("{name:<32} {:>10}  committed, but there is no such case", "-"));
    }
    (lines, wrong)
}

/// Instructions an operation of each case. Each has a process of its own, so that none depends on what another left.
fn count() -> anyhow::Result<BTreeMap<String, f64>> {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("counts");
    let mut counts = BTreeMap::new();
    for case in &CASES {
        let output = Command::new("valgrind")
            // Counting begins and ends with the function around a case's work.
            .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*measured_section*"])
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(std::env::current_exe()?)
            .args([RUN, case.name])
            .output()
            .context("cannot start valgrind; on Debian: apt-get install valgrind")?;
        if !output.status.success() {
            bail!("{} under valgrind: {}", case.name, String::from_utf8_lossy(&output.stderr).trim());
        }
        let text =
            fs::read_to_string(&out).with_context(|| format!("valgrind left no count of {}", case.name))?;
        let total = total(&text).with_context(|| format!("no total of {}", case.name))?;
        ensure!(total > case.operations, "{} was not counted", case.name);
        // Tenths are enough, and the file stays legible.
        let each = (total as f64 / case.operations as f64 * 10.0).round() / 10.0;
        counts.insert(case.name.to_owned(), each);
    }
    Ok(counts)
}

/// The number in `totals: 123` or `summary: 123`.
fn total(text: &str) -> Option<u64> {
    let line = |start| text.lines().rev().find_map(|line| line.strip_prefix(start));
    line("totals:").or_else(|| line("summary:"))?.trim().parse().ok()
}

fn rustc() -> anyhow::Result<String> {
    let said = Command::new("rustc").arg("--version").output().context("rustc --version")?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// What decides which code libraries choose at run time.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let more = if std::arch::is_x86_feature_detected!("avx2") { " with AVX2" } else { " without AVX2" };
    #[cfg(not(target_arch = "x86_64"))]
    let more = "";
    format!("{}{more}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_either_way_missing_or_new_is_told() {
        let counts = |list: &[(&str, f64)]| {
            list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>()
        };
        let committed = counts(&[("a", 100.0), ("b", 100.0), ("c", 100.0), ("gone", 1.0)]);
        let now = counts(&[("a", 104.9), ("b", 105.1), ("c", 94.9), ("new", 1.0)]);
        let (lines, wrong) = compare(&committed, &now, 0.05);
        assert_eq!((lines.len(), wrong), (5, 4), "{lines:#?}");
        assert!(!lines[0].contains("TOO FAR") && lines[1].contains("TOO FAR"), "{lines:#?}");
    }

    #[test]
    fn totals_are_found() {
        assert_eq!(total("events: Ir\nsummary: 7\n\ntotals: 123\n"), Some(123));
        assert_eq!(total("events: Ir\nsummary: 7\n"), Some(7));
        assert_eq!(total("events: Ir\n"), None);
    }
}
