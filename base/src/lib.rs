//! Names, units and limits that every part of Kura shares.
//!
//! This crate is the bottom of the house: it depends on nothing of ours and knows no protocol,
//! no socket and no runtime. Values are parsed once, here, at the edge; whoever holds a
//! [`CacheName`] or a [`Ttl`] need not check it again.
//!
//! ```
//! use kura_base::{CacheName, Millis, Ttl};
//!
//! let name = CacheName::parse("orders").unwrap();
//! let ttl = Ttl::from_millis(2_000, kura_base::Limits::default().max_ttl).unwrap();
//! assert_eq!(ttl.expires(Millis(10_000)), Millis(12_000));
//! assert_eq!(name.as_str(), "orders");
//! ```

mod clock;
mod limits;
mod name;
mod stripes;
mod ttl;

pub use clock::{Clock, FakeClock, Millis, SystemClock};
pub use limits::Limits;
pub use name::{CacheName, NameError};
pub use stripes::Stripes;
pub use ttl::{Ttl, TtlError};
