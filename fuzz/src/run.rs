//! A run of one target: the corpus first, then what is made from it, until the time is over.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fastrand::Rng;

use crate::{Finding, Seen, Target, corpus_of, execute, finding, mutate::mutate};

/// Most inputs kept in memory; a new one then takes another's place.
const MAX_POOL: usize = 4096;

/// How long one input may run before it is taken never to end.
const HUNG: Duration = Duration::from_secs(20);

/// How a run went.
#[derive(Debug)]
pub struct Report {
    target: &'static str,
    seed: u64,
    /// How many inputs were run.
    pub executions: u64,
    took: Duration,
    corpus: usize,
    /// What did not hold.
    pub finding: Option<Finding>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.executions as f64 / self.took.as_secs_f64().max(0.001);
        let (target, executions, corpus, seed) = (self.target, self.executions, self.corpus, self.seed);
        write!(
            f,
            "{target:<16} {executions:>10} executions {each:>8.0}/s  corpus {corpus:>4}  seed {seed}  "
        )?;
        match &self.finding {
            None => f.write_str("ok"),
            Some(finding) => write!(f, "FOUND: {finding}"),
        }
    }
}

/// What runs now, for whoever watches that it ends.
type Current = Arc<Mutex<(Vec<u8>, Instant)>>;

/// Runs `target` for `time`, or until something does not hold.
///
/// # Errors
/// If the corpus cannot be read or a finding not be written.
pub fn run(target: &Target, time: Duration, seed: u64) -> Result<Report> {
    let corpus = corpus_of(target)?.into_iter().map(|(_, input)| input).collect();
    let current = Current::new(Mutex::new((Vec::new(), Instant::now())));
    let (done, ended) = mpsc::channel();
    let (runner, watched) = (*target, current.clone());
    let started = Instant::now();
    std::thread::Builder::new().name(target.name.to_owned()).spawn(move || {
        let _ = done.send(work(&runner, corpus, time, seed, &watched));
    })?;
    loop {
        match ended.recv_timeout(Duration::from_secs(1)) {
            Ok(report) => return report,
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the run of {} broke off", target.name),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let (input, since) = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if since.elapsed() > HUNG {
            let what = format!("did not end within {} s", HUNG.as_secs());
            let finding = Some(Finding::keep(target, &input, what)?);
            let took = started.elapsed();
            return Ok(Report { target: target.name, seed, executions: 0, took, corpus: 0, finding });
        }
    }
}

fn work(
    target: &Target,
    mut pool: Vec<Vec<u8>>,
    time: Duration,
    seed: u64,
    current: &Current,
) -> Result<Report> {
    let running = finding::folder(target)?.join("running");
    let running = File::create(&running).with_context(|| format!("cannot write {}", running.display()))?;
    let mut seen = Seen::new();
    let mut rng = Rng::with_seed(seed);
    let started = Instant::now();
    let mut executions = 0;
    let mut left_bytes = 0;
    let mut seeds = pool.clone().into_iter();
    let finding = loop {
        if executions > 0 && started.elapsed() >= time {
            break None;
        }
        let seed = seeds.next();
        let made = seed.is_none();
        let input = seed.unwrap_or_else(|| mutate(&mut rng, &pool, target.pieces, target.max_input_bytes));
        // What is left behind if the process ends here.
        if input.len() < left_bytes {
            running.set_len(0)?;
        }
        running.write_all_at(&input, 0)?;
        left_bytes = input.len();
        {
            let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
            current.0.clone_from(&input);
            current.1 = Instant::now();
        }
        executions += 1;
        match execute(target, &input, &mut seen) {
            Ok(true) if made && pool.len() < MAX_POOL => pool.push(input),
            Ok(true) if made => {
                let at = rng.usize(..pool.len());
                pool[at] = input;
            }
            Ok(_) => {}
            Err(what) => break Some(Finding::shrink(target, input, what)?),
        }
    };
    let took = started.elapsed();
    if finding.is_none() {
        running.set_len(0)?;
    }
    Ok(Report { target: target.name, seed, executions, took, corpus: pool.len(), finding })
}
