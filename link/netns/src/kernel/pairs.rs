//! Pairs of devices, and what else calls itself a device.

use std::{io, os::fd::BorrowedFd};

use super::{
    netlink::Netlink,
    observed::{Device, Devices},
};

/// The devices of the thread's namespace.
pub(crate) fn devices() -> io::Result<Devices> {
    Netlink::open()?.devices()
}

/// Makes a pair of devices, `name` in the thread's namespace and `peer` in another.
pub(crate) fn add_pair(name: &str, peer: &str, peer_namespace: BorrowedFd<'_>) -> io::Result<()> {
    Netlink::open()?.add_pair(name, peer, peer_namespace)
}

/// Removes devices of the thread's namespace. What is gone already counts as removed.
pub(crate) fn delete_devices<'a>(which: impl IntoIterator<Item = &'a Device>) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    for device in which {
        match netlink.delete_device(device.index) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => {}
            // A tunnel that a kernel module puts into each namespace cannot be removed, and is down.
            Err(_) if device.kind.as_deref() != Some("veth") && !device.up => {}
            other => other?,
        }
    }
    Ok(())
}
