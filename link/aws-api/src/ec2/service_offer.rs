//! Endpoint services, as those see them who may use them.

use kura_model::{EndpointService, State};

use crate::{
    call::Call,
    ec2::service::{verification, write_common, zones},
    listing::Kind,
    refusal::Answer,
    xml::Xml,
};

const KIND: Kind<EndpointService> = Kind {
    parameter: "ServiceName",
    not_found: "InvalidServiceName",
    noun: "Vpc Endpoint Service",
    prefix: "",
    id: |service| &service.name,
    tags: Some(|service| &service.tags),
    filters: &[
        ("owner", |_, service| vec![service.owner.to_string()]),
        ("service-name", |_, service| vec![service.name.clone()]),
        ("service-region", |state, _| vec![state.region.clone()]),
        ("service-type", |_, _| vec!["Interface".into()]),
        ("supported-ip-address-types", |_, _| vec!["ipv4".into()]),
    ],
    page: (5, 1000),
};

pub fn describe(call: &mut Call<'_>) -> Answer {
    let regions = call.params.texts("ServiceRegion");
    let here = regions.is_empty() || regions.contains(&call.state().region);
    let visible =
        call.state().services.values().filter(|service| here && service.is_visible_to(call.account()));
    let page = KIND.page(call, visible)?;
    let state = call.state();
    let mut x = Xml::ec2();
    x.texts("serviceNameSet", page.items.iter().map(|service| &service.name))
        .list("serviceDetailSet", page.items, |x, service| write(x, state, service))
        .maybe("nextToken", page.next);
    Ok(x)
}

fn write(x: &mut Xml, state: &State, service: &EndpointService) {
    write_common(x, state, service, &zones(state, service));
    x.text("serviceRegion", &state.region)
        .text("owner", &service.owner)
        .text("vpcEndpointPolicySupported", false);
    if let Some(name) = &service.private_dns {
        x.text("privateDnsName", &name.name)
            .list("privateDnsNameSet", [&name.name], |x, name| {
                x.text("privateDnsName", name);
            })
            .text("privateDnsNameVerificationState", verification(name.state));
    }
}
