//! What each of the cell's four names leads to, and what `kura-link trace` says of it.

use anyhow::{Result, ensure};

use super::{consumer::Consumer, provider::Service, world::World};

/// What a name leads to, as `kura-link trace` tells it by its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To an endpoint.
    Private,
    /// Out by the internet gateway.
    Public,
    /// Nowhere: a rule refuses, or the name has no address.
    Nowhere,
}

impl Leads {
    /// The exit code that says so.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Private => 0,
            Self::Public => 3,
            Self::Nowhere => 4,
        }
    }
}

/// Looks each name up, opens TLS to it where it leads somewhere, traces it, and compares with what is `expected`.
pub(crate) fn look(
    world: &World<'_>,
    consumer: &Consumer,
    services: &[Service],
    expected: impl Fn(&Service) -> Leads,
) -> Result<()> {
    let names: Vec<&str> = services.iter().map(|service| service.private_dns.as_str()).collect();
    let found = consumer.host.names(world, &names, true)?;
    for (service, found) in services.iter().zip(&found) {
        let (name, leads) = (&service.private_dns, expected(service));
        consumer.host.traces(world, name, leads)?;
        ensure!(
            found.tls == Some(leads != Leads::Nowhere),
            "{name} should lead {leads:?}, TLS: {:?}",
            found.tls
        );
        let is_private = !found.addresses.is_empty() && found.addresses.iter().all(|one| one.is_private());
        ensure!(is_private == (leads == Leads::Private), "{name} has {:?}", found.addresses);
    }
    Ok(())
}
