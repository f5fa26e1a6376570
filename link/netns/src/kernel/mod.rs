//! Devices, addresses, routes and settings of one namespace. Everything here runs on a thread inside of it.

mod change;
mod generation;
mod netlink;
mod observed;
mod pairs;
mod settings;
mod settle;

pub(crate) use generation::filter_generation;
#[cfg(test)]
pub(crate) use observed::Device;
pub(crate) use observed::Devices;
pub(crate) use pairs::{add_pair, delete_devices, devices};
pub(crate) use settings::{conntrack_settings, settings};
pub(crate) use settle::settle;
