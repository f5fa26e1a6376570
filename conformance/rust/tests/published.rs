//! The tests the momento crate publishes, all of them, as it publishes them: `build.rs` finds them.

#![allow(unsafe_code, reason = "two of them unwrap a result unchecked")]

include!(concat!(env!("OUT_DIR"), "/published.rs"));
