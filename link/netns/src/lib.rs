//! Makes the Linux kernel look like a [`Plan`](kura_model::plan::Plan), and keeps it so.
//!
//! An *anchor* process without logic holds the network namespaces; the daemon's [`Fabric`] brings what is in them to
//! the plan, adopts them after a restart and repairs them; a *forwarder* process carries bytes where the kernel
//! cannot. The machine's own namespace gets no device, address, route or rule, nothing is mounted, and when the
//! anchor ends, everything is gone.
//!
//! It knows nothing of AWS but names, does not answer DNS, and decides nothing.
//!
//! ```no_run
//! use kura_model::plan::Plan;
//! use kura_netns::{Fabric, Program, enter_privileges};
//!
//! # fn main() -> Result<(), kura_netns::Error> {
//! let state_dir = std::path::Path::new("/var/lib/kura-link");
//! enter_privileges(state_dir)?; // before any other thread
//! let mut fabric = Fabric::open(state_dir, Program::current()?)?;
//! fabric.reconcile(&Plan::default())?;
//! fabric.down()
//! # }
//! ```

mod anchor;
mod error;
mod exec;
mod fabric;
mod forwarder;
mod inside;
mod kernel;
mod nft;
mod parallel;
mod privileges;
mod program;
mod tracked;
mod workloads;

pub use anchor::{Anchor, anchor_main, wait_for_hangup};
pub use error::Error;
pub use exec::{Join, join_instance};
pub use fabric::{Changes, Fabric, down};
pub use forwarder::forwarder_main;
pub use inside::inside;
pub use nft::{Counter, Refused};
pub use privileges::{Privileges, enter_privileges};
pub use program::Program;
pub use tracked::{Ends, Tracked};
