//! What a token says, and how that is spelled in each of the two forms.

use serde::{Deserialize, Serialize};

use crate::Permissions;

/// The outer form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Handed out wrapped with its endpoint, see [`crate::wrap_v1`].
    V1,
    /// Handed out as it is; SDKs know it by the claim `"t": "g"` and are told the endpoint.
    V2,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Which token this is: the id of a tracked key in the registry, or the `token_id` that the
    /// caller of GenerateDisposableToken chose. Claim `jti` in V2, `sub` in V1.
    pub id: String,
    /// When it was minted, in seconds since the Unix epoch. Not checked.
    pub issued: u64,
    /// From which second on it is refused, since the Unix epoch. `None` never expires, which is
    /// for tracked keys only: nothing else can be revoked.
    pub expires: Option<u64>,
    /// What it allows.
    pub permissions: Permissions,
    /// Its outer form.
    pub format: Format,
}

/// The claims as JSON, for both forms; which fields are there tells the form.
///
/// Unknown claims are refused: one that a later version adds narrows what the token allows
/// (say, to one private endpoint), and skipping it would allow too much.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ver: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<Permissions>,
}

impl Claims {
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let common = Json {
            iat: self.issued,
            exp: self.expires,
            p: Some(self.permissions.clone()),
            ..Json::default()
        };
        let id = Some(self.id.clone());
        let json = match self.format {
            Format::V1 => Json { sub: id, ver: Some(1), ..common },
            Format::V2 => Json { t: Some("g"), jti: id, ..common },
        };
        serde_json::to_vec(&json)
    }

    /// Reads claims whose signature has been verified.
    pub(crate) fn from_json(bytes: &[u8]) -> Option<Self> {
        let json: Json<'_> = serde_json::from_slice(bytes).ok()?;
        let (format, id) = match json {
            Json { t: Some("g"), jti: Some(id), ver: None, sub: None, .. } => (Format::V2, id),
            Json { ver: Some(1), sub: Some(id), t: None, jti: None, .. } => (Format::V1, id),
            _ => return None,
        };
        Some(Self { id, issued: json.iat, expires: json.exp, permissions: json.p?, format })
    }
}
