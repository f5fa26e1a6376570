//! Health checks: a TCP connection from each load balancer node to each target it may use.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kura_model::plan::{Check, Dial, checks};
use kura_model::{Health, HealthCheck};

use crate::link::Link;

/// How often it is looked at what is due.
const TICK: Duration = Duration::from_millis(500);
/// Most checks at a time.
const AT_ONCE: usize = 32;

/// What is known of one target as one node sees it.
#[derive(Default)]
struct Known {
    due: Option<Instant>,
    /// Results in a row that contradict the verdict.
    against: u32,
    unhealthy: bool,
}

/// Checks until the task is dropped.
pub async fn watch(link: Arc<Link>) {
    let mut known: BTreeMap<Check, Known> = BTreeMap::new();
    let mut told = Health::default();
    loop {
        tokio::time::sleep(TICK).await;
        let link = Arc::clone(&link);
        let round = tokio::task::spawn_blocking(move || {
            round(&link, &mut known);
            let found = verdicts(&known);
            if found != told {
                link.set_health(found.clone());
                told = found;
            }
            (known, told)
        });
        match round.await {
            Ok(state) => (known, told) = state,
            Err(error) => {
                tracing::error!(%error, "the health checks broke off");
                return;
            }
        }
    }
}

/// Makes the checks that are due.
fn round(link: &Link, known: &mut BTreeMap<Check, Known>) {
    let now = Instant::now();
    let wanted = link.state(|state| {
        let rule = |check: Check| {
            let group = state.target_groups.get(&check.target_group)?;
            Some((check, group.health.clone()))
        };
        checks(state).into_iter().filter_map(rule).collect::<BTreeMap<_, _>>()
    });
    known.retain(|check, _| wanted.contains_key(check));
    let mut due = Vec::new();
    for (check, rule) in wanted {
        let entry = known.entry(check.clone()).or_default();
        if entry.due.is_some_and(|due| due > now) {
            continue;
        }
        let namespace = match &check.connect {
            Dial::Within(namespace, _) => match link.namespace_fd(namespace) {
                Ok(descriptor) => Some(descriptor),
                // It is being made or goes; the next round tells.
                Err(_) => continue,
            },
            Dial::Machine(_) => None,
        };
        entry.due = Some(now + Duration::from_secs(rule.interval.into()));
        due.push((check, namespace, rule));
    }
    while !due.is_empty() {
        let some = due.split_off(due.len().saturating_sub(AT_ONCE));
        let results: Vec<(Check, HealthCheck, bool)> = std::thread::scope(|scope| {
            let threads: Vec<_> = some
                .into_iter()
                .map(|(check, namespace, rule)| {
                    scope.spawn(move || {
                        let timeout = Duration::from_secs(rule.timeout.into());
                        let connects = match (&check.connect, namespace) {
                            (Dial::Within(_, address), Some(namespace)) => {
                                kura_netns::inside(std::os::fd::AsFd::as_fd(&namespace), || {
                                    Ok(connects(SocketAddr::V4(*address), timeout))
                                })
                                .unwrap_or(false)
                            }
                            (Dial::Machine(place), _) => place
                                .to_socket_addrs()
                                .is_ok_and(|mut found| found.any(|found| connects(found, timeout))),
                            (Dial::Within(..), None) => false,
                        };
                        (check, rule, connects)
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        for (check, rule, connects) in results {
            if let Some(entry) = known.get_mut(&check) {
                entry.take(connects, &rule);
            }
        }
    }
}

fn connects(address: SocketAddr, timeout: Duration) -> bool {
    TcpStream::connect_timeout(&address, timeout).is_ok()
}

impl Known {
    /// Counts a result; the verdict changes after as many in a row as the rule says.
    fn take(&mut self, connects: bool, rule: &HealthCheck) {
        if connects != self.unhealthy {
            self.against = 0;
            return;
        }
        self.against += 1;
        let enough = if self.unhealthy { rule.healthy_after } else { rule.unhealthy_after };
        if self.against >= enough {
            self.unhealthy = !self.unhealthy;
            self.against = 0;
        }
    }
}

fn verdicts(known: &BTreeMap<Check, Known>) -> Health {
    let unhealthy: BTreeSet<_> = known
        .iter()
        .filter(|(_, known)| known.unhealthy)
        .map(|(check, _)| (check.target_group.clone(), check.target.clone(), Some(check.zone.clone())))
        .collect();
    Health { unhealthy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_changes_after_as_many_results_in_a_row_as_the_rule_says() {
        let rule = HealthCheck { port: None, interval: 10, timeout: 1, healthy_after: 3, unhealthy_after: 2 };
        let mut known = Known::default();
        let mut seen = Vec::new();
        for connects in [true, false, true, false, false, true, true, false, true, true, true] {
            known.take(connects, &rule);
            seen.push(!known.unhealthy);
        }
        assert_eq!(seen, [true, true, true, true, false, false, false, false, false, false, true]);
    }
}
