//! AWS Signature Version 4 in the `Authorization` header: who signed, and is it true.
//!
//! What is signed is described in AWS's "Create a signed AWS API request". Query-presigned requests are not taken:
//! no tool of AWS's signs calls of these services so.

use aws_lc_rs::{digest, hmac};
use http::{HeaderMap, request::Parts};
use kura_model::Timestamp;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, macros::format_description};

use crate::keys::{Caller, Keys};

/// How far the signer's clock may be from ours.
const SKEW_MILLIS: u64 = 15 * 60 * 1000;

/// The scheme's name, as it begins the header.
const SCHEME: &str = "AWS4-HMAC-SHA256";

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is none.
    Missing,
    /// The header cannot be understood, or leaves out what must be signed.
    Incomplete(String),
    /// Nobody has this key, or the session token is not the key's.
    UnknownKey,
    /// Signed for another region or service.
    Scope(String),
    /// Signed too long ago or too far ahead.
    Skewed(String),
    /// The temporary key has ended.
    SessionEnded,
    /// Signed with another secret, or changed on the way.
    Mismatch,
}

/// What the `Authorization` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    pub key_id: String,
    pub date: String,
    pub region: String,
    pub service: String,
    signed_headers: Vec<String>,
    signature: String,
}

impl Authorization {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Denied::Missing`] or [`Denied::Incomplete`].
    pub fn read(request: &Parts) -> Result<Self, Denied> {
        if request.uri.query().is_some_and(|query| query.contains("X-Amz-Signature=")) {
            let message = "Query-presigned requests are not accepted; sign the Authorization header";
            return Err(Denied::Incomplete(message.into()));
        }
        let header = request.headers.get(http::header::AUTHORIZATION).ok_or(Denied::Missing)?;
        let header = header.to_str().map_err(|_| Denied::Incomplete("Authorization is not ASCII".into()))?;
        let Some(fields) = header.strip_prefix(SCHEME) else {
            return Err(Denied::Incomplete(format!("Authorization must begin with '{SCHEME}'")));
        };
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('=')).ok_or_else(
                || Denied::Incomplete(format!("Authorization header requires '{name}' parameter.")),
            )
        };
        let credential = field("Credential")?;
        // An access key id has no slash; the four fields after it have none either.
        let scope: Vec<&str> = credential.split('/').collect();
        let [key_id, date, region, service, "aws4_request"] = scope[..] else {
            let message = format!(
                "Credential must have exactly 5 slash-delimited elements, \
                 e.g. keyid/date/region/service/aws4_request, got '{credential}'"
            );
            return Err(Denied::Incomplete(message));
        };
        Ok(Self {
            key_id: key_id.into(),
            date: date.into(),
            region: region.into(),
            service: service.into(),
            signed_headers: field("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: field("Signature")?.to_owned(),
        })
    }

    /// Finds out who signed a request.
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn verify(
        &self,
        request: &Parts,
        body: &[u8],
        keys: &Keys,
        region: &str,
        now: Timestamp,
    ) -> Result<Caller, Denied> {
        if !self.signed_headers.iter().any(|name| name == "host") {
            return Err(Denied::Incomplete(
                "'Host' must be a 'SignedHeader' in the AWS Authorization.".into(),
            ));
        }
        let stamp = self.stamp(&request.headers, now)?;
        let key = keys.find(&self.key_id).ok_or(Denied::UnknownKey)?;
        if self.region != region {
            return Err(Denied::Scope(format!(
                "Credential should be scoped to a valid region, '{}' is not '{region}'.",
                self.region
            )));
        }
        let token = header(&request.headers, "x-amz-security-token");
        match (&key.session, token) {
            (None, None) => {}
            (Some(session), Some(token)) if same(session.token.as_bytes(), token.as_bytes()) => {
                if session.until <= now {
                    return Err(Denied::SessionEnded);
                }
            }
            _ => return Err(Denied::UnknownKey),
        }
        let canonical = self.canonical(request, body)?;
        let to_sign = format!(
            "{SCHEME}\n{stamp}\n{}/{}/{}/aws4_request\n{}",
            self.date,
            self.region,
            self.service,
            hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
        );
        let signature = unhex(&self.signature).ok_or(Denied::Mismatch)?;
        hmac::verify(&self.signing_key(&key.secret), to_sign.as_bytes(), &signature)
            .map_err(|_| Denied::Mismatch)?;
        Ok(key.caller)
    }

    /// The time of the signature as it was signed, if it is near ours and of the scope's day.
    fn stamp(&self, headers: &HeaderMap, now: Timestamp) -> Result<String, Denied> {
        let missing =
            || Denied::Incomplete("Authorization header requires existence of 'X-Amz-Date'.".into());
        let stamp = header(headers, "x-amz-date").ok_or_else(missing)?;
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let at = PrimitiveDateTime::parse(&stamp, format).map_err(|_| {
            Denied::Incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{stamp}'."))
        })?;
        let at = u64::try_from(at.assume_utc().unix_timestamp()).unwrap_or(0) * 1000;
        if !stamp.starts_with(&self.date) || self.date.len() != 8 {
            return Err(Denied::Scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{stamp}'.",
                self.date
            )));
        }
        let ours = OffsetDateTime::from_unix_timestamp(i64::try_from(now / 1000).unwrap_or(i64::MAX))
            .unwrap_or(OffsetDateTime::new_utc(Date::MAX, Time::MIDNIGHT));
        let ours = ours.format(format).unwrap_or_default();
        if now.saturating_sub(at) > SKEW_MILLIS {
            return Err(Denied::Skewed(format!(
                "Signature expired: {stamp} is now earlier than {ours} - 15 min."
            )));
        }
        if at.saturating_sub(now) > SKEW_MILLIS {
            return Err(Denied::Skewed(format!(
                "Signature not yet current: {stamp} is still later than {ours} + 15 min."
            )));
        }
        Ok(stamp)
    }

    /// What was signed, in the one way to write it.
    fn canonical(&self, request: &Parts, body: &[u8]) -> Result<String, Denied> {
        let mut headers = String::new();
        for name in &self.signed_headers {
            let values: Vec<String> = request
                .headers
                .get_all(name)
                .iter()
                .map(|value| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
                })
                .collect();
            if values.is_empty() {
                return Err(Denied::Incomplete(format!("The signed header '{name}' is not in the request.")));
            }
            headers.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        let mut query: Vec<&str> =
            request.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
        query.sort_unstable();
        let query: Vec<String> = query
            .into_iter()
            .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
            .collect();
        Ok(format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            request.method,
            request.uri.path(),
            query.join("&"),
            self.signed_headers.join(";"),
            // Always of the body that came, whatever x-amz-content-sha256 says of it.
            hex(digest::digest(&digest::SHA256, body).as_ref())
        ))
    }

    fn signing_key(&self, secret: &str) -> hmac::Key {
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [self.date.as_str(), &self.region, &self.service, "aws4_request"] {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes());
            key = tag.as_ref().to_vec();
        }
        hmac::Key::new(hmac::HMAC_SHA256, &key)
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn same(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use kura_model::AccountId;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    /// 2015-08-30T12:36:00Z
    const AT: Timestamp = 1_440_938_160_000;

    /// The request AWS's documentation signs as its example.
    fn example(change: impl FnOnce(&mut http::request::Builder)) -> Parts {
        let mut builder = Request::get("/?Action=ListUsers&Version=2010-05-08")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header("host", "iam.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z");
        change(&mut builder);
        let mut parts = builder.body(()).unwrap().into_parts().0;
        parts.headers.entry("authorization").or_insert(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
                .parse()
                .unwrap(),
        );
        parts
    }

    fn verify(parts: &Parts, body: &[u8], secret: &str, now: Timestamp) -> Result<Caller, Denied> {
        let keys = Keys::new([("AKIDEXAMPLE".into(), secret.into(), AccountId::from("000000000000"))]);
        Authorization::read(parts)?.verify(parts, body, &keys, "us-east-1", now)
    }

    #[test]
    fn the_documented_example_is_true_and_nothing_else() {
        let parts = example(|_| ());
        assert_eq!(verify(&parts, b"", SECRET, AT).unwrap().account.as_str(), "000000000000");
        assert_eq!(verify(&parts, b"", SECRET, AT + SKEW_MILLIS), verify(&parts, b"", SECRET, AT));
        assert_eq!(verify(&parts, b"x", SECRET, AT), Err(Denied::Mismatch));
        assert_eq!(verify(&parts, b"", "wrong", AT), Err(Denied::Mismatch));
        assert!(matches!(verify(&parts, b"", SECRET, AT + SKEW_MILLIS + 1), Err(Denied::Skewed(_))));
        assert!(matches!(verify(&parts, b"", SECRET, AT - SKEW_MILLIS - 1), Err(Denied::Skewed(_))));
        let mut other = example(|_| ());
        other.headers.insert("host", "elsewhere".parse().unwrap());
        assert_eq!(verify(&other, b"", SECRET, AT), Err(Denied::Mismatch));
    }

    #[test]
    fn a_header_that_leaves_something_out_is_told_what() {
        let with = |text: &str| {
            let mut parts = example(|_| ());
            parts.headers.insert("authorization", text.parse().unwrap());
            verify(&parts, b"", SECRET, AT).unwrap_err()
        };
        assert!(matches!(with("Bearer x"), Denied::Incomplete(_)));
        assert!(matches!(with("AWS4-HMAC-SHA256 Credential=a/b/c"), Denied::Incomplete(_)));
        let scope = "Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request";
        assert!(
            matches!(with(&format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host")), Denied::Incomplete(text) if text.contains("'Signature'"))
        );
        let unsigned = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=x-amz-date, Signature=00");
        assert!(matches!(with(&unsigned), Denied::Incomplete(text) if text.contains("Host")));
        let nobody = unsigned.replace("AKIDEXAMPLE", "AKIDNOBODY").replace("=x-", "=host;x-");
        assert_eq!(with(&nobody), Denied::UnknownKey);
        let elsewhere = unsigned.replace("us-east-1", "eu-west-1").replace("=x-", "=host;x-");
        assert!(matches!(with(&elsewhere), Denied::Scope(_)));
        let yesterday = unsigned.replace("20150830", "20150829").replace("=x-", "=host;x-");
        assert!(matches!(with(&yesterday), Denied::Scope(_)));
    }

    #[test]
    fn a_token_that_does_not_belong_to_the_key_makes_it_unknown() {
        let mut parts = example(|_| ());
        parts.headers.insert("x-amz-security-token", "t".parse().unwrap());
        assert_eq!(verify(&parts, b"", SECRET, AT), Err(Denied::UnknownKey));
    }
}
