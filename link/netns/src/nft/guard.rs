//! A load balancer's groups, in a namespace that is not their router's.

use kura_model::plan::Guard;

use super::{
    refused_at,
    router::{matching, refuse},
    table::Table,
    word,
};
use crate::error::Error;

/// Makes the chain that a new connection is sent to: it comes back if it may pass. Returns the chain's name.
pub(super) fn chain(main: &mut Table, guard: &Guard) -> Result<String, Error> {
    let name = word(&guard.name)?;
    let openings = guard.openings.iter();
    let mut rules: Vec<_> = openings
        .map(|opening| format!("ip saddr {} {}return", opening.from.trunc(), matching(opening.traffic)))
        .collect();
    refuse(main, &mut rules, format!("refused-in-{name}"), refused_at(name));
    let chain = format!("guard-{name}");
    main.chain(chain.clone(), None, rules);
    Ok(chain)
}
