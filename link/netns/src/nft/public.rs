//! The public side: a router that keeps no state, as the Internet's are, and answers DNS.

use kura_model::plan::PublicFilter;

use super::{INPUT_HOOK, Rules, TABLE, table::Table};

pub(super) fn compile(filter: &PublicFilter) -> Rules {
    let resolver = filter.resolver;
    let mut main = Table::named(TABLE);
    main.chain(
        "input",
        Some(INPUT_HOOK),
        vec![
            "iifname \"lo\" accept".into(),
            format!("ip daddr {resolver} udp dport 53 accept"),
            format!("ip daddr {resolver} tcp dport 53 accept"),
        ],
    );
    Rules { main, idle: None, idle_timeout: None }
}
