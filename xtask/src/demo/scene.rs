//! Everybody in place: the provider with the cache, the consumer with a host, and a stranger to compare with.

use super::{
    aws::Aws,
    consumer::Consumer,
    host::Host,
    place::{Place, launch},
    provider::{Provider, Service, two},
    world::World,
};
use crate::{
    report::{Report, Stopped},
    server::Server,
};

/// The accounts: who consumes, who provides, and who has nothing to do with either.
const CONSUMER: &str = "000000000000";
const PROVIDER: &str = "111111111111";
const STRANGER: &str = "222222222222";

/// What the steps of the story share.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World<'a>,
    pub(crate) provider: Provider,
    pub(crate) consumer: Consumer,
    pub(crate) stranger: Aws,
    /// A host in a VPC without endpoints.
    pub(crate) elsewhere: Host,
    /// The cell's four services.
    pub(crate) services: Vec<Service>,
    /// The two that the article's template asks for: cache and control.
    pub(crate) two: Vec<Service>,
    /// The clients' key.
    pub(crate) key: String,
}

/// Sets it; the server runs until it is stopped or dropped.
pub(crate) fn set<'a>(world: &'a World<'_>, report: &mut Report) -> Result<(Scene<'a>, Server), Stopped> {
    let provider =
        report.step("The provider has an instance for the cache", |_| Provider::settle(world, PROVIDER))?;
    let server = report.step("kura runs on it, TLS on port 443", |_| provider.serve(world))?;
    let key = report.step("A key for the consumer", |_| provider.create_key(world))?;
    let title = "The provider publishes the cell to the consumer's account only";
    let (services, stranger) = report.step(title, |_| {
        let consumer = world.aws("consumer", CONSUMER)?;
        world.account(STRANGER)?;
        let stranger = world.aws("stranger", STRANGER)?;
        let services = provider.publish(world, &consumer)?;
        provider.check_services(&services, &consumer, &stranger)?;
        anyhow::Ok((services, stranger))
    })?;
    let consumer = report.step("The consumer's VPC, subnets, groups, and a host", |_| {
        Consumer::settle(world, world.aws("consumer", CONSUMER)?)
    })?;
    let elsewhere = report.step("A host in a VPC without endpoints, to compare with", |_| {
        let place = Place::find(&stranger)?;
        anyhow::Ok(Host::new(world, launch(&stranger, &place.subnets[0], None)?, "stranger"))
    })?;
    let two = two(&services);
    Ok((Scene { world, provider, consumer, stranger, elsewhere, services, two, key }, server))
}
