//! `IpPermissions`: what rules allow, as EC2 has it in requests and answers.

use std::collections::BTreeMap;

use kura_model::{AccountId, Direction, GroupId, Peer, Permission, Rule, SecurityGroup, State, Traffic};

use crate::{
    call::Call,
    ec2::{cidr, group},
    query::Params,
    refusal::{Answer, Refusal},
    xml::Xml,
};

/// What a request lists: permissions, each with its description.
pub fn read(call: &Call<'_>) -> Answer<Vec<(Permission, Option<String>)>> {
    let mut all = Vec::new();
    for entry in call.params.list("IpPermissions") {
        let before = all.len();
        let traffic = traffic(&entry)?;
        for range in entry.list("IpRanges") {
            let peer = Peer::Cidr(cidr(&range.need("CidrIp")?, "cidrIp")?);
            all.push((Permission { traffic, peer }, range.text("Description")));
        }
        for pair in entry.list("Groups") {
            let peer = Peer::Group(of_pair(call, &pair)?);
            all.push((Permission { traffic, peer }, pair.text("Description")));
        }
        if !entry.list("Ipv6Ranges").is_empty() {
            return Err(Refusal::unsupported("Ipv6Ranges: there is no IPv6 on this link; use IpRanges"));
        }
        if !entry.list("PrefixListIds").is_empty() {
            return Err(Refusal::unsupported("PrefixListIds: there are no prefix lists here; use IpRanges"));
        }
        if all.len() == before {
            let name = entry.full_name("IpRanges");
            return Err(Refusal::new("MissingParameter", format!("{name} or Groups must name another side")));
        }
    }
    if let Some(one) = short_form(call)? {
        if !all.is_empty() {
            return Err(Refusal::combination(
                "Give IpPermissions or IpProtocol and its companions, not both",
            ));
        }
        all.push((one, None));
    }
    Ok(all)
}

/// One permission written without a list.
fn short_form(call: &Call<'_>) -> Answer<Option<Permission>> {
    if call.params.text("IpProtocol").is_none() {
        return Ok(None);
    }
    let traffic = traffic(call.params)?;
    let peer = match (call.params.text("CidrIp"), call.params.text("SourceSecurityGroupName")) {
        (Some(range), None) => Peer::Cidr(cidr(&range, "cidrIp")?),
        (None, Some(name)) => {
            own_account(call, call.params.text("SourceSecurityGroupOwnerId"))?;
            Peer::Group(group::by_name(call, &name)?)
        }
        _ => return Err(Refusal::combination("Give one of CidrIp and SourceSecurityGroupName")),
    };
    Ok(Some(Permission { traffic, peer }))
}

fn of_pair(call: &Call<'_>, pair: &Params) -> Answer<GroupId> {
    own_account(call, pair.text("UserId"))?;
    // The group says its VPC itself.
    pair.without_effect(&["VpcId"]);
    match (pair.text("GroupId"), pair.text("GroupName")) {
        (Some(id), _) => Ok(GroupId::new(id)),
        (None, Some(name)) => group::by_name(call, &name),
        (None, None) => Err(Refusal::missing(&pair.full_name("GroupId"))),
    }
}

fn own_account(call: &Call<'_>, account: Option<String>) -> Answer<()> {
    match account {
        Some(account) if account != call.account().as_str() => Err(Refusal::unsupported(format!(
            "A group of another account ({account}) would need VPC peering, which is not here"
        ))),
        _ => Ok(()),
    }
}

