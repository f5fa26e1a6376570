//! Claims that were signed here, by this version or another.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kura_base::Millis;
use kura_tokens::{MAX_TOKEN_BYTES, SigningSecret, TokenError, mint, verify};
use serde_json::Value;

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[
        br#""t":"g","#,
        br#""ver":1,"#,
        br#""jti":"key-1","#,
        br#""sub":"key-1","#,
        br#""exp":2000,"#,
        br#""p":{"x":[{"c":"orders","a":"rw"}]}"#,
        br#"{"a":"r","kp":"user:"},"#,
        br#"{"c":"c","a":"w","t":"t"},"#,
        br#"{"fp":""},"#,
        br#"{"a":"r","m":"keys"}"#,
        br#""p":{"r":"r-1"}"#,
        br#""p":"s""#,
        br#""new":1,"#,
        b"18446744073709551615",
        b"null",
    ],
    ..Target::new(
        "token_claims",
        "unknown claims are refused, expiry is kept, and minting says the same",
        check,
    )
};

static SIGNED: LazyLock<(SigningSecret, hmac::Key)> =
    LazyLock::new(|| (SigningSecret::from_bytes([7; 32]), hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])));

fn check(json: &[u8], trace: &mut Trace<'_>) {
    let (secret, key) = &*SIGNED;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(json));
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(key, signed.as_bytes())));
    let claims = match verify(secret, &token, Millis(0)) {
        Ok(claims) => claims,
        Err(error) => {
            trace.note(error.to_string());
            assert_ne!(error, TokenError::WrongSignature, "its signature is right");
            let long = token.len() > MAX_TOKEN_BYTES;
            assert!(long || !error.to_string().contains("too long"));
            return;
        }
    };
    trace.note((
        claims.format,
        claims.expires.is_some(),
        claims.permissions == kura_tokens::Permissions::Superuser,
    ));

    if let Ok(Value::Object(object)) = serde_json::from_slice(json) {
        for name in object.keys() {
            assert!(["t", "ver", "jti", "sub", "iat", "exp", "p"].contains(&name.as_str()), "claim {name:?}");
        }
    }
    if let Some(at) = claims.expires.filter(|at| *at > 0) {
        let end = Millis(at.saturating_mul(1000));
        if at < u64::MAX / 1000 {
            assert_eq!(verify(secret, &token, end), Err(TokenError::Expired { at }));
            assert!(verify(secret, &token, Millis(end.0 - 1)).is_ok());
        }
    }
    // A claim may be shorter as it was sent than as it is minted, so only what fits is compared.
    if let Ok(minted) = mint(secret, &claims) {
        assert_eq!(verify(secret, &minted, Millis(0)).as_ref(), Ok(&claims));
    }
}
