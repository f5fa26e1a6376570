//! Client tokens: a request that is repeated makes nothing twice.

use super::Result;
use crate::{AccountId, Change, ClientToken, Error, Event, State};

/// Whether an event's token was used before with the same parameters.
pub(super) fn is_repeated(state: &State, event: &Event) -> Result<bool> {
    let Some(token) = &event.token else { return Ok(false) };
    match state.client_tokens.get(&key(&event.account, &token.token)) {
        None => Ok(false),
        Some(used) if used.parameters == token.parameters => Ok(true),
        Some(used) => Err(Error::new(
            "IdempotentParameterMismatch",
            format!(
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s): \
                 the client token '{}' made {}",
                token.token, used.made
            ),
        )),
    }
}

/// Keeps an event's token for as long as what it made exists, and forgets those of what is gone.
pub(super) fn remember(state: &mut State, event: &Event) {
    if let (Some(token), Some(made)) = (&event.token, made(&event.change)) {
        let used = ClientToken { parameters: token.parameters.clone(), made };
        state.client_tokens.insert(key(&event.account, &token.token), used);
    }
    if removes(&event.change) {
        let mut tokens = std::mem::take(&mut state.client_tokens);
        tokens.retain(|_, used| state.owner(&used.made).is_some());
        state.client_tokens = tokens;
    }
}

/// Whether a change may remove something that [`made`] names.
fn removes(change: &Change) -> bool {
    matches!(
        change,
        Change::DeleteVpc { .. }
            | Change::DeleteSubnet { .. }
            | Change::DeleteRouteTable { .. }
            | Change::DeleteInternetGateway { .. }
            | Change::DeleteSecurityGroup { .. }
            | Change::ForgetInstances { .. }
            | Change::DeleteService { .. }
            | Change::DeleteEndpoint { .. }
            | Change::ForgetStack { .. }
    )
}

impl State {
    /// The identifier of what an account's request with this client token made; a launch is known by its reservation.
    #[must_use]
    pub fn made_by(&self, account: &AccountId, token: &str) -> Option<&str> {
        self.client_tokens.get(&key(account, token)).map(|used| used.made.as_str())
    }
}

fn key(account: &AccountId, token: &str) -> String {
    format!("{account} {token}")
}

/// What a change makes, for those whose requests may carry a token.
fn made(change: &Change) -> Option<String> {
    Some(match change {
        Change::CreateVpc { id, .. } => id.to_string(),
        Change::CreateSubnet { id, .. } => id.to_string(),
        Change::CreateRouteTable { id, .. } => id.to_string(),
        Change::CreateInternetGateway { id, .. } => id.to_string(),
        Change::CreateSecurityGroup { id, .. } => id.to_string(),
        Change::RunInstances { reservation, .. } => reservation.to_string(),
        Change::CreateService { id, .. } => id.to_string(),
        Change::CreateEndpoint { id, .. } => id.to_string(),
        Change::PutStack(stack) => stack.id.to_string(),
        _ => return None,
    })
}
