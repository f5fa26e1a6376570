//! API keys and tokens: what they say, and how they are minted and verified.
//!
//! A Kura token is a JSON Web Token in one of the two forms that official Momento SDKs
//! understand: [`Format::V2`] is sent as it is and configured together with an endpoint,
//! [`Format::V1`] is handed out wrapped with its endpoint ([`wrap_v1`]). SDKs look into a token
//! without being able to verify it; the server reads nothing before the signature is right.
//!
//! The signature is always HMAC-SHA-256 over one fixed header, made with aws-lc-rs, the crypto
//! library that TLS already brings. No JWT crate: there is one algorithm and nothing is
//! negotiated, so "alg: none" and key confusion have no place to happen, and the crates pull in
//! RSA or a second crypto library for algorithms that we refuse.
//!
//! This crate decides and does not act: time and randomness are passed in, and whether a key is
//! revoked is the registry's knowledge, not the token's.
//!
//! ```
//! use kura_base::Millis;
//! use kura_tokens::{Claims, Format, Permissions, SigningSecret, TokenError, mint, verify};
//!
//! let secret = SigningSecret::from_bytes([7; 32]);
//! let claims = Claims {
//!     id: "key-1".to_owned(),
//!     issued: 1_000,
//!     expires: Some(2_000),
//!     permissions: Permissions::Superuser,
//!     format: Format::V2,
//! };
//! let token = mint(&secret, &claims).unwrap();
//! assert_eq!(verify(&secret, &token, Millis(1_999_999)), Ok(claims));
//! assert_eq!(verify(&secret, &token, Millis(2_000_000)), Err(TokenError::Expired { at: 2_000 }));
//! ```

mod claims;
mod compact;
mod grant;
mod jwt;
mod permissions;
pub mod rules;
mod secret;
#[cfg(test)]
mod strategies;
mod v1;

pub use claims::{Claims, Format};
pub use grant::{Access, CacheSelector, Grant, ItemSelector, Managed, NameSelector};
pub use jwt::{MAX_TOKEN_BYTES, MintError, TokenError, mint, verify};
pub use permissions::{Need, Permissions, Reach};
pub use secret::{SigningSecret, fingerprint};
pub use v1::{UnwrapError, unwrap_v1, wrap_v1};
