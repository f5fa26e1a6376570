//! What an instance's resolver answers.

use std::net::Ipv4Addr;

use super::{Answer, AnswerZone, Refusal};
use crate::{
    VpcId,
    plan::{NamespaceName, names::names, view::View},
};

pub(super) fn resolve(view: &View<'_>, vpc: &VpcId, asked: &str) -> Result<Answer, Refusal> {
    if let Ok(address) = asked.parse::<Ipv4Addr>() {
        return Ok(Answer { zone: AnswerZone::Literal, alias: None, addresses: vec![address] });
    }
    let names = names(view);
    let resolver =
        names.resolvers.get(&NamespaceName::router(vpc)).filter(|found| !found.addresses.is_empty());
    let resolver = resolver.ok_or_else(|| {
        (
            format!("{vpc} has no resolver: enableDnsSupport is off"),
            format!("turn it on: aws ec2 modify-vpc-attribute --vpc-id {vpc} --enable-dns-support"),
        )
    })?;
    let name = asked.strip_suffix('.').unwrap_or(asked).to_ascii_lowercase();
    let parents = || std::iter::successors(Some(name.as_str()), |name| Some(name.split_once('.')?.1));
    if let Some((apex, zone)) = parents().find_map(|parent| resolver.zones.get_key_value(parent)) {
        let addresses = names.public.get(&zone.alias).into_iter().flatten().copied();
        if *apex != name {
            return Err((
                format!("{name} does not exist: the private zone {apex} of {vpc} answers for all below it"),
                format!(
                    "ask for {apex}, or turn private DNS off at the endpoint {}",
                    endpoint_of(&zone.alias)
                ),
            ));
        }
        let addresses: Vec<Ipv4Addr> = addresses.collect();
        if addresses.is_empty() {
            return Err((
                format!("{name} is an alias of {}, which has no address", zone.alias),
                format!("give the endpoint {} a subnet", endpoint_of(&zone.alias)),
            ));
        }
        return Ok(Answer {
            zone: AnswerZone::Private(apex.clone()),
            alias: Some(zone.alias.clone()),
            addresses,
        });
    }
    if let Some(address) = resolver.hosts.get(&name) {
        return Ok(Answer { zone: AnswerZone::Vpc, alias: None, addresses: vec![*address] });
    }
    match names.public.get(&name) {
        Some(addresses) => Ok(Answer {
            zone: AnswerZone::Public,
            alias: None,
            addresses: addresses.iter().copied().collect(),
        }),
        None => Err((
            format!(
                "neither {vpc} nor the link's public zone knows {name}; the upstream servers would be asked"
            ),
            "publish the name, or make an endpoint with private DNS for it".to_owned(),
        )),
    }
}

/// The endpoint of one of its names: `vpce-` and the digits after it.
fn endpoint_of(alias: &str) -> String {
    alias.split('-').take(2).collect::<Vec<_>>().join("-")
}
