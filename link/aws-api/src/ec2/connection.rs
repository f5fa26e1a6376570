//! Endpoints that connect to the account's services.

use kura_model::{Change, Endpoint, EndpointId, ServiceId};

use crate::{
    call::Call,
    clock::iso,
    ec2::{endpoint, one_by_one, service},
    listing::Kind,
    refusal::Answer,
    xml::Xml,
};

const KIND: Kind<Endpoint> = Kind {
    parameter: "",
    not_found: "",
    noun: "",
    prefix: EndpointId::PREFIX,
    id: |endpoint| endpoint.id.as_str(),
    tags: None,
    filters: &[
        ("ip-address-type", |_, _| vec!["ipv4".into()]),
        ("service-id", |_, endpoint| vec![endpoint.service.to_string()]),
        ("vpc-endpoint-id", |_, endpoint| vec![endpoint.id.to_string()]),
        ("vpc-endpoint-owner", |_, endpoint| vec![endpoint.owner.to_string()]),
        ("vpc-endpoint-region", |state, _| vec![state.region.clone()]),
        ("vpc-endpoint-state", |_, endpoint| vec![endpoint::word(endpoint.state).to_owned()]),
    ],
    page: (5, 1000),
};

pub fn describe(call: &mut Call<'_>) -> Answer {
    let state = call.state();
    let mine = |endpoint: &&Endpoint| {
        state.services.get(&endpoint.service).is_some_and(|service| service.owner == *call.account())
    };
    let page = KIND.page(call, state.endpoints.values().filter(mine))?;
    let mut x = Xml::ec2();
    x.list("vpcEndpointConnectionSet", page.items, |x, endpoint| {
        let service = state.services.get(&endpoint.service);
        x.text("serviceId", &endpoint.service)
            .text("vpcEndpointId", &endpoint.id)
            .text("vpcEndpointOwner", &endpoint.owner)
            .text("vpcEndpointState", endpoint::word(endpoint.state))
            .text("creationTimestamp", iso(endpoint.created));
        endpoint::write_dns(x, state, endpoint);
        x.texts("networkLoadBalancerArnSet", service.into_iter().flat_map(|service| &service.load_balancers))
            .text("ipAddressType", "ipv4")
            .text("vpcEndpointRegion", &state.region);
    })
    .maybe("nextToken", page.next);
    Ok(x)
}

pub fn accept(call: &mut Call<'_>) -> Answer {
    decide(call, |service, endpoints| Change::AcceptConnections { service, endpoints })
}

pub fn reject(call: &mut Call<'_>) -> Answer {
    decide(call, |service, endpoints| Change::RejectConnections { service, endpoints })
}

fn decide(call: &mut Call<'_>, change: fn(ServiceId, Vec<EndpointId>) -> Change) -> Answer {
    let service = service::find(call, &call.params.need("ServiceId")?)?.id.clone();
    let endpoints = call.params.need_texts("VpcEndpointId")?;
    one_by_one(call, endpoints, |call, id| call.change(change(service.clone(), vec![EndpointId::from(id)])))
}
