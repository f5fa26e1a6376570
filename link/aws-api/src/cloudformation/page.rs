//! Pages of a list.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    call::Call,
    refusal::{Answer, Refusal},
};

/// Entries of a page. AWS documents one megabyte for most lists and sends a hundred.
pub const MOST: usize = 100;

/// The page of `items` that was asked for, and what to ask the next with. A token names the last entry of its page by
/// its `key`, so that what comes meanwhile moves nothing.
///
/// # Errors
/// `ValidationError` for a token that is of no such list, or of an entry that is gone.
pub fn page<T>(call: &Call<'_>, mut items: Vec<T>, key: fn(&T) -> &str) -> Answer<(Vec<T>, Option<String>)> {
    if let Some(token) = call.params.text("NextToken").filter(|token| !token.is_empty()) {
        let after = URL_SAFE_NO_PAD.decode(&token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let at = after.and_then(|after| items.iter().position(|item| key(item) == after));
        let at = at.ok_or_else(|| {
            Refusal::new(
                "ValidationError",
                format!("NextToken: '{token}' is none of this list; begin again without it"),
            )
        })?;
        items.drain(..=at);
    }
    let next = (items.len() > MOST).then(|| URL_SAFE_NO_PAD.encode(key(&items[MOST - 1])));
    items.truncate(MOST);
    Ok((items, next))
}
