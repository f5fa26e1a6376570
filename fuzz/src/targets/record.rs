//! The registry's records, as they are on disk.

use kura_store::{KeyRecord, SigningKeyRecord};
use serde_json::Value;

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[
        br#""permissions":{"x":[{"c":"a","a":"r"}]},"#,
        br#""format":"v1","#,
        br#""new":1,"#,
        br#""revoked":null,"#,
        br#""secret":"#,
        b"18446744073709551615",
        b"null",
    ],
    ..Target::new(
        "record",
        "a record that is read has known fields only and is written so that it is read back",
        check,
    )
};

fn check(json: &[u8], trace: &mut Trace<'_>) {
    let object = match serde_json::from_slice(json) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    };
    let known = |names: &[&str]| {
        let mut unknown = object.iter().flat_map(|object| object.keys());
        assert_eq!(unknown.find(|name| !names.contains(&name.as_str())), None, "an unknown field is skipped");
    };
    let read = serde_json::from_slice::<KeyRecord>(json);
    trace.note(read.as_ref().map(|key| (key.format, key.revoked.is_some())).map_err(error));
    if let Ok(record) = read {
        known(&["id", "name", "permissions", "format", "created", "expires", "fingerprint", "revoked"]);
        let written = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<KeyRecord>(&written).unwrap(), record);
    }
    let read = serde_json::from_slice::<SigningKeyRecord>(json);
    trace.note(read.as_ref().map(|_| ()).map_err(error));
    if let Ok(record) = read {
        known(&["key_id", "expires", "secret"]);
        let written = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<SigningKeyRecord>(&written).unwrap(), record);
        let hex = |byte: u8| format!("{byte:02x}");
        let secret: String = record.secret.iter().copied().map(hex).collect();
        assert!(!format!("{record:?}").contains(&secret), "a secret is printed");
    }
}

/// An error's text without the names and numbers that the input chose.
fn error(error: &serde_json::Error) -> String {
    error.to_string().chars().take_while(|c| !matches!(c, '`' | '"' | '0'..='9')).collect()
}
