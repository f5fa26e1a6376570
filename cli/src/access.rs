//! From flags and profile to an endpoint and what is sent as `authorization`. Pure.

use std::fmt;

use kura_wire::{Endpoint, Key};

use crate::error::CliError;

/// A profile's credentials, as the file holds them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A v1 key, a disposable token or a session token.
    Token(String),
    /// A v2 key, or any key of a plaintext server, and the endpoint that belongs to it.
    V2 { key: String, endpoint: String },
    /// A plaintext server that needs no key.
    Plaintext { endpoint: String },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token(..)"),
            Self::V2 { endpoint, .. } => {
                f.debug_struct("V2").field("endpoint", endpoint).finish_non_exhaustive()
            }
            Self::Plaintext { endpoint } => f.debug_struct("Plaintext").field("endpoint", endpoint).finish(),
        }
    }
}

impl Credentials {
    /// What may be sent in plaintext, empty for none: what is sent to the profile's own endpoint so already.
    /// None if the key has only ever been sent over TLS.
    fn plaintext_key(&self) -> Option<&str> {
        let (key, own) = match self {
            Self::Plaintext { .. } => return Some(""),
            Self::V2 { key, endpoint } => (key, endpoint.clone()),
            Self::Token(token) => match Key::parse(token) {
                Ok(Key::V1 { endpoint, .. }) => (token, endpoint),
                _ => (token, String::new()),
            },
        };
        (key.is_empty() || own.starts_with("http://")).then_some(key)
    }
}

/// Where a command goes and as whom.
pub(crate) struct Access {
    pub(crate) endpoint: Endpoint,
    /// Sent as `authorization`; empty where no key is needed.
    pub(crate) token: String,
}

const HINT: &str =
    "If you vended a disposable token, make sure it's base64 encoded with an endpoint and api_key";
const RECONFIGURE: &str = "Consider rerunning 'momento configure'.";

/// Decides by the official rules; a plaintext endpoint takes any key, and none, but no key of a profile
/// that is used with TLS otherwise.
pub(crate) fn resolve(
    profile: Result<Credentials, CliError>,
    api_key: Option<String>,
    endpoint: Option<String>,
) -> Result<Access, CliError> {
    if let Some(endpoint) = endpoint.as_deref().filter(|endpoint| endpoint.starts_with("http://")) {
        let key = match (&api_key, &profile) {
            (Some(key), _) => key,
            (None, Ok(profile)) => profile.plaintext_key().ok_or_else(|| {
                CliError::new(format!(
                    "{endpoint} is plaintext, and the profile's key is for an endpoint with TLS: on the way, \
                     anybody could read it. Give the key for this endpoint with --api-key, '' for none, or \
                     use an endpoint with TLS"
                ))
            })?,
            (None, Err(_)) => "",
        };
        return plaintext(endpoint, key);
    }
    let profile = profile?;
    match api_key {
        Some(api_key) => with_flag_key(&api_key, &profile, endpoint.as_deref()),
        None => with_profile_key(&profile, endpoint.as_deref()),
    }
}

fn with_flag_key(api_key: &str, profile: &Credentials, endpoint: Option<&str>) -> Result<Access, CliError> {
    let unreadable =
        || CliError::new(format!("Could not parse --api-key as a disposable token or v2 API key. {HINT}."));
    match Key::parse(api_key) {
        Ok(Key::V1 { endpoint: own, api_key }) => access(endpoint.unwrap_or(&own), api_key),
        key => match (endpoint, profile) {
            (Some(endpoint), _) => {
                access(endpoint, key.map_err(|_| unreadable())?.authorization().to_owned())
            }
            (None, Credentials::V2 { endpoint, .. } | Credentials::Plaintext { endpoint }) => {
                if endpoint.is_empty() {
                    return Err(CliError::new(format!("--profile's endpoint is empty. {RECONFIGURE}")));
                }
                if endpoint.starts_with("http://") {
                    return plaintext(endpoint, api_key);
                }
                access(endpoint, key.map_err(|_| unreadable())?.authorization().to_owned())
            }
            (None, Credentials::Token(_)) => Err(CliError::new(format!(
                "If you're testing a v2 API key, provide an endpoint or start with a v2 profile. {HINT}."
            ))),
        },
    }
}

fn with_profile_key(profile: &Credentials, endpoint: Option<&str>) -> Result<Access, CliError> {
    match profile {
        Credentials::Token(token) if token.is_empty() => {
            Err(CliError::new(format!("--profile's token is empty. {RECONFIGURE}")))
        }
        Credentials::Token(token) => match Key::parse(token) {
            Ok(Key::V1 { endpoint: own, api_key }) => access(endpoint.unwrap_or(&own), api_key),
            _ => Err(CliError::new(format!(
                "Could not parse --profile's token. {HINT}, and consider rerunning 'momento configure'."
            ))),
        },
        Credentials::V2 { key, endpoint: own } => {
            let endpoint = endpoint.unwrap_or(own);
            if endpoint.starts_with("http://") {
                return plaintext(endpoint, key);
            }
            if key.is_empty() {
                return Err(CliError::new(format!("--profile's v2 API key is empty. {RECONFIGURE}")));
            }
            if endpoint.is_empty() {
                return Err(CliError::new(format!("--profile's endpoint is empty. {RECONFIGURE}")));
            }
            match Key::parse(key) {
                Ok(Key::V2(key)) => access(endpoint, key),
                _ => Err(CliError::new(
                    "Could not parse --profile's v2 API key. Consider regenerating it and rerunning 'momento configure'.",
                )),
            }
        }
        Credentials::Plaintext { endpoint: own } => match endpoint {
            None => plaintext(own, ""),
            Some(endpoint) => Err(CliError::new(format!(
                "The endpoint {endpoint} needs an API key, and the profile has none; give --api-key"
            ))),
        },
    }
}

/// A plaintext server: an enveloped key is opened, any other is sent as it is.
fn plaintext(endpoint: &str, key: &str) -> Result<Access, CliError> {
    let token = Key::parse(key).map_or_else(|_| key.to_owned(), |key| key.authorization().to_owned());
    access(endpoint, token)
}

fn access(endpoint: &str, token: String) -> Result<Access, CliError> {
    let endpoint = Endpoint::parse(endpoint).map_err(|status| CliError::new(status.message))?;
    Ok(Access { endpoint, token })
}

#[cfg(test)]
#[path = "access/tests.rs"]
mod tests;
