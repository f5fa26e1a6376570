//! `AWS::EC2::VPCEndpointServicePermissions`. Its physical id is the service's.

use std::collections::BTreeSet;

use kura_model::{Change, ServiceId, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property},
};

pub(super) struct Permissions;

impl Permissions {
    /// Brings what is allowed from `old` to `new`; principals allowed by others stay.
    fn set(work: &mut Work<'_>, id: &str, old: &[String], new: &[String]) -> Result<(), Failure> {
        let stands = work
            .state()
            .services
            .get(id)
            .map(|service| service.allowed_principals.clone())
            .unwrap_or_default();
        let new: BTreeSet<String> = new.iter().cloned().collect();
        let add: BTreeSet<String> = new.difference(&stands).cloned().collect();
        let remove: BTreeSet<String> = old
            .iter()
            .filter(|principal| !new.contains(*principal) && stands.contains(*principal))
            .cloned()
            .collect();
        if add.is_empty() && remove.is_empty() && work.state().services.contains_key(id) {
            return Ok(());
        }
        work.ec2(Change::ModifyServicePermissions { id: ServiceId::new(id), add, remove })
    }
}

impl Handler for Permissions {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("AllowedPrincipals", Kind::Texts),
                Property::new("ServiceId", Kind::Text).required().create_only(),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &[]
    }

    fn taggable(&self) -> bool {
        false
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.services.contains_key(id)
    }

    fn draw(&self, _: &mut Work<'_>, properties: &Properties) -> Result<String, Failure> {
        Ok(properties.text("ServiceId").to_owned())
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        Self::set(work, id, &[], &properties.texts("AllowedPrincipals"))
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        old: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        Self::set(work, id, &old.texts("AllowedPrincipals"), &new.texts("AllowedPrincipals")).map(|()| None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        Self::set(work, id, &properties.texts("AllowedPrincipals"), &[])
    }

    fn attribute(&self, _: &State, _: &str, _: &str) -> Option<Json> {
        None
    }
}