/// Protocol and ports, of a permission or of one rule.
pub fn traffic(params: &Params) -> Answer<Traffic> {
    let protocol = params.need("IpProtocol")?.to_ascii_lowercase();
    let from = params.number("FromPort", -1, 65_535)?;
    let to = params.number("ToPort", -1, 65_535)?;
    let ports = || {
        let port = |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok());
        port(from).zip(port(to)).ok_or_else(|| {
            Refusal::invalid(format!(
                "Invalid value '{}' for portRange. Must specify both from and to ports with TCP/UDP.",
                from.or(to).map_or("Must specify".to_owned(), |port| port.to_string())
            ))
        })
    };
    let icmp = |number: Option<i64>, name: &str| match number.unwrap_or(-1) {
        -1 => Ok(None),
        number => u8::try_from(number).map(Some).map_err(|_| {
            Refusal::invalid(format!("Value ({number}) for {name} is invalid for ICMP, at most 255"))
        }),
    };
    Ok(match protocol.as_str() {
        "-1" | "all" => Traffic::All,
        "tcp" | "6" => ports().map(|(from, to)| Traffic::Tcp(from, to))?,
        "udp" | "17" => ports().map(|(from, to)| Traffic::Udp(from, to))?,
        "icmp" | "1" => Traffic::Icmp(icmp(from, "fromPort")?, icmp(to, "toPort")?),
        "icmpv6" | "58" => return Err(Refusal::unsupported("icmpv6: there is no IPv6 on this link")),
        other => Traffic::Protocol(other.parse().map_err(|_| {
            Refusal::invalid(format!("Invalid value '{other}' for IP protocol. Unknown protocol."))
        })?),
    })
}

/// `tcp`, `-1`, `50`.
pub fn protocol(traffic: Traffic) -> String {
    match traffic {
        Traffic::All => "-1".into(),
        Traffic::Tcp(..) => "tcp".into(),
        Traffic::Udp(..) => "udp".into(),
        Traffic::Icmp(..) => "icmp".into(),
        Traffic::Protocol(number) => number.to_string(),
    }
}

/// First and last port, or type and code.
pub fn ports(traffic: Traffic) -> Option<(i32, i32)> {
    let number = |value: Option<u8>| value.map_or(-1, i32::from);
    match traffic {
        Traffic::Tcp(from, to) | Traffic::Udp(from, to) => Some((from.into(), to.into())),
        Traffic::Icmp(kind, code) => Some((number(kind), number(code))),
        Traffic::All | Traffic::Protocol(_) => None,
    }
}

/// The rules of a direction as EC2 groups them: by what traffic they are about.
pub fn write(x: &mut Xml, name: &str, state: &State, group: &SecurityGroup, direction: Direction) {
    let mut by_traffic: BTreeMap<Traffic, Vec<&Rule>> = BTreeMap::new();
    for rule in group.rules.values().filter(|rule| rule.direction == direction) {
        by_traffic.entry(rule.allows.traffic).or_default().push(rule);
    }
    x.list(name, by_traffic, |x, (traffic, rules)| {
        x.text("ipProtocol", protocol(traffic));
        if let Some((from, to)) = ports(traffic) {
            x.text("fromPort", from).text("toPort", to);
        }
        let groups = rules.iter().filter_map(|rule| match &rule.allows.peer {
            Peer::Group(id) => Some((id, &rule.description)),
            Peer::Cidr(_) => None,
        });
        x.list("groups", groups, |x, (id, description)| {
            x.text("userId", owner_of(state, &group.owner, id))
                .text("groupId", id)
                .maybe("description", description.as_ref());
        });
        let ranges = rules.iter().filter_map(|rule| match &rule.allows.peer {
            Peer::Cidr(range) => Some((range, &rule.description)),
            Peer::Group(_) => None,
        });
        x.list("ipRanges", ranges, |x, (range, description)| {
            x.text("cidrIp", range).maybe("description", description.as_ref());
        });
        x.texts("ipv6Ranges", [] as [&str; 0]).texts("prefixListIds", [] as [&str; 0]);
    });
}

/// Whose a referenced group is: as the group's own if it is gone.
pub fn owner_of<'a>(state: &'a State, own: &'a AccountId, id: &GroupId) -> &'a AccountId {
    state.groups.get(id).map_or(own, |found| &found.owner)
}
