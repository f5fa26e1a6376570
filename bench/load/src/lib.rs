//! A load generator for Momento's protocols and RESP that costs less than the server it measures.
//!
//! The tonic client takes as much CPU as a server does, so this speaks HTTP/2 through the `h2` crate directly and
//! writes the two messages it needs by hand. Everything runs on one thread, so that it can be pinned to one core:
//!
//! - [`closed`]: a fixed number of requests in flight, each slot sending its next request when its last is answered;
//! - [`open`]: a constant arrival schedule, latency counted from the scheduled time, so that a stalled server is
//!   seen by the requests that had to wait (no coordinated omission);
//! - [`trace`]: look-aside reads of a fixed trace, a miss being written back, for hit ratios;
//! - [`bare`]: both loops over RESP and protosocket, a batch of requests a write.
//!
//! A [`driver`] is any of these. All are spoken with TLS or without. It does not check values or retry.
//!
//! ```no_run
//! # async fn run() -> anyhow::Result<()> {
//! use kura_load::client::{Identity, Pool};
//! use kura_load::workload::{Workload, WorkloadSpec};
//!
//! let address: std::net::SocketAddr = "127.0.0.1:8080".parse()?;
//! let pool = Pool::connect(address, 8, &Identity::filler("bench", 400)).await?;
//! let workload = std::sync::Arc::new(Workload::new(&WorkloadSpec::default())?);
//! let sample = kura_load::closed::run_for(&pool, &workload, 8, std::time::Duration::from_secs(1), 1).await?;
//! println!("{:.0} operations a second", sample.ops_per_second());
//! # Ok(())
//! # }
//! ```

pub mod bare;
pub mod client;
pub mod closed;
pub mod driver;
pub mod keys;
pub mod open;
pub mod report;
pub mod socket;
pub mod trace;
pub mod wire;
pub mod workload;
