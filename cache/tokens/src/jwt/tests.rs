use proptest::prelude::*;

use super::*;
use crate::{Access, CacheSelector, Format, Grant, Permissions, strategies};

const SECRET: [u8; 32] = [7; 32];

fn secret() -> SigningSecret {
    SigningSecret::from_bytes(SECRET)
}

fn claims(format: Format) -> Claims {
    Claims {
        id: "key-0123456789abcdef".to_owned(),
        issued: 1_700_000_000,
        expires: Some(1_800_000_000),
        permissions: Permissions::all_caches(Access::ReadWrite),
        format,
    }
}

const BEFORE: Millis = Millis(1_799_999_999_999);

/// Signs any header and claims with the right secret.
fn forge(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = secret().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn claims_text(token: &str) -> String {
    let part = token.split('.').nth(1).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

const OUR_HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

#[test]
fn the_claims_are_what_sdks_look_for() {
    let v2 = mint(&secret(), &claims(Format::V2)).unwrap();
    assert_eq!(
        claims_text(&v2),
        r#"{"t":"g","jti":"key-0123456789abcdef","iat":1700000000,"exp":1800000000,"p":{"x":[{"a":"rw"}]}}"#
    );
    let never = Claims { expires: None, permissions: Permissions::Superuser, ..claims(Format::V1) };
    let v1 = mint(&secret(), &never).unwrap();
    assert_eq!(claims_text(&v1), r#"{"ver":1,"sub":"key-0123456789abcdef","iat":1700000000,"p":"s"}"#);
    assert_eq!(URL_SAFE_NO_PAD.encode(OUR_HEADER), HEADER);
}

#[test]
fn every_changed_byte_is_refused() {
    for format in [Format::V1, Format::V2] {
        let token = mint(&secret(), &claims(format)).unwrap();
        for at in 0..token.len() {
            for replacement in (0..128u8).filter(|byte| *byte != token.as_bytes()[at]) {
                let mut bytes = token.clone().into_bytes();
                bytes[at] = replacement;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(verify(&secret(), &changed, BEFORE).is_err(), "{at} {replacement}");
            }
        }
        for cut in 0..token.len() {
            assert!(verify(&secret(), &token[..cut], BEFORE).is_err(), "cut at {cut}");
        }
        for added in ["A", "=", ".", " ", "\n"] {
            assert!(verify(&secret(), &format!("{token}{added}"), BEFORE).is_err());
            assert!(verify(&secret(), &format!("{added}{token}"), BEFORE).is_err());
        }
    }
}

#[test]
fn no_header_but_ours_is_accepted_even_if_signed() {
    let good = claims_text(&mint(&secret(), &claims(Format::V2)).unwrap());
    assert!(verify(&secret(), &forge(OUR_HEADER, &good), BEFORE).is_ok());
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"none","typ":"JWT"}"#,
        r#"{"alg":"HS512","typ":"JWT"}"#,
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"JWT","kid":"x"}"#,
        "",
    ] {
        let refused = verify(&secret(), &forge(header, &good), BEFORE);
        assert!(matches!(refused, Err(TokenError::Malformed(_))), "{header}: {refused:?}");
        let unsigned = forge(header, &good);
        let unsigned = &unsigned[..=unsigned.rfind('.').unwrap()];
        assert!(verify(&secret(), unsigned, BEFORE).is_err(), "{header} unsigned");
    }
}

#[test]
fn a_foreign_secret_and_a_missing_signature_are_refused() {
    let token = mint(&SigningSecret::from_bytes([8; 32]), &claims(Format::V2)).unwrap();
    assert_eq!(verify(&secret(), &token, BEFORE), Err(TokenError::WrongSignature));
    let own = mint(&secret(), &claims(Format::V2)).unwrap();
    let unsigned = &own[..=own.rfind('.').unwrap()];
    assert_eq!(verify(&secret(), unsigned, BEFORE), Err(TokenError::WrongSignature));
}

