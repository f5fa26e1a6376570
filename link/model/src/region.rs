//! The empty state of a region.

use std::collections::BTreeMap;

use crate::{Error, State, Zone};

impl State {
    /// A region in which nothing exists yet. `ap-northeast-1` has its three zones; any other gets `a`, `b` and `c`.
    ///
    /// # Errors
    /// `InvalidParameterValue` when the text is not formed as AWS forms the name of a region.
    pub fn new(region: &str) -> Result<Self, Error> {
        Ok(Self {
            region: region.to_owned(),
            zones: zones(region)?,
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            gateways: BTreeMap::new(),
            route_tables: BTreeMap::new(),
            groups: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            instances: BTreeMap::new(),
            load_balancers: BTreeMap::new(),
            target_groups: BTreeMap::new(),
            listeners: BTreeMap::new(),
            services: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            stacks: BTreeMap::new(),
            public_records: BTreeMap::new(),
            public_texts: BTreeMap::new(),
            client_tokens: BTreeMap::new(),
            next_number: 1,
            last_public_address: None,
        })
    }
}

fn zones(region: &str) -> Result<Vec<Zone>, Error> {
    let short = short_name(region).ok_or_else(|| {
        Error::new(
            "InvalidParameterValue",
            format!("'{region}' is not formed as the name of a region is; use one such as 'ap-northeast-1'"),
        )
    })?;
    // In ap-northeast-1, zone b takes no new accounts.
    let letters = if region == "ap-northeast-1" {
        [("a", 4), ("c", 1), ("d", 2)]
    } else {
        [("a", 1), ("b", 2), ("c", 3)]
    };
    Ok(letters
        .iter()
        .map(|(letter, number)| Zone { name: format!("{region}{letter}"), id: format!("{short}-az{number}") })
        .collect())
}

/// `apne1` of `ap-northeast-1`: what the identifiers of its zones begin with.
fn short_name(region: &str) -> Option<String> {
    let parts: Vec<&str> = region.split('-').collect();
    let (area, middle, number) = match parts.as_slice() {
        [area, middle @ .., number] if (1..=2).contains(&middle.len()) => (area, middle, number),
        _ => return None,
    };
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
    if area.len() != 2
        || !letters(area)
        || number.len() != 1
        || !number.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let mut short = (*area).to_owned();
    for part in middle {
        short.push_str(match *part {
            "gov" => "g",
            "north" => "n",
            "south" => "s",
            "east" => "e",
            "west" => "w",
            "central" => "c",
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            _ => return None,
        });
    }
    short.push_str(number);
    Some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(region: &str) -> Vec<String> {
        State::new(region)
            .unwrap()
            .zones
            .into_iter()
            .map(|zone| format!("{}={}", zone.name, zone.id))
            .collect()
    }

    #[test]
    fn zones_are_named_as_aws_names_them() {
        assert_eq!(
            ids("ap-northeast-1"),
            ["ap-northeast-1a=apne1-az4", "ap-northeast-1c=apne1-az1", "ap-northeast-1d=apne1-az2"]
        );
        assert_eq!(ids("us-east-1")[2], "us-east-1c=use1-az3");
        assert_eq!(ids("us-gov-west-1")[0], "us-gov-west-1a=usgw1-az1");
    }

    #[test]
    fn what_is_no_region_is_refused() {
        for text in ["", "tokyo", "ap-northeast", "ap-northeast-1a", "ap--1", "ap-north east-1"] {
            assert_eq!(State::new(text).unwrap_err().code, "InvalidParameterValue", "{text}");
        }
    }
}
