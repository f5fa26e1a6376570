//! Minting and verifying: `header.claims.signature`, each part in unpadded URL-safe base64.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kura_base::Millis;

use crate::{Claims, SigningSecret};

/// Longest token in bytes. It is sent with every request, and a longer one would not fit beside
/// the other headers into what HTTP servers and proxies accept.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// `{"alg":"HS256","typ":"JWT"}`. The only header there is; compared byte for byte.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Why a token was not minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// It would be longer than [`MAX_TOKEN_BYTES`].
    #[error(
        "the token would have {bytes} bytes; at most {MAX_TOKEN_BYTES} are allowed. \
         Name fewer caches, or grant access to all"
    )]
    TooLong {
        /// How long it would be.
        bytes: usize,
    },
    /// The claims could not be written as JSON.
    #[error("the claims of the token could not be written: {0}")]
    Encoding(#[from] serde_json::Error),
}

/// Why a token is refused. No text contains anything of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a token of ours at all.
    #[error("malformed token: {0}")]
    Malformed(&'static str),
    /// It is in our form, but was changed or signed with another secret.
    #[error("the token's signature is not from this server")]
    WrongSignature,
    /// It was good until its expiry.
    #[error("the token expired at {at} (seconds since 1970)")]
    Expired {
        /// From which second on it is refused, since the Unix epoch.
        at: u64,
    },
}

/// Signs `claims`.
///
/// # Errors
/// [`MintError::TooLong`] over [`MAX_TOKEN_BYTES`].
pub fn mint(secret: &SigningSecret, claims: &Claims) -> Result<String, MintError> {
    let mut token = String::with_capacity(512);
    token.push_str(HEADER);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_json()?, &mut token);
    let tag = secret.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(tag, &mut token);
    if token.len() > MAX_TOKEN_BYTES {
        return Err(MintError::TooLong { bytes: token.len() });
    }
    Ok(token)
}

/// Checks form, signature and expiry of `token`, in this order, and returns what it says.
///
/// Expired means `now` is at or past the second of its expiry; there is no leeway. Whether the
/// token was revoked is not known here.
///
/// # Errors
/// [`TokenError`] tells the three ways to be refused apart.
pub fn verify(secret: &SigningSecret, token: &str, now: Millis) -> Result<Claims, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Malformed("it is too long"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed("it has no parts"))?;
    let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed("it has too few parts"))?;
    if header != HEADER {
        return Err(TokenError::Malformed("its header is not the one this server writes"));
    }
    let mut tag = [0; 33];
    let tag_bytes = URL_SAFE_NO_PAD
        .decode_slice(signature, &mut tag)
        .map_err(|_| TokenError::Malformed("its signature is not base64 of 32 bytes"))?;
    if !secret.signed(signed.as_bytes(), &tag[..tag_bytes]) {
        return Err(TokenError::WrongSignature);
    }
    let claims = URL_SAFE_NO_PAD
        .decode(claims)
        .ok()
        .and_then(|json| Claims::from_json(&json))
        .ok_or(TokenError::Malformed("its claims are none this server knows"))?;
    match claims.expires {
        Some(at) if now.epoch_seconds() >= at => Err(TokenError::Expired { at }),
        _ => Ok(claims),
    }
}

#[cfg(test)]
mod tests;
