//! Tags.

use std::collections::BTreeMap;

use super::{Result, Step, quota};
use crate::{Error, State, Tags};

/// At most 50, keys of 1 to 128 characters, values of at most 256 (AWS's tag restrictions).
///
/// Keys that begin with `aws:` are for services to set, such as CloudFormation: requests of users are checked for
/// them before they become changes.
pub(super) fn check(tags: &Tags) -> Result {
    if tags.len() > quota::TAGS {
        return Err(Error::new(
            "TagLimitExceeded",
            format!("{} tags are too many: a resource has at most {}.", tags.len(), quota::TAGS),
        ));
    }
    for (key, value) in tags {
        if !(1..=128).contains(&key.chars().count()) {
            return Err(Error::new(
                "InvalidParameterValue",
                format!("Tag key '{key}' must have 1 to 128 characters."),
            ));
        }
        if value.chars().count() > 256 {
            return Err(Error::new(
                "InvalidParameterValue",
                format!("The value of tag '{key}' exceeds the maximum of 256 characters."),
            ));
        }
    }
    Ok(())
}

impl Step<'_> {
    pub(super) fn set_tags(&mut self, resources: &[String], tags: &Tags) -> Result {
        for id in resources {
            let found = self.tags_of(id)?;
            found.extend(tags.clone());
            check(found)?;
        }
        Ok(())
    }

    pub(super) fn remove_tags(
        &mut self,
        resources: &[String],
        tags: &BTreeMap<String, Option<String>>,
    ) -> Result {
        for id in resources {
            let found = self.tags_of(id)?;
            for (key, value) in tags {
                if value.is_none() || found.get(key) == value.as_ref() {
                    found.remove(key);
                }
            }
        }
        Ok(())
    }

    fn tags_of(&mut self, id: &str) -> Result<&mut Tags> {
        let is_own = self.state.owner(id) == Some(self.account);
        let found = if is_own { tags_mut(&mut self.state, id) } else { None };
        found.ok_or_else(|| Error::new("InvalidID", format!("The ID '{id}' is not valid")))
    }
}

fn tags_mut<'a>(state: &'a mut State, id: &str) -> Option<&'a mut Tags> {
    macro_rules! look {
        ($($map:ident),*) => {$(
            if state.$map.contains_key(id) {
                return state.$map.get_mut(id).map(|found| &mut found.tags);
            }
        )*};
    }
    look!(vpcs, subnets, gateways, route_tables, groups, interfaces, instances);
    look!(load_balancers, target_groups, listeners, services, endpoints, stacks);
    state.groups.values_mut().find_map(|group| group.rules.get_mut(id)).map(|rule| &mut rule.tags)
}
