//! An instance from inside: its network, its names, and none of the caller's rights.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs, io,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use kura_model::plan::NamespaceName;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
};
use rustix::{
    process::{getegid, geteuid},
    thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs},
};

use crate::{
    anchor::Anchor,
    error::{During as _, Error},
    privileges::{join_user_namespace, map_user},
};

/// Sockets of daemons that resolve names for whoever asks, in the machine's own namespace: they would answer past
/// the VPC's resolver.
const RESOLVERS: [&str; 3] = ["/run/nscd", "/var/run/nscd", "/run/systemd/resolve"];

/// What to run, and where.
#[derive(Clone, Debug)]
pub struct Join {
    /// Whose namespaces.
    pub state_dir: PathBuf,
    /// The instance's namespace.
    pub namespace: NamespaceName,
    /// What `/etc/resolv.conf` holds.
    pub resolv_conf: String,
    /// What `/etc/hosts` holds.
    pub hosts: String,
    /// Run as `nobody` where the calling user is root: what an instance was told to run is not the caller's word.
    /// Without root it stays the calling user, which then sees itself as `nobody`.
    pub unprivileged: bool,
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

/// Turns the calling process into a command in an instance. The process must have one thread.
///
/// The command runs as the calling user, without capabilities and without a way to gain any, in a mount namespace of
/// its own where names resolve as the instance's do and the state directory's sockets are out of reach.
///
/// # Errors
/// When the instance is not there, or the kernel refuses a step. On success there is no return.
pub fn join_instance(join: &Join) -> Result<Infallible, Error> {
    let Some((program, arguments)) = join.command.split_first() else {
        return Err(Error::Plan("no command was given to run in the instance".into()));
    };
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let directory = std::env::current_dir();
    let anchor = Anchor::connect(&join.state_dir)?.ok_or_else(|| {
        Error::Anchor(format!("nothing is up for {}; start it with `up`", join.state_dir.display()))
    })?;
    let namespace = anchor.open(&join.namespace.0)?;
    let joined = join_user_namespace(&anchor)?;
    drop(anchor);
    mounts(join)?;
    setns(&namespace, CloneFlags::CLONE_NEWNET)
        .during(|| format!("enter the network of {}", join.namespace.0))?;
    if joined {
        // One more user namespace, in which the user has its own number again, and no right over the one before.
        let what = || "become the calling user again".to_owned();
        unshare(CloneFlags::CLONE_NEWUSER).during(what)?;
        map_user(0, 0, uid, gid).during(what)?;
    }
    let becomes_nobody = join.unprivileged && uid == 0;
    let has_nobody =
        fs::read_to_string("/proc/self/uid_map").during(|| "read this process's user map".into())?;
    let has_nobody = has_nobody.split_ascii_whitespace().nth(2) != Some("1");
    if becomes_nobody && !has_nobody {
        // Started by a daemon in a user namespace of its own, which has one user, 0: whoever started the daemon.
        let what = || "be called nobody".to_owned();
        unshare(CloneFlags::CLONE_NEWUSER).during(what)?;
        map_user(uid, gid, NOBODY, NOBODY).during(what)?;
    }
    forbid_capabilities()?;
    if becomes_nobody && has_nobody {
        become_nobody()?;
    }
    drop_capabilities()?;
    if let Ok(directory) = directory {
        // By its path: what it was before is another mount's.
        let _ = std::env::set_current_dir(directory);
    }
    let error = Command::new(program).args(arguments).exec();
    Err(error).during(|| format!("run {}", program.display()))
}

fn mounts(join: &Join) -> Result<(), Error> {
    unshare(CloneFlags::CLONE_NEWNS).during(|| "make a mount namespace".into())?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .during(|| "make the mounts private".into())?;
    let state_dir = join
        .state_dir
        .canonicalize()
        .during(|| format!("use the state directory {}", join.state_dir.display()))?;
    // Named before anything is hidden: it is often a link into what is.
    let resolv_conf = real("/etc/resolv.conf").during(|| {
        "find /etc/resolv.conf, which an instance's must be put over; create an empty one".into()
    })?;
    let mut hidden = Vec::new();
    for directory in RESOLVERS {
        let Ok(directory) = real(directory) else { continue };
        if directory.is_dir() && !hidden.contains(&directory) {
            tmpfs(&directory)?;
            hidden.push(directory);
        }
    }
    if hidden.iter().any(|hidden| resolv_conf.starts_with(hidden)) {
        put(&resolv_conf, &join.resolv_conf)?;
    } else {
        cover(&state_dir, &resolv_conf, &join.resolv_conf)?;
    }
    for (path, text) in [("/etc/hosts", &*join.hosts), ("/etc/nsswitch.conf", &*nsswitch())] {
        // A system without the file does not ask it.
        if let Ok(path) = real(path) {
            cover(&state_dir, &path, text)?;
        }
    }
    // Last, since the texts pass through it: who runs in an instance must not reach what holds it.
    tmpfs(&state_dir)
}

fn real(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

fn tmpfs(on: &Path) -> Result<(), Error> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some(crate::workloads::HIDDEN), on, Some("tmpfs"), flags, Some("mode=0755,size=64k"))
        .during(|| format!("hide {}", on.display()))
}

/// Mounts a file with this text over another. The file itself is gone at once: the mount keeps it.
fn cover(state_dir: &Path, path: &Path, text: &str) -> Result<(), Error> {
    let file = state_dir.join(format!("exec-{}", std::process::id()));
    put(&file, text)?;
    let none = None::<&str>;
    let covered = mount(Some(&file), path, none, MsFlags::MS_BIND, none);
    let _ = fs::remove_file(&file);
    covered.during(|| format!("mount over {}", path.display()))
}

fn put(path: &Path, text: &str) -> Result<(), Error> {
    let what = || format!("write {}", path.display());
    fs::write(path, text).during(what)?;
    // Whatever the caller's umask is: who runs inside may be somebody else.
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).during(what)
}

/// The machine's own, but for hosts.
fn nsswitch() -> String {
    let text = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    let others = text.lines().filter(|line| !line.trim_start().starts_with("hosts:"));
    others.chain(["hosts: files dns"]).fold(String::new(), |text, line| text + line + "\n")
}

/// The user and group that own nothing, by Linux' number for them.
const NOBODY: u32 = 65534;

fn become_nobody() -> Result<(), Error> {
    let what = || "become the user nobody".to_owned();
    let (user, group) = (rustix::process::Uid::from_raw(NOBODY), rustix::process::Gid::from_raw(NOBODY));
    rustix::thread::set_thread_groups(&[group]).during(what)?;
    rustix::thread::set_thread_res_gid(group, group, group).during(what)?;
    rustix::thread::set_thread_res_uid(user, user, user).during(what)
}

/// No capability by way of what is run. It takes one itself, which whoever becomes another user has no more.
fn forbid_capabilities() -> Result<(), Error> {
    for capability in CapabilitySet::all() {
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // The kernel is older than the capability, or it is gone already.
            Err(rustix::io::Errno::INVAL) => {}
            other => other.during(|| "forbid capabilities".into())?,
        }
    }
    Ok(())
}

/// No capability now, and no way to one.
fn drop_capabilities() -> Result<(), Error> {
    let what = || "give up capabilities".to_owned();
    rustix::thread::clear_ambient_capability_set().during(what)?;
    let empty = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: empty, permitted: empty, inheritable: empty })
        .during(what)?;
    set_no_new_privs(true).during(what)
}
