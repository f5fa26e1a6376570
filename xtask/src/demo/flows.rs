//! Flow records of the host: what was accepted to the endpoints, what was refused to the public address.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{PUBLIC_ADDRESS, consumer::Consumer, world::World};

/// Each SDK process and each check made some: so many of a kind are shown.
const SHOWN: usize = 3;

/// Shows them, and makes sure that both kinds are there.
pub(crate) fn look(world: &World<'_>, consumer: &Consumer) -> Result<()> {
    let instance = &consumer.host.instance;
    let flows = world.link().args(["flows", "--of", instance]);
    println!("$ {flows}");
    let said = flows.output()?;
    let mut lines = said.lines();
    println!("{}", lines.next().context("there are no flow records")?);
    let own = consumer.host.address.to_string();
    // version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action status
    let records: Vec<Vec<&str>> = lines.map(|line| line.split_whitespace().collect()).collect();
    ensure!(records.iter().all(|record| record.len() == 14), "a record has not AWS's fourteen fields");
    let public = PUBLIC_ADDRESS.to_string();
    for (action, is_public) in [("ACCEPT", false), ("REJECT", true)] {
        let is_such = |of: &&Vec<&str>| {
            of[3] == own && of[6] == "443" && of[12] == action && (of[4] == public) == is_public
        };
        let such: Vec<_> = records.iter().filter(is_such).collect();
        such.iter().take(SHOWN).for_each(|record| println!("{}", record.join(" ")));
        println!("… {} of {} records are {action} to port 443 of such an address", such.len(), records.len());
        ensure!(
            !such.is_empty(),
            "no {action} to {}",
            if is_public { "the public address" } else { "an endpoint" }
        );
    }
    let json = world.link().args(["flows", "--of", instance, "--json"]).output()?;
    let json: Value = serde_json::from_str(&json).context("`flows --json` is JSON")?;
    ensure!(json.as_array().is_some_and(|list| !list.is_empty()), "`flows --json` has no records");
    Ok(())
}
