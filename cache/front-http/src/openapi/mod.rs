//! The OpenAPI document, made from the table of routes: no route is missing in it and none is left
//! over. What an operation takes and answers stands here, beside nothing but the schemas.

mod schemas;

use std::sync::LazyLock;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value, json};

use crate::content::Content;
use crate::problem::Form;
use crate::route::{Operation, ROUTES, Route};

/// `GET /openapi.json`.
pub(crate) fn describe() -> Response<Content> {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
    let mut response = Response::new(Content::whole(DOCUMENT.clone()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kura",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Momento's HTTP API as this server answers it. gRPC and grpc-web share its port.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "header": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "The API key as it is, with no scheme before it.",
                },
                "query": {
                    "type": "apiKey", "in": "query", "name": "token",
                    "description": "The API key; not together with the header.",
                },
            },
        },
    })
}

/// What an operation answers when all is well: status, what that means, content type, schema.
type Success = (&'static str, &'static str, Option<(&'static str, Value)>);

/// What is said of an operation.
struct About {
    id: &'static str,
    summary: &'static str,
    query: Value,
    /// Content types of its body and the body's schema.
    body: Option<(&'static [&'static str], Value)>,
    success: Success,
    /// Statuses of failures beyond those that all operations have.
    failures: &'static [(&'static str, &'static str)],
}

fn operation(route: &Route) -> Value {
    let about = about(route.operation);
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": schemas::text(1) }))
        .collect();
    parameters.extend(about.query.as_array().into_iter().flatten().cloned());
    let (status, meaning, content) = about.success;
    let mut responses = Map::new();
    responses.insert(status.to_owned(), response(meaning, content));
    if !route.operation.is_open() {
        let common = [
            ("400", "The request is wrong; the body says how."),
            ("401", "The API key is missing, unknown, revoked or expired."),
            ("403", "The API key may not do this."),
            ("500", "The server failed; its log says how."),
        ];
        for (status, meaning) in common.iter().chain(about.failures) {
            responses.insert((*status).to_owned(), response(meaning, Some(failure(route.operation))));
        }
    }
    let mut operation = json!({
        "operationId": about.id,
        "summary": about.summary,
        "parameters": parameters,
        "responses": responses,
        "security": security(route.operation),
    });
    if let Some((kinds, schema)) = about.body {
        let content: Map<String, Value> =
            kinds.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": schema }))).collect();
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

fn response(meaning: &str, content: Option<(&str, Value)>) -> Value {
    match content {
        None => json!({ "description": meaning }),
        Some((kind, schema)) => json!({ "description": meaning, "content": { kind: { "schema": schema } } }),
    }
}

fn failure(operation: Operation) -> (&'static str, Value) {
    match operation.form() {
        Form::Text => ("text/plain", json!({ "type": "string" })),
        Form::Json => ("application/json", schemas::reference("Error")),
    }
}

fn security(operation: Operation) -> Value {
    if operation.is_open() {
        json!([])
    } else if operation.is_of_a_cache() {
        json!([{ "header": [] }, { "query": [] }])
    } else {
        json!([{ "header": [] }])
    }
}

fn parameter(name: &str, required: bool, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "required": required, "description": description, "schema": schema })
}

/// The two ways to name a key, one of which is needed.
fn key() -> Vec<Value> {
    vec![
        parameter("key", false, "The key as text; either this or key_base64.", schemas::text(1)),
        parameter(
            "key_base64",
            false,
            "The key in URL-safe base64; either this or key.",
            json!({ "type": "string", "minLength": 2, "pattern": "^[A-Za-z0-9_-]+={0,2}$" }),
        ),
    ]
}

fn page() -> Vec<Value> {
    vec![
        parameter(
            "limit",
            false,
            "Most entries of a page.",
            json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 100 }),
        ),
        parameter("next_token", false, "The next_token of the page before.", json!({ "type": "string" })),
    ]
}

const NO_CACHE: (&str, &str) = ("404", "Cache Not Found");
const NO_ROLE: (&str, &str) = ("404", "There is no such role.");
const NO_ENTRY: (&str, &str) = ("404", "There is no such key.");
const TOO_LARGE: (&str, &str) = ("413", "The body is too large.");
const NOT_JSON: (&str, &str) = ("415", "The body is not said to be application/json.");
const TOO_MANY: (&str, &str) = ("429", "There are as many as the server allows.");
const DISK_FULL: (&str, &str) = ("507", "The server could not write to its disk.");
const NAME_TAKEN: (&str, &str) = ("409", "A role has this name already.");
const SYSTEM_ROLE: (&str, &str) = ("412", "A system role cannot be changed.");
const TOO_MANY_SUBSCRIPTIONS: (&str, &str) = ("429", "There are as many subscriptions as the server allows.");
const STOPPING: (&str, &str) = ("503", "The server stops.");
const BINARY: &str = "application/octet-stream";
const JSON: &str = "application/json";

