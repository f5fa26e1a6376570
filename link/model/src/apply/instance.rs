//! Instances.

use super::{Result, Step, interface::Make, tag};
use crate::{Change, Error, ids::*, state::*};

impl Step<'_> {
    pub(super) fn run_instances(&mut self, change: Change) -> Result {
        let Change::RunInstances {
            reservation,
            instances,
            image,
            instance_type,
            key_name,
            groups,
            user_data,
            public_address,
            tags,
            interface_tags,
        } = change
        else {
            return Ok(());
        };
        tag::check(&tags)?;
        tag::check(&interface_tags)?;
        for (launch_index, new) in (0u32..).zip(instances) {
            let subnet = self.subnet(&new.interface.subnet)?;
            let (vpc, subnet, maps) = (subnet.vpc.clone(), subnet.id.clone(), subnet.map_public_ip_on_launch);
            let wants_public_address = public_address.unwrap_or(maps);
            let groups = self.groups_for(&vpc, groups.clone())?;
            let interface = new.interface.id.clone();
            let make = Make {
                groups: &groups,
                description: String::new(),
                public_address: if wants_public_address {
                    Some(self.take_public_address(None)?)
                } else {
                    None
                },
                holder: Holder::Instance(new.id.clone(), new.attachment),
                tags: interface_tags.clone(),
            };
            self.make_interface(new.interface, make)?;
            let instance = Instance {
                id: new.id.clone(),
                owner: self.account.clone(),
                reservation: reservation.clone(),
                launch_index,
                image: image.clone(),
                instance_type: instance_type.clone(),
                key_name: key_name.clone(),
                vpc,
                subnet,
                interface: Some(interface),
                state: InstanceState::Running,
                user_data: user_data.clone(),
                wants_public_address,
                launched: self.at,
                tags: tags.clone(),
            };
            self.state.instances.insert(new.id, instance);
        }
        Ok(())
    }

    pub(super) fn start_instances(&mut self, ids: &[InstanceId]) -> Result {
        for id in ids {
            let found = self.alive(id, "started")?;
            if found.state == InstanceState::Running {
                continue;
            }
            let interface = found.interface.clone();
            let wants_public_address = found.wants_public_address;
            let at = self.at;
            let public = if wants_public_address { Some(self.take_public_address(None)?) } else { None };
            let instance = self.instance_mut(id)?;
            instance.state = InstanceState::Running;
            instance.launched = at;
            if let Some(interface) = interface {
                self.interface_mut(&interface)?.public_address = public;
            }
        }
        Ok(())
    }

    pub(super) fn stop_instances(&mut self, ids: &[InstanceId]) -> Result {
        for id in ids {
            let interface = self.alive(id, "stopped")?.interface.clone();
            self.instance_mut(id)?.state = InstanceState::Stopped;
            if let Some(interface) = interface {
                self.interface_mut(&interface)?.public_address = None;
            }
        }
        Ok(())
    }

    pub(super) fn terminate_instances(&mut self, ids: &[InstanceId]) -> Result {
        for id in ids {
            let instance = self.instance_mut(id)?;
            instance.state = InstanceState::Terminated;
            if let Some(interface) = instance.interface.take() {
                self.state.interfaces.remove(&interface);
            }
            for group in self.state.target_groups.values_mut() {
                group.targets.retain(|target| group.kind != TargetKind::Instance || target.id != id.as_str());
            }
        }
        Ok(())
    }

    pub(super) fn forget_instances(&mut self, ids: &[InstanceId]) -> Result {
        for id in ids {
            if self.instance(id)?.state != InstanceState::Terminated {
                return Err(Error::new(
                    "IncorrectInstanceState",
                    format!("The instance '{id}' is not terminated; terminate it first."),
                ));
            }
            self.state.instances.remove(id);
        }
        Ok(())
    }

    fn alive(&self, id: &InstanceId, verb: &str) -> Result<&Instance> {
        let instance = self.instance(id)?;
        if instance.state == InstanceState::Terminated {
            return Err(Error::new(
                "IncorrectInstanceState",
                format!("The instance '{id}' is not in a state from which it can be {verb}."),
            ));
        }
        Ok(instance)
    }
}