#[test]
fn a_token_is_good_up_to_the_last_millisecond_before_its_expiry() {
    let token = mint(&secret(), &claims(Format::V2)).unwrap();
    assert!(verify(&secret(), &token, Millis(1_799_999_999_999)).is_ok());
    let expired = Err(TokenError::Expired { at: 1_800_000_000 });
    assert_eq!(verify(&secret(), &token, Millis(1_800_000_000_000)), expired);
    assert_eq!(verify(&secret(), &token, Millis(u64::MAX)), expired);
    let never = Claims { expires: None, ..claims(Format::V2) };
    let token = mint(&secret(), &never).unwrap();
    assert!(verify(&secret(), &token, Millis(u64::MAX)).is_ok());
}

#[test]
fn claims_of_an_unknown_shape_are_refused_although_signed() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"t":"g","jti":"a","iat":1,"exp":9999999999}"#,
        r#"{"t":"x","jti":"a","iat":1,"p":"s"}"#,
        r#"{"t":"g","sub":"a","iat":1,"p":"s"}"#,
        r#"{"t":"g","ver":1,"jti":"a","sub":"a","iat":1,"p":"s"}"#,
        r#"{"ver":2,"sub":"a","iat":1,"p":"s"}"#,
        r#"{"t":"g","jti":"a","iat":1,"p":"s","via":"vpce-1"}"#,
        r#"{"t":"g","jti":"a","iat":1,"exp":-1,"p":"s"}"#,
        r#"{"t":"g","jti":"a","iat":1,"exp":1e9,"p":"s"}"#,
        r#"{"t":"g","jti":"a","jti":"b","iat":1,"p":"s"}"#,
        r#"{"t":"g","jti":"a","iat":1,"p":"s"}x"#,
    ] {
        let refused = verify(&secret(), &forge(OUR_HEADER, text), BEFORE);
        assert!(matches!(refused, Err(TokenError::Malformed(_))), "{text}: {refused:?}");
    }
}

#[test]
fn a_token_over_four_kibibytes_is_not_minted() {
    let grant = |n: usize| Grant::Data {
        caches: CacheSelector::Named(format!("a-cache-with-a-rather-long-name-{n}")),
        access: Access::ReadOnly,
    };
    let with = |n: usize| Claims {
        permissions: Permissions::Explicit((0..n).map(grant).collect()),
        ..claims(Format::V2)
    };
    let most = (1..).find(|n| mint(&secret(), &with(*n)).is_err()).unwrap() - 1;
    assert!(most >= 40, "{most}");
    let longest = mint(&secret(), &with(most)).unwrap();
    assert!(verify(&secret(), &longest, BEFORE).is_ok());
    assert!(matches!(mint(&secret(), &with(most + 1)), Err(MintError::TooLong { bytes }) if bytes > 4096));
}

#[test]
fn no_error_repeats_the_token() {
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.c2VjcmV0.c2VjcmV0";
    let error = verify(&secret(), token, BEFORE).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("c2Vj"));
}

proptest! {
    #[test]
    fn what_was_minted_is_verified(claims in strategies::claims(), now in any::<u64>()) {
        let token = mint(&secret(), &claims).unwrap();
        prop_assert!(token.is_ascii());
        match verify(&secret(), &token, Millis(now)) {
            Ok(verified) => {
                prop_assert!(claims.expires.is_none_or(|at| now / 1000 < at));
                prop_assert_eq!(verified, claims);
            }
            Err(error) => {
                let at = claims.expires.unwrap();
                prop_assert_eq!(error, TokenError::Expired { at });
                prop_assert!(now / 1000 >= at);
            }
        }
    }

    #[test]
    fn no_text_makes_verify_panic(text in any::<String>(), claims in any::<String>()) {
        prop_assert!(verify(&secret(), &text, BEFORE).is_err());
        prop_assert!(verify(&secret(), &forge(OUR_HEADER, &claims), BEFORE).is_err());
        let with_our_header = format!("{HEADER}.{text}");
        prop_assert!(verify(&secret(), &with_our_header, BEFORE).is_err());
    }
}
