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

/// Removes devices of the thread's namespace, and their peers. What is gone already counts as removed.
///
/// A removal waits for every processor to be done with the device; all of them together wait once.
pub(crate) fn delete_devices<'a>(which: impl IntoIterator<Item = &'a Device>) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    let mut pairs = false;
    for device in which {
        if device.kind.as_deref() == Some("veth") {
            pairs |= gone_is_done(netlink.set_group(device.index, DOOMED))?;
            continue;
        }
        match gone_is_done(netlink.delete_device(device.index)) {
            // A tunnel that a kernel module puts into each namespace cannot be removed, and is down.
            Err(_) if !device.up => {}
            other => drop(other?),
        }
    }
    if pairs {
        gone_is_done(netlink.delete_group(DOOMED))?;
    }
    Ok(())
}

/// The group of devices that are about to be removed.
const DOOMED: u32 = 0x6b75_7261;

fn gone_is_done(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => Ok(false),
        Err(error) => Err(error),
    }
}
