//! The tests the momento crate publishes, all of them, as it publishes them: `build.rs` finds them.

include!(concat!(env!("OUT_DIR"), "/published.rs"));
