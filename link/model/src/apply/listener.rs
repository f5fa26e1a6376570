//! Listeners.

use super::{Result, Step, find, quota, tag, target_group};
use crate::{Error, ids::*, network::IDLE_TIMEOUT, state::*};

impl Step<'_> {
    pub(super) fn create_listener(
        &mut self,
        arn: ListenerArn,
        load_balancer: LoadBalancerArn,
        port: u16,
        target_group: TargetGroupArn,
        tags: Tags,
    ) -> Result {
        tag::check(&tags)?;
        target_group::check_port(port)?;
        self.balancer(&load_balancer)?;
        self.check_port_free(&load_balancer, port, None)?;
        self.check_target_group(&load_balancer, &target_group)?;
        let count =
            self.state.listeners.values().filter(|other| other.load_balancer == load_balancer).count();
        if count >= quota::LISTENERS {
            return Err(find::over_quota(
                "TooManyListeners",
                "listeners per load balancer",
                quota::LISTENERS,
            ));
        }
        let listener = Listener {
            arn: arn.clone(),
            load_balancer,
            port,
            target_group,
            idle_timeout: IDLE_TIMEOUT,
            tags,
        };
        self.state.listeners.insert(arn, listener);
        Ok(())
    }

    pub(super) fn modify_listener(
        &mut self,
        arn: &ListenerArn,
        port: Option<u16>,
        target_group: Option<TargetGroupArn>,
        idle_timeout: Option<u32>,
    ) -> Result {
        let balancer = self.listener_mut(arn)?.load_balancer.clone();
        if let Some(port) = port {
            target_group::check_port(port)?;
            self.check_port_free(&balancer, port, Some(arn))?;
            self.listener_mut(arn)?.port = port;
        }
        if let Some(group) = target_group {
            self.check_target_group(&balancer, &group)?;
            self.listener_mut(arn)?.target_group = group;
        }
        if let Some(seconds) = idle_timeout {
            if !(60..=6000).contains(&seconds) {
                return Err(Error::new(
                    "ValidationError",
                    format!("tcp.idle_timeout.seconds '{seconds}' must be from 60 to 6000"),
                ));
            }
            self.listener_mut(arn)?.idle_timeout = seconds;
        }
        Ok(())
    }

    pub(super) fn delete_listener(&mut self, arn: &ListenerArn) -> Result {
        self.listener_mut(arn)?;
        self.state.listeners.remove(arn);
        Ok(())
    }

    fn check_port_free(&self, balancer: &LoadBalancerArn, port: u16, but: Option<&ListenerArn>) -> Result {
        let mut others = self.state.listeners.values().filter(|other| Some(&other.arn) != but);
        if others.any(|other| other.load_balancer == *balancer && other.port == port) {
            return Err(Error::new(
                "DuplicateListener",
                format!("A listener already exists on this port for this load balancer '{balancer}': {port}"),
            ));
        }
        Ok(())
    }

    fn check_target_group(&self, balancer: &LoadBalancerArn, group: &TargetGroupArn) -> Result {
        let (target_vpc, vpc) = (&self.target_group(group)?.vpc, &self.balancer(balancer)?.vpc);
        if target_vpc != vpc {
            return Err(Error::new(
                "InvalidConfigurationRequest",
                format!(
                    "The target group '{group}' is in {target_vpc}, the load balancer '{balancer}' in {vpc}"
                ),
            ));
        }
        let mut listeners = self.state.listeners.values();
        if listeners.any(|other| other.target_group == *group && other.load_balancer != *balancer) {
            return Err(Error::new(
                "TargetGroupAssociationLimit",
                format!(
                    "The following target groups cannot be associated with more than one load balancer: {group}"
                ),
            ));
        }
        Ok(())
    }
}
