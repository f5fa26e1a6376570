//! Flow records of the host: what was accepted to the endpoints, what was refused to the public address.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{PUBLIC_ADDRESS, consumer::Consumer, world::World};

/// Shows them, and makes sure that both kinds are there.
pub(crate) fn look(world: &World<'_>, consumer: &Consumer) -> Result<()> {
    let instance = &consumer.host.instance;
    let said = world.ask(["flows", "--of", instance])?;
    ensure!(said.out.len() > 1, "there are no flow records");
    let own = consumer.host.address.to_string();
    // version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action status
    let records: Vec<Vec<&str>> =
        said.out.iter().skip(1).map(|line| line.split_whitespace().collect()).collect();
    ensure!(records.iter().all(|record| record.len() == 14), "a record has not AWS's fourteen fields");
    let from_host = |to: &dyn Fn(&str) -> bool, action: &str| {
        records.iter().any(|of| of[3] == own && of[6] == "443" && to(of[4]) && of[12] == action)
    };
    ensure!(from_host(&|to| to.starts_with("172.31."), "ACCEPT"), "no accepted flow to an endpoint");
    ensure!(
        from_host(&|to| to == PUBLIC_ADDRESS.to_string(), "REJECT"),
        "no refused flow to {PUBLIC_ADDRESS}"
    );
    let json = world.link().args(["flows", "--of", instance, "--json"]).output()?;
    let json: Value = serde_json::from_str(&json).context("`flows --json` is JSON")?;
    ensure!(json.as_array().is_some_and(|list| !list.is_empty()), "`flows --json` has no records");
    Ok(())
}
