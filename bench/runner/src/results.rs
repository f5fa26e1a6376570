//! Figures with where they come from: a JSON file for each command, and one table made from all of them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use kura_base::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{plots, procfs, server, summary};

/// What one command measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// File name without its ending; a later run replaces it.
    pub(crate) name: String,
    /// Heading of its table.
    pub(crate) title: String,
    /// What was measured where, when and from which source.
    pub(crate) origin: Origin,
    /// What a reader must know to judge the figures.
    pub(crate) notes: Vec<String>,
    /// The figures.
    pub(crate) rows: Vec<Row>,
    /// Every single run behind them.
    pub(crate) raw: serde_json::Value,
}

/// One line of the table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) figure: String,
    /// The result.
    pub(crate) value: String,
    /// Its 90 % interval, where it has one.
    pub(crate) interval: String,
    /// What it should be, where that is said.
    pub(crate) goal: String,
    /// Whether it is so.
    pub(crate) met: Option<bool>,
    /// Figures that stand beside it.
    pub(crate) beside: String,
}

/// Machine, commit and time of a measurement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The processor's name.
    pub(crate) cpu: String,
    /// Cores of the machine.
    pub(crate) cores: usize,
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// Commit of the source, marked when the tree differed from it.
    pub(crate) commit: String,
    /// When the command ended.
    pub(crate) date: String,
}

impl Origin {
    /// This machine, this tree, now.
    pub(crate) fn here() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        let now = OffsetDateTime::from_unix_timestamp(SystemClock.now().epoch_seconds() as i64)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self {
            cpu: procfs::cpu_model(),
            cores: server::cores_online(),
            kernel,
            commit: commit(),
            date: now.format(&Rfc3339).unwrap_or_default(),
        }
    }
}

/// The commit checked out here; results and their table do not count as changes.
fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain", "--", ":/", ":!/bench/results", ":!/bench/RESULTS.md"]).as_deref() {
        Some("") => commit,
        _ => format!("{commit} with changes"),
    }
}

impl Report {
    /// Writes the figures to `directory`, and makes the pictures there and the table beside it anew from all that
    /// lies there.
    pub(crate) fn save(&self, directory: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(directory)?;
        let text = serde_json::to_string_pretty(self)?;
        fs::write(directory.join(format!("{}.json", self.name)), text + "\n").context("write the figures")?;
        let mut reports = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let report: Self = serde_json::from_str(&fs::read_to_string(&path)?)
                    .with_context(|| format!("{} is not a report", path.display()))?;
                reports.push(report);
            }
        }
        reports.sort_by(|a, b| b.name.cmp(&a.name));
        let plots = plots::draw(&reports);
        for plot in &plots {
            fs::write(directory.join(plot.file), &plot.svg).context("write a picture")?;
        }
        // Beside the folder if it is one of its own, else in it.
        let beside = directory.file_name().is_some_and(|name| name == "results");
        let home = directory.parent().filter(|_| beside).unwrap_or(directory);
        let folder = if beside { "results/" } else { "" };
        fs::write(home.join("RESULTS.md"), document(&reports, &plots, folder)).context("write the table")
    }
}

/// All of it as Markdown: the goals, the pictures, which are in `folder`, then the table of each report.
fn document(reports: &[Report], plots: &[plots::Plot], folder: &str) -> String {
    let mut text = String::from(
        "# Results\n\nWritten by `kura-bench`; do not edit. Raw runs are in `results/`, the method in `README.md`. \
         Figures that are called fixed were taken elsewhere and are not measured here.\n\n## The goals\n\n",
    );
    text.push_str(&summary::table(reports));
    for plot in plots {
        write!(text, "\n![{}]({folder}{})\n", plot.title, plot.file).ok();
    }
    for report in reports {
        text.push_str(&report.table());
    }
    text
}

impl Report {
    /// Its heading, figures, notes and origin as Markdown.
    fn table(&self) -> String {
        let mut text = format!("\n## {}\n\n", self.title);
        text.push_str(
            "| figure | value | 90 % interval | goal | met | beside it |\n|---|--:|--:|--:|---|---|\n",
        );
        for row in &self.rows {
            let met = row.met.map_or("", |met| if met { "yes" } else { "**no**" });
            let Row { figure, value, interval, goal, beside, .. } = row;
            writeln!(text, "| {figure} | {value} | {interval} | {goal} | {met} | {beside} |").ok();
        }
        text.push('\n');
        for note in &self.notes {
            writeln!(text, "- {note}").ok();
        }
        let origin = &self.origin;
        writeln!(
            text,
            "- {}, {} cores, Linux {}; commit {}; {}.",
            origin.cpu, origin.cores, origin.kernel, origin.commit, origin.date
        )
        .ok();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str) -> Report {
        Report {
            name: name.to_owned(),
            title: format!("The {name}"),
            origin: Origin::here(),
            notes: vec!["A note.".to_owned()],
            rows: vec![Row {
                figure: "a ÷ figure".to_owned(),
                value: "1.00".to_owned(),
                interval: "0.99–1.01".to_owned(),
                goal: "≤ 1.15".to_owned(),
                met: Some(true),
                beside: String::new(),
            }],
            raw: serde_json::json!([1, 2]),
        }
    }

    #[test]
    fn saving_one_report_keeps_the_others_in_the_table() -> anyhow::Result<()> {
        let home = tempfile::tempdir()?;
        let directory = home.path().join("results");
        report("one").save(&directory)?;
        report("two").save(&directory)?;
        let table = fs::read_to_string(home.path().join("RESULTS.md"))?;
        assert!(table.contains("## The one") && table.contains("## The two"), "{table}");
        assert!(
            table.contains("![Ratios with their 90 % intervals and goals](results/ratios.svg)"),
            "{table}"
        );
        assert!(fs::read_to_string(directory.join("ratios.svg"))?.contains("a ÷ figure"));
        assert!(table.contains("| a ÷ figure | 1.00 | 0.99–1.01 | ≤ 1.15 | yes |  |"), "{table}");
        Ok(())
    }
}
