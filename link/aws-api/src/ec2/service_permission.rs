//! Who may connect to an endpoint service.

use std::collections::BTreeSet;

use kura_model::{Change, ServiceId};

use crate::{
    call::Call,
    ec2::{done, service},
    listing::Kind,
    refusal::Answer,
    xml::Xml,
};

const KIND: Kind<String> = Kind {
    parameter: "",
    not_found: "",
    noun: "",
    prefix: "",
    id: |principal| principal,
    tags: None,
    filters: &[
        ("principal", |_, principal| vec![principal.clone()]),
        ("principal-type", |_, principal| vec![kind_of(principal).to_owned()]),
    ],
    page: (5, 1000),
};

/// What an ARN names; `*` is everybody.
fn kind_of(principal: &str) -> &'static str {
    let resource = principal.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split('/').next() {
        _ if principal == "*" => "All",
        Some("user") => "User",
        Some("role") => "Role",
        _ => "Account",
    }
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let id = call.params.need("ServiceId")?;
    let principals = service::find(call, &id)?.allowed_principals.clone();
    let page = KIND.page(call, principals)?;
    let mut x = Xml::ec2();
    x.list("allowedPrincipals", page.items, |x, principal| write(x, &principal, &id))
        .maybe("nextToken", page.next);
    Ok(x)
}

pub fn modify(call: &mut Call<'_>) -> Answer {
    let id = call.params.need("ServiceId")?;
    let add: BTreeSet<String> = call.params.texts("AddAllowedPrincipals").into_iter().collect();
    let remove = call.params.texts("RemoveAllowedPrincipals").into_iter().collect();
    let change =
        Change::ModifyServicePermissions { id: ServiceId::new(id.clone()), add: add.clone(), remove };
    call.change(change)?;
    let mut x = done();
    x.list("addedPrincipalSet", add, |x, principal| write(x, &principal, &id));
    Ok(x)
}

fn write(x: &mut Xml, principal: &str, service: &str) {
    x.text("principalType", kind_of(principal)).text("principal", principal).text("serviceId", service);
}
