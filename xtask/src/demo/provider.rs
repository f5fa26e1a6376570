//! The provider: an account with `kura` on an instance of its VPC, offered to the consumer only.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    CELL, NAMES, PUBLIC_ADDRESS,
    aws::{Aws, text, texts},
    place::{Place, launch},
    world::World,
};
use crate::{
    process::Run,
    server::{Server, authority, key_in},
};

/// The provider's side.
pub(crate) struct Provider {
    pub(crate) aws: Aws,
    pub(crate) instance: String,
}

/// A service on offer: the template's parameter, the endpoint service's name, and the name that clients use.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) parameter: String,
    pub(crate) name: String,
    pub(crate) private_dns: String,
}

impl Provider {
    /// Gives the account an instance that its own load balancers may reach on the cell's ports: gRPC and HTTP on
    /// 443, protosocket on 9004, RESP on 6379.
    pub(crate) fn settle(world: &World<'_>, account: &'static str) -> Result<Self> {
        world.account(account)?;
        let aws = world.aws("provider", account)?;
        let place = Place::find(&aws)?;
        let group = place.group(&aws, "cache", "the cache")?;
        // Who connects are the load balancers of the same VPC.
        for port in ["443", "9004", "6379"] {
            let rule = ["--group-id", &group, "--protocol", "tcp", "--port", port, "--cidr", &place.cidr];
            aws.ask(["ec2", "authorize-security-group-ingress"].into_iter().chain(rule))?;
        }
        let instance = launch(&aws, &place.subnets[0], Some(&group))?;
        Ok(Self { aws, instance: instance.id })
    }

    /// Starts `kura` inside the instance.
    pub(crate) fn serve(&self, world: &World<'_>) -> Result<Server> {
        let serve = world.inside(&self.instance).arg(world.program("kura"));
        let serve = serve.args(["serve", "--cell", CELL, "--tls-listen", "0.0.0.0:443"]);
        let serve = serve.args(["--protosocket-listen", "0.0.0.0:9004", "--resp-listen", "0.0.0.0:6379"]);
        // It ends with us, even if we are killed.
        let serve = serve.arg("--data-dir").arg(world.data()).before("setpriv", &["--pdeathsig", "KILL"]);
        println!("provider$ {serve}");
        let server = Server::start(&serve, &world.dir.join("server.log"))?;
        println!("{}", server.ready);
        Ok(server)
    }

    /// A key for the clients.
    pub(crate) fn create_key(&self, world: &World<'_>) -> Result<String> {
        let create = Run::new(world.program("kura")).args(["key", "create", "--data-dir"]);
        let create = create.arg(world.data()).args(["--name", "demo"]);
        println!("provider$ {create}");
        let printed = create.output()?;
        let key = key_in(&printed)?.to_owned();
        println!("{}", printed.replace(&key, &masked(&key)));
        ensure!(authority(&world.data()).exists(), "the server made no certificate authority");
        Ok(key)
    }

    /// Publishes the cell's four names to one consumer; what it prints goes to the consumer by e-mail.
    pub(crate) fn publish(&self, world: &World<'_>, consumer: &Aws) -> Result<Vec<Service>> {
        let target = format!("{}:443", self.instance);
        let names: Vec<String> = NAMES.iter().map(|name| format!("{name}{CELL}")).collect();
        let principal = consumer.principal();
        let mut args = vec!["publish", "--name", "cell", "--target", &target];
        args.extend(names.iter().flat_map(|name| ["--private-dns", name]));
        let address = PUBLIC_ADDRESS.to_string();
        args.extend(["--public-address", &address, "--allow", &principal]);
        let said = world.ask(args)?;
        let lines: Vec<(&str, &str)> = said.out.iter().filter_map(|line| line.split_once(" = ")).collect();
        ensure!(lines.len() == names.len(), "`publish` should name {} services", names.len());
        let services = lines.iter().zip(names).map(|((parameter, name), private_dns)| Service {
            parameter: (*parameter).to_owned(),
            name: (*name).to_owned(),
            private_dns,
        });
        Ok(services.collect())
    }

    /// AWS's own view of what was published: ids and names of the right form, private names proved, one consumer.
    pub(crate) fn check_services(&self, services: &[Service], consumer: &Aws, stranger: &Aws) -> Result<()> {
        let fields = "ServiceConfigurations[].{ServiceName:ServiceName,State:ServiceState,PrivateDnsName:\
                      PrivateDnsName,PrivateDnsState:PrivateDnsNameConfiguration.State,ServiceId:ServiceId}";
        let list =
            self.aws.ask(["ec2", "describe-vpc-endpoint-service-configurations", "--query", fields])?;
        for service in services {
            let found =
                list.as_array().into_iter().flatten().find(|one| one["ServiceName"] == service.name.as_str());
            let found = found.with_context(|| format!("{} is not there", service.name))?;
            ensure!(is_service_name(&service.name), "{} has not the form of AWS's names", service.name);
            ensure!(found["PrivateDnsName"] == service.private_dns.as_str(), "another private name: {found}");
            ensure!(found["PrivateDnsState"] == "verified", "the private name is not verified: {found}");
            ensure!(found["State"] == "Available", "the service is not available: {found}");
        }
        let first = text(&list, "/0/ServiceId")?;
        let permissions = ["ec2", "describe-vpc-endpoint-service-permissions", "--service-id", first];
        let allowed =
            self.aws.ask(permissions.into_iter().chain(["--query", "AllowedPrincipals[].Principal"]))?;
        ensure!(texts(&allowed) == [consumer.principal()], "others than the consumer may connect: {allowed}");
        let one = ["--service-names", &services[0].name];
        let ask = || ["ec2", "describe-vpc-endpoint-services"].into_iter().chain(one);
        let seen = consumer.ask(ask().chain(["--query", "ServiceDetails[].ServiceName"]))?;
        ensure!(texts(&seen) == [services[0].name.as_str()], "the consumer does not see the service");
        stranger.refused("InvalidServiceName", &["does not exist"], ask())
    }
}

/// The services of the two names that the article's template asks for.
pub(crate) fn two(services: &[Service]) -> Vec<Service> {
    let asked = ["cacheservicename", "controlservicename"];
    services.iter().filter(|service| asked.contains(&service.parameter.as_str())).cloned().collect()
}

/// `com.amazonaws.vpce.<region>.vpce-svc-` and 17 hexadecimal digits.
fn is_service_name(name: &str) -> bool {
    name.strip_prefix("com.amazonaws.vpce.ap-northeast-1.vpce-svc-")
        .is_some_and(|id| id.len() == 17 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

/// Enough of a key to recognise it.
pub(crate) fn masked(key: &str) -> String {
    let begin: String = key.chars().take(8).collect();
    format!("{begin}… ({} characters)", key.len())
}

/// The addresses of a list.
pub(crate) fn addresses(list: &Value) -> Result<Vec<std::net::Ipv4Addr>> {
    texts(list)
        .into_iter()
        .map(|text| text.parse().with_context(|| format!("{text} is no address")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown_whole() {
        let key = "eyJhbGciOiJIUzI1NiJ9.eyJ0IjoiZyJ9.c2lnbmF0dXJl";
        assert_eq!(masked(key), "eyJhbGci… (46 characters)");
    }

    #[test]
    fn a_services_name_has_seventeen_digits() {
        assert!(is_service_name("com.amazonaws.vpce.ap-northeast-1.vpce-svc-0123456789abcdef0"));
        assert!(!is_service_name("com.amazonaws.vpce.ap-northeast-1.vpce-svc-01234567"));
    }
}