fn about(operation: Operation) -> About {
    let answers = |name: &str| ("200", "Done.", Some((JSON, schemas::reference(name))));
    let nothing: Success = ("204", "Done.", None);
    let (id, summary, query, body, success, failures): (_, _, Vec<Value>, _, Success, &'static [_]) =
        match operation {
            Operation::GetItem => (
                "getItem",
                "Read an item",
                key(),
                None,
                ("200", "The value.", Some((BINARY, json!({})))),
                &[("404", "Key Not Found, or Cache Not Found")],
            ),
            Operation::PutItem => {
                let ttl = json!({ "type": "integer", "minimum": 1 });
                let ttl = parameter("ttl_seconds", true, "How long the item lives.", ttl);
                let query = key().into_iter().chain([ttl]).collect();
                let body: Option<(&'static [&'static str], _)> = Some((&[BINARY], json!({})));
                ("putItem", "Write an item", query, body, nothing, &[NO_CACHE, TOO_LARGE])
            }
            Operation::DeleteItem => ("deleteItem", "Delete an item", key(), None, nothing, &[NO_CACHE]),
            Operation::Publish => (
                "publish",
                "Publish a message",
                vec![],
                Some((&["text/plain", BINARY], json!({}))),
                nothing,
                &[NO_CACHE, TOO_LARGE],
            ),
            Operation::Poll => {
                let number = || json!({ "type": "integer", "minimum": 0, "default": 0 });
                let sequence = "The number of the message expected next; 0 for the latest.";
                let page = "The sequence_page that came last; 0 for the current one.";
                let query = vec![
                    parameter("sequence_number", false, sequence, number()),
                    parameter("sequence_page", false, page, number()),
                ];
                let failures = &[NO_CACHE, TOO_MANY_SUBSCRIPTIONS, STOPPING];
                ("poll", "Wait for messages", query, None, answers("Events"), failures)
            }
            Operation::ListEndpoints => {
                let private = parameter(
                    "private",
                    false,
                    "Those on the private network.",
                    json!({ "type": "boolean", "default": false }),
                );
                ("listEndpoints", "List servers by zone", vec![private], None, answers("Endpoints"), &[])
            }
            Operation::ListKeys => ("listApiKeys", "List API keys", page(), None, answers("ApiKeys"), &[]),
            Operation::CreateKey => (
                "createApiKey",
                "Make an API key",
                vec![],
                Some((&[JSON], schemas::reference("NewApiKey"))),
                answers("CreatedApiKey"),
                &[NO_ROLE, TOO_LARGE, NOT_JSON, TOO_MANY, DISK_FULL],
            ),
            Operation::RevokeKey => (
                "revokeApiKey",
                "Revoke an API key",
                vec![],
                None,
                ("200", "Done.", Some((JSON, json!({ "type": "object", "maxProperties": 0 })))),
                &[NO_ENTRY, DISK_FULL],
            ),
            Operation::ListRoles => {
                let kind = json!({ "type": "string", "enum": ["system", "custom"] });
                let kind = parameter("type", false, "Only roles of this type.", kind);
                let query = page().into_iter().chain([kind]).collect();
                ("listRoles", "List roles", query, None, answers("Roles"), &[])
            }
            Operation::CreateRole => (
                "createRole",
                "Make a role",
                vec![],
                Some((&[JSON], schemas::reference("NewRole"))),
                answers("Role"),
                &[NAME_TAKEN, TOO_LARGE, NOT_JSON, TOO_MANY, DISK_FULL],
            ),
            Operation::UpdateRole => (
                "updateRole",
                "Replace a role; without a description it keeps the one that it has",
                vec![],
                Some((&[JSON], schemas::reference("NewRole"))),
                answers("Role"),
                &[NO_ROLE, NAME_TAKEN, SYSTEM_ROLE, TOO_LARGE, NOT_JSON, DISK_FULL],
            ),
            Operation::DeleteRole => (
                "deleteRole",
                "Delete a role that no key is of",
                vec![],
                None,
                answers("Deletion"),
                &[NO_ROLE, SYSTEM_ROLE, DISK_FULL],
            ),
            Operation::Describe => (
                "describe",
                "This document",
                vec![],
                None,
                ("200", "The document.", Some((JSON, json!({ "type": "object" })))),
                &[],
            ),
        };
    About { id, summary, query: query.into(), body, success, failures }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_route_is_described_once_and_every_reference_leads_somewhere() {
        let document = document();
        let mut ids = HashSet::new();
        for route in ROUTES {
            let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{}", route.path);
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let text = document.to_string();
        for part in text.split("\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
        for name in schemas.keys() {
            assert!(text.contains(&format!("schemas/{name}\"")), "nothing refers to {name}");
        }
    }
}
