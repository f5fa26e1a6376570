//! The right to make namespaces: root's, or that of a user namespace of one's own.

use std::{fs, io, path::Path};

use nix::sched::{CloneFlags, setns, unshare};
use rustix::{
    process::{getegid, geteuid},
    thread::{CapabilitySet, capabilities},
};

use crate::{
    anchor::Anchor,
    error::{During as _, Error},
};

/// By what right this process makes namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privileges {
    /// It had the capabilities.
    Root,
    /// It entered a user namespace of its own, in which its user is 0.
    OwnUserNamespace,
    /// It joined the user namespace in which an anchor of this state directory lives.
    AnchorsUserNamespace,
}

/// Gets the process the right to make and enter namespaces. Must be called while it has one thread.
///
/// Root with `CAP_SYS_ADMIN` and `CAP_NET_ADMIN` stays what it is. Anyone else enters a user namespace and a mount
/// namespace: that of the state directory's anchor if one lives, a new one otherwise.
///
/// # Errors
/// When the kernel forbids it; the text names the setting that does.
pub fn enter_privileges(state_dir: &Path) -> Result<Privileges, Error> {
    if is_privileged()? {
        return Ok(Privileges::Root);
    }
    if let Some(anchor) = Anchor::connect(state_dir)? {
        join_user_namespace(&anchor)?;
        unshare(CloneFlags::CLONE_NEWNS).during(|| "make a mount namespace".into())?;
        return Ok(Privileges::AnchorsUserNamespace);
    }
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(|error| refused(error.into()))?;
    map_user(uid, gid, 0, 0).map_err(refused)?;
    // A kernel may grant the namespace and withhold what makes it useful.
    if !is_privileged()? {
        return Err(refused(io::ErrorKind::PermissionDenied.into()));
    }
    Ok(Privileges::OwnUserNamespace)
}

/// Joins the user namespace of an anchor's process, if that is another than ours.
pub(crate) fn join_user_namespace(anchor: &Anchor) -> Result<bool, Error> {
    let path = format!("/proc/{}/ns/user", anchor.pid());
    let what = || format!("join the user namespace of the anchor, process {}", anchor.pid());
    let theirs = fs::File::open(&path).during(what)?;
    if fs::read_link(&path).during(what)? == fs::read_link("/proc/self/ns/user").during(what)? {
        return Ok(false);
    }
    setns(&theirs, CloneFlags::CLONE_NEWUSER).during(what)?;
    Ok(true)
}

/// In the user namespace the process has just entered, `outer` is called `inner`.
pub(crate) fn map_user(outer_uid: u32, outer_gid: u32, uid: u32, gid: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {outer_uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {outer_gid} 1"))
}

pub(crate) fn is_privileged() -> Result<bool, Error> {
    let sets = capabilities(None).during(|| "read this process's capabilities".into())?;
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
    Ok(geteuid().is_root() && sets.effective.contains(needed))
}

/// Names what forbids user namespaces here.
fn refused(error: io::Error) -> Error {
    let setting = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let reason = [
        ("kernel.unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone", "0", "1"),
        ("user.max_user_namespaces", "/proc/sys/user/max_user_namespaces", "0", "15000"),
        (
            "kernel.apparmor_restrict_unprivileged_userns",
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "0",
        ),
    ]
    .into_iter()
    .find(|(_, path, forbidding, _)| setting(path).as_deref() == Some(forbidding));
    Error::Privileges(match reason {
        Some((name, _, value, allowing)) => format!(
            "an unprivileged user may not make namespaces here: {name} is {value} ({error}); run as root, or allow \
             it with `sysctl -w {name}={allowing}`"
        ),
        None => format!(
            "an unprivileged user may not make namespaces here, though none of kernel.unprivileged_userns_clone, \
             user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns forbids it ({error}); a \
             container's seccomp profile may; run as root"
        ),
    })
}
