//! A caller of CreateCache and DeleteCache with a few names of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kura_wire::{CacheClient, Code, Created};

use fastrand::Rng;

use super::{Known, Progress};

/// Names that one caller creates and deletes.
const NAMES: usize = 4;

/// One caller, and what it was told of its caches.
pub struct Caches {
    own: Vec<(String, Known)>,
    random: Rng,
    /// What it was told that cannot be.
    contradictions: Vec<String>,
    /// Changes that were acknowledged.
    pub acknowledged: u64,
}

impl Caches {
    pub fn new(number: usize, seed: u64) -> Self {
        let own = (0..NAMES).map(|at| (format!("cache-{number}-{at}"), Known::Gone)).collect();
        Self { own, random: Rng::with_seed(seed), contradictions: Vec::new(), acknowledged: 0 }
    }

    /// Creates what is gone and deletes what is there until a call fails.
    pub async fn change(mut self, client: Arc<CacheClient>, progress: Progress) -> Self {
        loop {
            let at = self.random.usize(..NAMES);
            let (name, before) = self.own[at].clone();
            self.own[at].1 = Known::Open;
            let after = if before == Known::There {
                match client.delete_cache(&name).await {
                    Ok(()) => Known::Gone,
                    Err(status) if status.code == Code::NotFound => {
                        self.contradictions.push(format!("{name} was there, and is not found to delete"));
                        return self;
                    }
                    Err(_) => return self,
                }
            } else {
                match client.create_cache(&name).await {
                    Ok(Created::New) => Known::There,
                    Ok(Created::Existed) => {
                        self.contradictions.push(format!("{name} was gone, and exists already"));
                        return self;
                    }
                    Err(_) => return self,
                }
            };
            self.own[at].1 = after;
            self.acknowledged += 1;
            progress.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What `found`, the sorted names of all caches, contradicts; what was open is known then.
    pub fn compare(&mut self, found: &[String]) -> Vec<String> {
        let mut lost = std::mem::take(&mut self.contradictions);
        for (name, known) in &mut self.own {
            let is = if found.binary_search(name).is_ok() { Known::There } else { Known::Gone };
            if *known != Known::Open && *known != is {
                lost.push(format!("{name} is {is:?}, acknowledged was {known:?}"));
            }
            *known = is;
        }
        lost
    }
}
