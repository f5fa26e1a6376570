//! `AWS::EC2::SubnetRouteTableAssociation`.
//!
//! A subnet has one association, so another table cannot be put beside the first: it replaces it, and the physical
//! id changes with it, as on AWS.

use kura_model::{AssociationId, Change, RouteTableId, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property},
};

pub(super) struct Association;

fn of_subnet(state: &State, subnet: &str) -> Option<(AssociationId, RouteTableId)> {
    state.route_tables.values().find_map(|table| {
        let mut own = table.associations.iter();
        let (id, _) = own.find(|(_, other)| other.as_ref().is_some_and(|other| other.as_str() == subnet))?;
        Some((id.clone(), table.id.clone()))
    })
}

impl Handler for Association {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("RouteTableId", Kind::Text).required(),
                Property::new("SubnetId", Kind::Text).required().create_only(),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Id"]
    }

    fn taggable(&self) -> bool {
        false
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.route_tables.values().any(|table| table.associations.contains_key(id))
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("rtbassoc-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        work.ec2(Change::AssociateRouteTable {
            id: id.into(),
            table: properties.text("RouteTableId").into(),
            subnet: properties.text("SubnetId").into(),
        })
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        let table = new.text("RouteTableId");
        match of_subnet(work.state(), new.text("SubnetId")) {
            Some((stands, own)) if own.as_str() == table => {
                Ok((stands.as_str() != id).then(|| stands.as_str().to_owned()))
            }
            Some((old, _)) => {
                let next = work.draw("rtbassoc-");
                work.ec2(Change::ReplaceRouteTableAssociation {
                    old,
                    new: next.as_str().into(),
                    table: table.into(),
                })?;
                Ok(Some(next))
            }
            None => {
                let next = work.draw("rtbassoc-");
                self.create(work, &next, new)?;
                Ok(Some(next))
            }
        }
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.ec2(Change::DisassociateRouteTable { id: id.into() })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        (self.exists(state, id) && name == "Id").then(|| id.into())
    }
}
