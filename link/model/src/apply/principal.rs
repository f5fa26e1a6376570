//! Who may see an endpoint service.

use super::Result;
use crate::{AccountId, EndpointService, Error};

impl EndpointService {
    /// Whether an account may find this service: its owner, and whom a principal names (`*`, or the account's root).
    ///
    /// A principal that is a user or a role lets nobody in here: requests are known by their account.
    #[must_use]
    pub fn is_visible_to(&self, account: &AccountId) -> bool {
        let root = format!("arn:aws:iam::{account}:root");
        self.owner == *account
            || self.allowed_principals.iter().any(|principal| principal == "*" || *principal == root)
    }
}

/// `*`, or the ARN of an account, a user or a role without a path.
pub(super) fn check(principal: &str) -> Result {
    let is_valid = principal == "*"
        || principal.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':')).is_some_and(
            |(account, who)| {
                let name = who.strip_prefix("user/").or_else(|| who.strip_prefix("role/"));
                account.len() == 12
                    && account.bytes().all(|byte| byte.is_ascii_digit())
                    && (who == "root" || name.is_some_and(|name| !name.is_empty() && !name.contains('/')))
            },
        );
    if is_valid {
        return Ok(());
    }
    Err(Error::new(
        "InvalidPrincipal",
        format!(
            "Invalid Principal: '{principal}'; use '*' or an ARN such as 'arn:aws:iam::123456789012:root', without \
             a path"
        ),
    ))
}
