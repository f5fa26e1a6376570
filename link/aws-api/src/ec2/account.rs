//! The region, its zones, the account.

use kura_model::Zone;

use crate::{
    call::Call,
    listing::Kind,
    refusal::{Answer, Refusal},
    xml::Xml,
};

const ZONES: Kind<Zone> = Kind {
    parameter: "ZoneName",
    not_found: "InvalidParameterValue",
    noun: "availability zone",
    prefix: "",
    id: |zone| &zone.name,
    tags: None,
    filters: &[
        ("group-name", |state, _| vec![state.region.clone()]),
        ("opt-in-status", |_, _| vec!["opt-in-not-required".into()]),
        ("region-name", |state, _| vec![state.region.clone()]),
        ("state", |_, _| vec!["available".into()]),
        ("zone-id", |_, zone| vec![zone.id.clone()]),
        ("zone-name", |_, zone| vec![zone.name.clone()]),
        ("zone-type", |_, _| vec!["availability-zone".into()]),
    ],
    page: (1, 1000),
};

const REGIONS: Kind<String> = Kind {
    parameter: "RegionName",
    not_found: "InvalidParameterValue",
    noun: "region",
    prefix: "",
    id: |region| region,
    tags: None,
    filters: &[
        ("endpoint", |_, region| vec![endpoint(region)]),
        ("opt-in-status", |_, _| vec!["opt-in-not-required".into()]),
        ("region-name", |_, region| vec![region.clone()]),
    ],
    page: (1, 1000),
};

fn endpoint(region: &str) -> String {
    format!("ec2.{region}.amazonaws.com")
}

pub fn describe_zones(call: &mut Call<'_>) -> Answer {
    // All zones are always shown.
    call.params.without_effect(&["AllAvailabilityZones"]);
    let ids = call.params.texts("ZoneId");
    if let Some(id) = ids.iter().find(|id| !call.state().zones.iter().any(|zone| zone.id == **id)) {
        return Err(Refusal::invalid(format!("Invalid availability zone-id: [{id}]")));
    }
    let zones = call.state().zones.iter().filter(|zone| ids.is_empty() || ids.contains(&zone.id));
    let page = ZONES.page(call, zones)?;
    let region = &call.state().region;
    let mut x = Xml::ec2();
    x.list("availabilityZoneInfo", page.items, |x, zone| {
        x.text("zoneState", "available")
            .text("optInStatus", "opt-in-not-required")
            .texts("messageSet", [] as [&str; 0])
            .text("regionName", region)
            .text("zoneName", &zone.name)
            .text("zoneId", &zone.id)
            .text("groupName", format!("{region}-zg-1"))
            .text("networkBorderGroup", region)
            .text("zoneType", "availability-zone");
    });
    Ok(x)
}

/// The one region this link is.
pub fn describe_regions(call: &mut Call<'_>) -> Answer {
    call.params.without_effect(&["AllRegions"]);
    let page = REGIONS.page(call, [call.state().region.clone()])?;
    let mut x = Xml::ec2();
    x.list("regionInfo", page.items, |x, region| {
        x.text("regionName", &region)
            .text("regionEndpoint", endpoint(&region))
            .text("optInStatus", "opt-in-not-required");
    });
    Ok(x)
}

pub fn describe_attributes(call: &mut Call<'_>) -> Answer {
    let default =
        call.state().default_vpc(call.account()).map_or("none".to_owned(), |vpc| vpc.id.to_string());
    let all = [
        ("supported-platforms", "VPC".to_owned()),
        ("default-vpc", default),
        ("max-instances", "20".to_owned()),
        ("vpc-max-security-groups-per-interface", "5".to_owned()),
        ("max-elastic-ips", "0".to_owned()),
        ("vpc-max-elastic-ips", "0".to_owned()),
    ];
    let wanted = call.params.texts("AttributeName");
    if let Some(name) = wanted.iter().find(|name| !all.iter().any(|(known, _)| known == name)) {
        return Err(Refusal::invalid(format!("Value ({name}) for parameter attributeName is invalid.")));
    }
    let shown = all.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name));
    let mut x = Xml::ec2();
    x.list("accountAttributeSet", shown, |x, (name, value)| {
        x.text("attributeName", name).list("attributeValueSet", [value], |x, value| {
            x.text("attributeValue", value);
        });
    });
    Ok(x)
}
