//! The JSON that the API takes and gives.

use serde_json::{Value, json};

/// A text of at least so many characters.
pub(super) fn text(least: usize) -> Value {
    json!({ "type": "string", "minLength": least })
}

/// A reference to a schema of [`all`].
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object with these properties and no others.
fn object(required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// All schemas by their names.
pub(super) fn all() -> Value {
    let name = json!({ "type": "string", "minLength": 1, "maxLength": 255 });
    let key_info = object(
        &["key_id", "account_id", "description", "issued_at_epoch_seconds"],
        json!({
            "key_id": text(1),
            "account_id": text(1),
            "description": text(0),
            "role_id": text(1),
            "expires_at_epoch_seconds": { "type": "integer" },
            "issued_at_epoch_seconds": { "type": "integer" },
        }),
    );
    let role = object(
        &["role_id", "role_name", "role_type", "permissions"],
        json!({
            "role_id": text(1),
            "role_name": name,
            "role_type": { "type": "string", "enum": ["system", "custom"] },
            "description": text(0),
            "permissions": reference("PermissionSet"),
        }),
    );
    let expiry = json!({
        "description": "never, or the second since 1970 from which the key is refused.",
        "anyOf": [{ "const": "never" }, { "type": "integer", "minimum": 1 }],
    });
    let status = |status: &str| json!({ "const": status });
    let count = json!({ "type": "integer", "minimum": 0 });
    let value = json!({
        "anyOf": [
            object(&["text"], json!({ "text": text(0) })),
            object(&["binary"], json!({ "binary": { "type": "string", "contentEncoding": "base64" } })),
        ],
    });
    let item = object(
        &["topic_sequence_number", "sequence_page", "value"],
        json!({ "topic_sequence_number": count, "sequence_page": count, "value": value }),
    );
    let item = object(&["item"], json!({ "item": item }));
    let gap = ["last_topic_sequence", "new_topic_sequence", "new_sequence_page"];
    let numbers: serde_json::Map<_, _> = gap.iter().map(|name| ((*name).to_owned(), count.clone())).collect();
    let discontinuity = object(&["discontinuity"], json!({ "discontinuity": object(&gap, numbers.into()) }));
    let key_infos = json!({ "type": "array", "items": reference("ApiKey") });
    let roles = json!({ "type": "array", "items": reference("Role") });
    json!({
        "Error": object(&["code", "message"], json!({ "code": text(1), "message": text(1), "err": text(1) })),
        "Endpoints": {
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "items": object(&["socket_address"], json!({ "socket_address": text(1) })),
            },
        },
        "Events": object(
            &["items"],
            json!({ "items": { "type": "array", "items": { "anyOf": [item, discontinuity] } } }),
        ),
        "ApiKey": key_info,
        "ApiKeys": object(&["key_info"], json!({ "key_info": key_infos, "next_token": text(1) })),
        "NewApiKey": object(
            &["role_id", "description", "expiry"],
            json!({ "role_id": text(0), "description": name, "expiry": expiry }),
        ),
        "CreatedApiKey": object(
            &["api_key", "key_info"],
            json!({ "api_key": text(1), "key_info": reference("ApiKey") }),
        ),
        "Role": role,
        "Roles": object(&["roles"], json!({ "roles": roles, "next_token": text(1) })),
        "NewRole": object(
            &["role_name", "permissions"],
            json!({
                "role_name": name,
                "description": { "type": ["string", "null"] },
                "permissions": reference("PermissionSet"),
            }),
        ),
        "Deletion": {
            "anyOf": [
                object(&["status"], json!({ "status": status("deleted") })),
                object(
                    &["status", "account_members", "invitations", "api_keys"],
                    json!({
                        "status": status("blocked"),
                        "account_members": { "type": "array", "maxItems": 0 },
                        "invitations": { "type": "array", "maxItems": 0 },
                        "api_keys": key_infos,
                    }),
                ),
            ],
        },
        "PermissionSet": object(
            &["rules"],
            json!({
                "rules": { "type": "array", "minItems": 1, "maxItems": 100, "items": reference("Rule") },
                "conditions": {
                    "description": "This server enforces no conditions, and takes none.",
                    "type": "array",
                    "maxItems": 0,
                },
            }),
        ),
        "Rule": rule(),
    })
}

fn rule() -> Value {
    let everything = json!({ "const": "*" });
    let some = |property: &str| object(&[property], json!({ property: { "type": "string" } }));
    let name = json!({ "anyOf": [everything, some("name")] });
    let name_or_prefix = json!({ "anyOf": [everything, some("name"), some("prefix")] });
    let item = json!({ "anyOf": [everything, some("key"), some("key_prefix")] });
    let kind = |kind: &str, rights: &[&str], fields: &[(&str, &Value)]| {
        let mut properties = json!({
            "type": { "const": kind },
            "permissions": {
                "type": "array",
                "minItems": 1,
                "items": { "type": "string", "enum": rights },
            },
        });
        let mut required = vec!["type", "permissions"];
        for (field, schema) in fields {
            properties[*field] = (*schema).clone();
            // The documented rules about databases come with and without items.
            if (kind, *field) != ("database", "items") {
                required.push(field);
            }
        }
        object(&required, properties)
    };
    const ALL: &[&str] = &["read", "write", "list"];
    json!({
        "anyOf": [
            kind("account_management", &["read", "list"], &[]),
            kind("auth_management", ALL, &[("items", &everything)]),
            kind("resource_management", ALL, &[("resources", &everything)]),
            kind("cache", ALL, &[("caches", &name), ("items", &item)]),
            kind("topic", ALL, &[("caches", &name), ("topics", &name_or_prefix)]),
            kind("store", ALL, &[("stores", &name), ("items", &item)]),
            kind("function", &["invoke"], &[("caches", &name), ("functions", &name_or_prefix)]),
            kind("database", &["read", "write"], &[("databases", &name), ("items", &item)]),
        ],
    })
}
