//! Route tables, routes and associations.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::{Result, Step, find, quota, tag};
use crate::{Error, ids::*, state::*};

impl Step<'_> {
    pub(super) fn create_route_table(&mut self, id: RouteTableId, vpc: VpcId, tags: Tags) -> Result {
        tag::check(&tags)?;
        self.vpc(&vpc)?;
        if self.state.route_tables.values().filter(|table| table.vpc == vpc).count() >= quota::PER_VPC {
            return Err(find::over_quota("RouteTableLimitExceeded", "route tables in a VPC", quota::PER_VPC));
        }
        let table = RouteTable {
            id: id.clone(),
            owner: self.account.clone(),
            vpc,
            routes: BTreeMap::new(),
            associations: BTreeMap::new(),
            number: self.take_table()?,
            tags,
        };
        self.state.route_tables.insert(id, table);
        Ok(())
    }

    pub(super) fn delete_route_table(&mut self, id: &RouteTableId) -> Result {
        if !self.route_table(id)?.associations.is_empty() {
            return Err(find::in_use("routeTable", id.as_str()));
        }
        self.state.route_tables.remove(id);
        Ok(())
    }

    pub(super) fn create_route(
        &mut self,
        id: &RouteTableId,
        destination: Ipv4Net,
        target: RouteTarget,
    ) -> Result {
        let destination = destination.trunc();
        self.check_route(id, destination, &target)?;
        let table = self.route_table_mut(id)?;
        if table.routes.contains_key(&destination) {
            return Err(Error::new(
                "RouteAlreadyExists",
                format!("The route identified by {destination} already exists."),
            ));
        }
        if table.routes.len() >= quota::ROUTES {
            return Err(find::over_quota("RouteLimitExceeded", "routes in a route table", quota::ROUTES));
        }
        table.routes.insert(destination, target);
        Ok(())
    }

    pub(super) fn replace_route(
        &mut self,
        id: &RouteTableId,
        destination: Ipv4Net,
        target: RouteTarget,
    ) -> Result {
        let destination = destination.trunc();
        self.check_route(id, destination, &target)?;
        let Some(route) = self.route_table_mut(id)?.routes.get_mut(&destination) else {
            return Err(Error::new(
                "InvalidParameterValue",
                format!(
                    "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
                ),
            ));
        };
        *route = target;
        Ok(())
    }

    pub(super) fn delete_route(&mut self, id: &RouteTableId, destination: Ipv4Net) -> Result {
        let destination = destination.trunc();
        let local = self.vpc(&self.route_table(id)?.vpc.clone())?.cidr;
        if destination == local {
            return Err(Error::new(
                "InvalidParameterValue",
                format!("cannot remove local route {destination} in route table {id}"),
            ));
        }
        match self.route_table_mut(id)?.routes.remove(&destination) {
            Some(_) => Ok(()),
            None => Err(Error::new(
                "InvalidRoute.NotFound",
                format!("no route with destination-cidr-block {destination} in route table {id}"),
            )),
        }
    }

    pub(super) fn associate(&mut self, id: AssociationId, table: &RouteTableId, subnet: SubnetId) -> Result {
        let vpc = self.subnet(&subnet)?.vpc.clone();
        if self.route_table(table)?.vpc != vpc {
            return Err(Error::new(
                "InvalidParameterValue",
                format!("Route table {table} and subnet {subnet} belong to different networks"),
            ));
        }
        let mut associations = self.state.route_tables.values().flat_map(|table| table.associations.values());
        if associations.any(|associated| associated.as_ref() == Some(&subnet)) {
            return Err(Error::new(
                "Resource.AlreadyAssociated",
                format!(
                    "the specified association for route table {table} conflicts with an existing association"
                ),
            ));
        }
        self.route_table_mut(table)?.associations.insert(id, Some(subnet));
        Ok(())
    }

    pub(super) fn replace_association(
        &mut self,
        old: &AssociationId,
        new: AssociationId,
        table: &RouteTableId,
    ) -> Result {
        let (from, subnet) = self.association(old)?;
        let vpc = self.route_table(&from)?.vpc.clone();
        if self.route_table(table)?.vpc != vpc {
            return Err(Error::new(
                "InvalidParameterValue",
                format!("route table {from} and route table {table} belong to different networks"),
            ));
        }
        if subnet.is_none() {
            self.vpc_mut(&vpc)?.main_route_table = table.clone();
        }
        self.route_table_mut(&from)?.associations.remove(old);
        self.route_table_mut(table)?.associations.insert(new, subnet);
        Ok(())
    }

    pub(super) fn disassociate(&mut self, id: &AssociationId) -> Result {
        let (table, subnet) = self.association(id)?;
        if subnet.is_none() {
            return Err(Error::new(
                "InvalidParameterValue",
                format!("cannot disassociate the main route table association {id}"),
            ));
        }
        self.route_table_mut(&table)?.associations.remove(id);
        Ok(())
    }

    /// The table an association is of, and its subnet: `None` for the main one.
    fn association(&self, id: &AssociationId) -> Result<(RouteTableId, Option<SubnetId>)> {
        let own = self.state.route_tables.values().filter(|table| table.owner == *self.account);
        own.filter_map(|table| Some((table.id.clone(), table.associations.get(id)?.clone())))
            .next()
            .ok_or_else(|| {
                Error::new(
                    "InvalidAssociationID.NotFound",
                    format!("The association ID '{id}' does not exist"),
                )
            })
    }

    fn check_route(&self, id: &RouteTableId, destination: Ipv4Net, target: &RouteTarget) -> Result {
        let vpc = self.route_table(id)?.vpc.clone();
        let local = self.vpc(&vpc)?.cidr;
        if destination == local {
            return Err(Error::new(
                "RouteAlreadyExists",
                format!("The route identified by {destination} already exists."),
            ));
        }
        if local.contains(&destination) {
            return Err(Error::new(
                "InvalidParameterValue",
                format!(
                    "The destination CIDR block {destination} is equal to or more specific than one of this VPC's \
                     CIDR blocks ({local}), which an internet gateway cannot be the target of."
                ),
            ));
        }
        let RouteTarget::Gateway(gateway) = target;
        if self.gateway(gateway)?.vpc.as_ref() != Some(&vpc) {
            return Err(Error::new(
                "InvalidParameterValue",
                format!("route table {id} and network gateway {gateway} belong to different networks"),
            ));
        }
        Ok(())
    }
}
