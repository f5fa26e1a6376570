//! One execution: the input, and everything by which a parser can misbehave.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use crate::{MEMORY, Seen, Target, Trace};

/// Longest time for one input, of a few kilobytes. Far above what any takes, so that a busy
/// machine is not taken for a slow parser.
const SLOW: Duration = Duration::from_secs(2);

/// What panicked since it was last asked, on any thread.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Collects panics of all threads instead of printing them: a runtime's worker may swallow its own.
pub fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let thread = std::thread::current();
            let text = format!("{panic} (thread {})", thread.name().unwrap_or("without a name"));
            PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }));
    });
}

fn panics() -> Vec<String> {
    std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs `target` on `input`; true if that showed something new.
///
/// # Errors
/// What did not hold.
pub fn execute(target: &Target, input: &[u8], seen: &mut Seen) -> Result<bool, String> {
    watch_panics();
    let fresh = once(target, input, seen)?;
    match fresh {
        Some(fresh) => Ok(fresh),
        // Slow once may be the machine; slow twice is the parser.
        None => once(target, input, seen)?
            .ok_or_else(|| format!("took more than {} s, twice, for {} bytes", SLOW.as_secs(), input.len())),
    }
}

/// None if it took too long.
fn once(target: &Target, input: &[u8], seen: &mut Seen) -> Result<Option<bool>, String> {
    drop(panics());
    // What is noted meanwhile is not the parser's memory.
    seen.reserve(4096);
    let mut trace = Trace { seen, fresh: false };
    MEMORY.reset_peak_usage();
    let held = MEMORY.current_usage();
    let started = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| (target.check)(input, &mut trace)));
    let took = started.elapsed();
    let grown = MEMORY.peak_usage().saturating_sub(held);
    let panics = panics();
    if ended.is_err() || !panics.is_empty() {
        return Err(panics.join("\n"));
    }
    if grown > target.max_memory_bytes {
        let most = target.max_memory_bytes;
        return Err(format!(
            "held {grown} bytes for an input of {}; at most {most} are allowed",
            input.len()
        ));
    }
    Ok((took <= SLOW).then_some(trace.fresh))
}
