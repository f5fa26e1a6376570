//! What Kura's server and clients share of Momento's protocols.
//!
//! The message types are Momento's own, from the `momento-protos` crate; [`fields`] reads the hot
//! ones in place. Beside them stand the gRPC status with Momento's `err` trailer ([`Status`]) and the client side: keys and endpoints
//! as users write them ([`Key`], [`Endpoint`]), one connection ([`Channel`]) and the calls that
//! the command line and the check make over it ([`CacheClient`]).
//!
//! The channel is ours rather than an SDK's or tonic's because the command line must start in a
//! few milliseconds, trust a private authority and say which address it reached; and because the
//! server must be measured with the client that users run.
//!
//! Server and client are not symmetric here: the server frames gRPC itself, in `front-grpc`.
//!
//! ```no_run
//! # async fn example() -> Result<(), kura_wire::Status> {
//! use kura_wire::{CacheClient, ChannelOptions, Endpoint};
//!
//! let endpoint = Endpoint::parse("http://127.0.0.1:8080")?;
//! let client = CacheClient::new(endpoint, "", "example", ChannelOptions::default())?;
//! assert_eq!(client.get("my-cache", b"key").await?, None);
//! # Ok(())
//! # }
//! ```

mod body;
mod channel;
mod client;
mod connect;
pub mod fields;
mod framing;
mod key;
mod metadata;
mod status;
mod target;
#[cfg(feature = "test-util")]
pub mod test_util;
mod tls;

pub use channel::{Channel, Streaming};
pub use client::{CacheClient, Created};
pub use connect::{ChannelOptions, KeepAlive};
pub use framing::{
    FRAME_HEADER_BYTES, Frames, MAX_MESSAGE_BYTES, check_response_head, encode_frame, is_grpc,
    status_from_trailers,
};
pub use key::{Key, KeyError};
pub use metadata::Metadata;
pub use momento_protos as protos;
pub use status::{Code, Status, percent_decode, percent_encode};
pub use target::{Endpoint, Scheme, Target};
