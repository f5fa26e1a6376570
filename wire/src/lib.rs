//! What Kura's server and clients share of Momento's gRPC protocol.
//!
//! The message types are Momento's own, from the `momento-protos` crate. Beside them stand the
//! gRPC status with Momento's `err` trailer ([`Status`]).

mod status;

pub use momento_protos as protos;
pub use status::{Code, Status, percent_decode, percent_encode};
