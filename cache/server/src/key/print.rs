//! What `kura key` prints: the result on standard output, words about it on standard error.

use std::io::{self, Write};

use kura_tokens::{CacheSelector, Grant, Permissions};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::access::{describe, word};
use crate::admin::{KeyInfo, KeyState, NewKeyInfo};

/// A new key: alone on standard output, so that scripts can take it from there.
pub(super) fn created(key: &NewKeyInfo, json: bool) -> anyhow::Result<()> {
    if json {
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(key)?)?;
        return Ok(());
    }
    let expires = key.expires.map_or("never expires".to_owned(), |at| format!("expires at {}", date(at)));
    let mut text = format!("{} ({}) is made and {expires}. The key is shown only now:", key.id, key.name);
    if let Some(endpoint) = &key.endpoint {
        text = format!(
            "{} ({}) for {endpoint} is made and {expires}. The key is shown only now:",
            key.id, key.name
        );
    }
    note(&text)?;
    writeln!(io::stdout(), "{}", key.api_key.0)?;
    Ok(())
}

/// All keys, as a table or as JSON.
pub(super) fn list(keys: &[KeyInfo], json: bool) -> anyhow::Result<()> {
    let text = match json {
        true => serde_json::to_string_pretty(&keys.iter().map(as_json).collect::<Vec<_>>())? + "\n",
        false => table(keys),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Says something that is not the result.
pub(super) fn note(text: &str) -> anyhow::Result<()> {
    writeln!(io::stderr(), "{text}")?;
    Ok(())
}

fn table(keys: &[KeyInfo]) -> String {
    let head = ["ID", "NAME", "STATE", "ALLOWS", "FORMAT", "CREATED", "EXPIRES"].map(str::to_owned);
    let rows = keys.iter().map(|key| {
        [
            key.id.clone(),
            key.name.clone(),
            state(key.state).to_owned(),
            describe(&key.permissions),
            format!("{:?}", key.format).to_lowercase(),
            date(key.created),
            key.expires.map_or("never".to_owned(), date),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn as_json(key: &KeyInfo) -> Value {
    let grants = match &key.permissions {
        Permissions::Explicit(grants) => grants.as_slice(),
        Permissions::Superuser | Permissions::Role(_) => &[],
    };
    let all = grants.iter().find_map(|grant| match grant {
        Grant::Data { caches: CacheSelector::All, access } => Some(word(*access).to_owned()),
        _ => None,
    });
    let role = match &key.permissions {
        Permissions::Superuser => Some("superuser".to_owned()),
        Permissions::Role(id) => Some(id.clone()),
        Permissions::Explicit(_) => all,
    };
    let caches = grants.iter().filter_map(|grant| match grant {
        Grant::Data { caches: CacheSelector::Named(name), access } => {
            Some(json!({"cache": name, "access": word(*access)}))
        }
        _ => None,
    });
    let caches: Vec<_> = caches.collect();
    json!({
        "id": key.id,
        "name": key.name,
        "state": state(key.state),
        "role": role,
        "caches": caches,
        "allows": describe(&key.permissions),
        "format": key.format,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
    })
}

fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Live => "live",
        KeyState::Expired => "expired",
        KeyState::Revoked => "revoked",
    }
}

/// A point in time like `2026-11-23T08:35:36Z`.
fn date(epoch_seconds: u64) -> String {
    let at = i64::try_from(epoch_seconds).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| epoch_seconds.to_string())
}

#[cfg(test)]
mod tests {
    use kura_tokens::{Access, Format};

    use super::*;

    fn keys() -> [KeyInfo; 2] {
        let superuser = KeyInfo {
            id: "key-0000000000000001".to_owned(),
            name: "admin".to_owned(),
            state: KeyState::Live,
            permissions: Permissions::Superuser,
            format: Format::V2,
            created: 1_700_000_000,
            expires: None,
            revoked: None,
        };
        let grants = [("orders", Access::ReadWrite), ("logs", Access::WriteOnly)]
            .map(|(name, access)| Grant::Data { caches: CacheSelector::Named(name.to_owned()), access });
        let app = KeyInfo {
            id: "key-0000000000000002".to_owned(),
            name: "the app".to_owned(),
            state: KeyState::Revoked,
            permissions: Permissions::Explicit(grants.to_vec()),
            format: Format::V1,
            created: 1_700_000_001,
            expires: Some(1_800_000_000),
            revoked: Some(1_750_000_000),
        };
        [superuser, app]
    }

    #[test]
    fn keys_are_listed_in_aligned_columns() {
        let expected = "\
ID                    NAME     STATE    ALLOWS                           FORMAT  CREATED               EXPIRES
key-0000000000000001  admin    live     superuser                        v2      2023-11-14T22:13:20Z  never
key-0000000000000002  the app  revoked  orders:readwrite,logs:writeonly  v1      2023-11-14T22:13:21Z  2027-01-15T08:00:00Z
";
        assert_eq!(table(&keys()), expected);
    }

    #[test]
    fn json_has_the_roles_by_their_names() {
        let [superuser, app] = keys().map(|key| as_json(&key));
        assert_eq!(superuser["role"], "superuser");
        assert_eq!(superuser["expires"], Value::Null);
        assert_eq!(app["role"], Value::Null);
        assert_eq!(app["caches"][1], json!({"cache": "logs", "access": "writeonly"}));
        assert_eq!(app["format"], "v1");
        assert_eq!(app["revoked"], 1_750_000_000);
    }
}
