//! `kura-fuzz`: runs the targets, or one input again.
#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use kura_fuzz::{Seen, Target, execute, run, targets, watch_panics};

/// Feed Kura's parsers with bytes that no honest peer sends
#[derive(Parser)]
struct Arguments {
    /// How long each target runs
    #[arg(long, default_value_t = 10, value_name = "N")]
    seconds: u64,
    /// Run only this target
    #[arg(long, value_name = "NAME", conflicts_with = "part")]
    target: Option<String>,
    /// Run only the targets of this part, as 1/2: what several processes share between them
    #[arg(long, value_name = "K/N", value_parser = part)]
    part: Option<(usize, usize)>,
    /// Make the same inputs as the run that printed this seed
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Run the input in this file once
    #[arg(long, value_name = "FILE", requires = "target")]
    replay: Option<PathBuf>,
    /// Print the targets and what they check
    #[arg(long)]
    list: bool,
}

fn part(text: &str) -> Result<(usize, usize), String> {
    let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    numbers
        .filter(|(k, n)| (1..=*n).contains(k))
        .ok_or_else(|| format!("{text:?} is no part; 1/2 is the first of two"))
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    watch_panics();
    let (k, n) = arguments.part.unwrap_or((1, 1));
    let chosen: Vec<Target> = targets::all()
        .into_iter()
        .skip(k - 1)
        .step_by(n)
        .filter(|target| arguments.target.as_ref().is_none_or(|name| name == target.name))
        .collect();
    if let Some(name) = arguments.target.as_ref().filter(|_| chosen.is_empty()) {
        bail!("there is no target {name:?}; --list prints those that there are");
    }
    if arguments.list {
        chosen.iter().for_each(|target| println!("{:<16} {}", target.name, target.holds));
        return Ok(ExitCode::SUCCESS);
    }
    if let (Some(file), [target]) = (&arguments.replay, &chosen[..]) {
        let input = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        return Ok(match execute(target, &input, &mut Seen::new()) {
            Ok(_) => {
                println!("{}: ok, {} bytes", target.name, input.len());
                ExitCode::SUCCESS
            }
            Err(what) => {
                println!("{}: FOUND: {what}\n  input: {:?}", target.name, input.escape_ascii().to_string());
                ExitCode::FAILURE
            }
        });
    }
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let (mut executions, mut findings) = (0, 0);
    for target in &chosen {
        let report = run(target, Duration::from_secs(arguments.seconds), seed)?;
        println!("{report}");
        executions += report.executions;
        findings += usize::from(report.finding.is_some());
    }
    println!("{} targets, {executions} executions, {findings} findings", chosen.len());
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
