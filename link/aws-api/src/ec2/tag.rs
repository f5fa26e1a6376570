//! Tags of anything.

use std::collections::BTreeMap;

use kura_model::{Change, State};

use crate::{
    call::Call,
    ec2::done,
    listing::Kind,
    refusal::{Answer, Refusal},
    xml::Xml,
};

/// One tag of one resource.
struct Row {
    /// Orders the rows: a resource's tags stand together.
    id: String,
    resource: String,
    kind: &'static str,
    key: String,
    value: String,
}

const KIND: Kind<Row> = Kind {
    parameter: "",
    not_found: "",
    noun: "",
    prefix: "",
    id: |row| &row.id,
    tags: None,
    filters: &[
        ("key", |_, row| vec![row.key.clone()]),
        ("resource-id", |_, row| vec![row.resource.clone()]),
        ("resource-type", |_, row| vec![row.kind.to_owned()]),
        ("value", |_, row| vec![row.value.clone()]),
    ],
    page: (5, 1000),
};

pub fn create(call: &mut Call<'_>) -> Answer {
    let resources = call.params.need_texts("ResourceId")?;
    let tags = call.params.tags("Tag")?;
    if tags.is_empty() {
        return Err(Refusal::missing("Tag"));
    }
    call.change(Change::SetTags { resources, tags })?;
    Ok(done())
}

/// Without tags, all go.
pub fn delete(call: &mut Call<'_>) -> Answer {
    let resources = call.params.need_texts("ResourceId")?;
    let mut tags: BTreeMap<String, Option<String>> = BTreeMap::new();
    for tag in call.params.list("Tag") {
        tags.insert(tag.need("Key")?, tag.text("Value"));
    }
    if tags.is_empty() {
        for id in &resources {
            let own = call.state().exists(call.account(), id);
            let found = call.state().tags(id).filter(|_| own).into_iter().flat_map(|tags| tags.keys());
            // What a service put there stays.
            tags.extend(found.filter(|key| !key.starts_with("aws:")).map(|key| (key.clone(), None)));
        }
    }
    if let Some(key) = tags.keys().find(|key| key.starts_with("aws:")) {
        return Err(Refusal::invalid(format!("Tag keys starting with 'aws:' are reserved, '{key}' is one")));
    }
    call.change(Change::RemoveTags { resources, tags })?;
    Ok(done())
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let page = KIND.page(call, rows(call))?;
    let mut x = Xml::ec2();
    x.list("tagSet", page.items, |x, row| {
        x.text("resourceId", &row.resource)
            .text("resourceType", row.kind)
            .text("key", &row.key)
            .text("value", &row.value);
    })
    .maybe("nextToken", page.next);
    Ok(x)
}

fn rows(call: &Call<'_>) -> Vec<Row> {
    let state: &State = call.state();
    let mut rows = Vec::new();
    macro_rules! of {
        ($($map:ident: $kind:literal),* $(,)?) => {$(
            for (id, one) in &state.$map {
                if one.owner == *call.account() {
                    add(&mut rows, id.as_str(), $kind, &one.tags);
                }
            }
        )*};
    }
    of!(
        vpcs: "vpc",
        subnets: "subnet",
        gateways: "internet-gateway",
        route_tables: "route-table",
        groups: "security-group",
        interfaces: "network-interface",
        instances: "instance",
        services: "vpc-endpoint-service",
        endpoints: "vpc-endpoint",
    );
    for group in state.groups.values().filter(|group| group.owner == *call.account()) {
        for rule in group.rules.values() {
            add(&mut rows, rule.id.as_str(), "security-group-rule", &rule.tags);
        }
    }
    rows
}

fn add(rows: &mut Vec<Row>, resource: &str, kind: &'static str, tags: &kura_model::Tags) {
    rows.extend(tags.iter().map(|(key, value)| Row {
        id: format!("{resource} {key}"),
        resource: resource.to_owned(),
        kind,
        key: key.clone(),
        value: value.clone(),
    }));
}
