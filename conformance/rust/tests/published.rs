//! The tests the momento crate publishes, unchanged: `build.rs` finds them.

include!(concat!(env!("OUT_DIR"), "/published.rs"));
