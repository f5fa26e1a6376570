//! Making and renewing tokens. These calls are rare and may write to disk, so they use
//! momento-protos' types and run on the blocking pool.
//!
//! Their credential stands in the request: Momento's Node client sends no other, and where an SDK
//! sends the `authorization` metadata as well, both are the same. Metadata that is there must stand
//! all the same; the request's credential decides.

use std::sync::Arc;

use bytes::Bytes;
use kura_commands::{Commands, NewApiToken, NewDisposableToken, Session};
use kura_wire::protos::{auth, token};
use kura_wire::{Code, Status};

use crate::error::status;
use crate::message::{decode, encode};
use crate::scalar::Answer;
use crate::{Method, permissions};

/// Largest message of these calls in bytes. Callers are strangers until it is read, and what does
/// not fit into it does not fit into a token.
pub(crate) const MAX_MESSAGE_BYTES: usize = 32 * 1024;

/// Carries out one call; blocks on disk.
pub(crate) fn execute(
    commands: &Commands,
    session: &Arc<Session>,
    method: Method,
    message: &Bytes,
    random: &[u8; 48],
) -> Result<Answer, Status> {
    match method {
        Method::GenerateDisposableToken => {
            let request: token::GenerateDisposableTokenRequest = decode(message)?;
            let caller = caller(commands, session, &request.auth_token)?;
            // A caller that may not make tokens is told so whatever it asks for.
            commands.may_mint(&caller).map_err(|error| status(&error))?;
            let new = NewDisposableToken {
                permissions: permissions::of(request.permissions)?,
                lifetime_seconds: request.expires.map_or(0, |expires| expires.valid_for_seconds),
                token_id: request.token_id,
            };
            let made = commands.create_disposable_token(&caller, new).map_err(|error| status(&error))?;
            Ok(encode(&token::GenerateDisposableTokenResponse {
                api_key: made.api_key,
                endpoint: made.endpoint,
                valid_until: made.expires,
            }))
        }
        Method::GenerateApiToken => {
            let request: auth::GenerateApiTokenRequest = decode(message)?;
            let caller = caller(commands, session, &request.auth_token)?;
            commands.may_mint(&caller).map_err(|error| status(&error))?;
            use auth::generate_api_token_request::Expiry;
            let lifetime_seconds = match request.expiry {
                Some(Expiry::Never(_)) => None,
                Some(Expiry::Expires(expires)) => Some(expires.valid_for_seconds),
                None => {
                    return Err(Status::new(
                        Code::InvalidArgument,
                        "Invalid expiry: give `never` or `expires`",
                    ));
                }
            };
            let new = NewApiToken {
                permissions: permissions::of(request.permissions)?,
                lifetime_seconds,
                token_id: request.token_id,
                description: request.description,
            };
            let made = commands.create_api_token(&caller, new, random).map_err(|error| status(&error))?;
            Ok(encode(&auth::GenerateApiTokenResponse {
                api_key: made.api_key,
                refresh_token: made.refresh_token,
                endpoint: made.endpoint,
                valid_until: made.expires.unwrap_or(NEVER),
            }))
        }
        _ => {
            let request: auth::RefreshApiTokenRequest = decode(message)?;
            let made = commands
                .refresh_api_token(&request.api_key, &request.refresh_token, random)
                .map_err(|error| status(&error))?;
            Ok(encode(&auth::RefreshApiTokenResponse {
                api_key: made.api_key,
                refresh_token: made.refresh_token,
                endpoint: made.endpoint,
                valid_until: made.expires.unwrap_or(NEVER),
            }))
        }
    }
}

/// How a key that never expires is told in `valid_until`: SDKs take nothing else for it.
const NEVER: u64 = 0;

fn caller(commands: &Commands, session: &Arc<Session>, credential: &str) -> Result<Arc<Session>, Status> {
    if credential.is_empty() && !session.is_nobody() {
        return Ok(session.clone());
    }
    commands.authenticate(credential.as_bytes()).map_err(|error| status(&error))
}

/// What Login answers: its stream ends with an error that says what to do instead.
pub(crate) fn login() -> Answer {
    let description = "this server has no accounts to log in to: ask its operator for an API key, which \
                       `kura key create` makes"
        .to_owned();
    let error = auth::login_response::Error { description };
    encode(&auth::LoginResponse { state: Some(auth::login_response::State::Error(error)) })
}
