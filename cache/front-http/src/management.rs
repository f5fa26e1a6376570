//! `/api-keys` and `/roles`. What changes something is synced to disk, so it runs on the blocking pool.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use kura_commands::{
    ApiKeyInfo, Commands, Deletion, Error, Managed, Need, NewRole, PermissionSet, Role, RoleKind, Session,
};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use crate::content::Content;
use crate::endpoints::json_response;
use crate::problem::Problem;
use crate::query::Query;
use crate::{Http, body};

/// Largest body in bytes: room for the most rules that a role may have.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Most entries of a page, and how many it has unless asked for less.
const MAX_PAGE: usize = 100;
/// The account of all keys: a server of one's own has one.
const ACCOUNT: &str = "kura";

/// The body of `POST /api-keys`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateKey {
    role_id: String,
    description: String,
    #[serde(deserialize_with = "expiry")]
    expiry: Option<u64>,
}

/// The body of `POST /roles` and `PUT /roles/{role_id}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleBody {
    role_name: String,
    #[serde(default)]
    description: Option<String>,
    permissions: PermissionSet,
}

fn expiry<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) if text == "never" => Ok(None),
        Value::Number(number) if number.is_u64() => Ok(number.as_u64()),
        other => Err(de::Error::custom(format!(
            "expiry is {other}; give \"never\" or a whole number of seconds since 1970"
        ))),
    }
}

impl From<RoleBody> for NewRole {
    fn from(body: RoleBody) -> Self {
        Self { name: body.role_name, description: body.description, permissions: body.permissions }
    }
}

/// `GET /api-keys`.
pub(crate) fn list_keys(
    http: &Http,
    session: &Session,
    query: Query<'_>,
) -> Result<Response<Content>, Problem> {
    let (after, limit) = page(query)?;
    let (keys, more) = http.commands.list_api_keys(session, &after, limit)?;
    let next = keys.last().filter(|_| more).map(|key| key.id.clone());
    let keys: Vec<Value> = keys.iter().map(key_info).collect();
    Ok(json_response(&paged("key_info", keys, next)))
}

/// `POST /api-keys`.
pub(crate) async fn create_key<B>(
    http: &Http,
    session: &Arc<Session>,
    headers: &HeaderMap,
    body: B,
) -> Result<Response<Content>, Problem>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let CreateKey { role_id, description, expiry } = read(http, session, headers, body).await?;
    let random = random(http)?;
    let (token, key) = change(http, session, move |commands, session| {
        commands.create_api_key(session, &role_id, &description, expiry, &random)
    })
    .await?;
    Ok(json_response(&json!({ "api_key": token, "key_info": key_info(&key) })))
}

/// `DELETE /api-keys/{key_id}`.
pub(crate) async fn revoke_key(
    http: &Http,
    session: &Arc<Session>,
    id: &str,
) -> Result<Response<Content>, Problem> {
    let id = id.to_owned();
    change(http, session, move |commands, session| commands.revoke_api_key(session, &id)).await?;
    Ok(json_response(&json!({})))
}

/// `GET /roles`.
pub(crate) fn list_roles(
    http: &Http,
    session: &Session,
    query: Query<'_>,
) -> Result<Response<Content>, Problem> {
    let (after, limit) = page(query)?;
    let kind = match query.text("type")?.as_deref() {
        None => None,
        Some("system") => Some(RoleKind::System),
        Some("custom") => Some(RoleKind::Custom),
        Some(other) => {
            return Err(Problem::bad_request(format!("type is {other:?}; give system or custom")));
        }
    };
    let (roles, more) = http.commands.list_roles(session, kind, &after, limit)?;
    let next = roles.last().filter(|_| more).map(|role| role.id.clone());
    let roles: Vec<Value> = roles.iter().map(role).collect();
    Ok(json_response(&paged("roles", roles, next)))
}

/// `POST /roles`.
pub(crate) async fn create_role<B>(
    http: &Http,
    session: &Arc<Session>,
    headers: &HeaderMap,
    body: B,
) -> Result<Response<Content>, Problem>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let new: RoleBody = read(http, session, headers, body).await?;
    let random = random(http)?;
    let made =
        change(http, session, move |commands, session| commands.create_role(session, new.into(), &random));
    Ok(json_response(&role(&made.await?)))
}

/// `PUT /roles/{role_id}`.
pub(crate) async fn update_role<B>(
    http: &Http,
    session: &Arc<Session>,
    id: &str,
    headers: &HeaderMap,
    body: B,
) -> Result<Response<Content>, Problem>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let new: RoleBody = read(http, session, headers, body).await?;
    let id = id.to_owned();
    let changed =
        change(http, session, move |commands, session| commands.update_role(session, &id, new.into()));
    Ok(json_response(&role(&changed.await?)))
}

/// `DELETE /roles/{role_id}`.
pub(crate) async fn delete_role(
    http: &Http,
    session: &Arc<Session>,
    id: &str,
) -> Result<Response<Content>, Problem> {
    let id = id.to_owned();
    let deletion = change(http, session, move |commands, session| commands.delete_role(session, &id));
    Ok(json_response(&match deletion.await? {
        Deletion::Deleted => json!({ "status": "deleted" }),
        // An account of one's own has no members to invite.
        Deletion::Blocked(keys) => json!({
            "status": "blocked",
            "account_members": [],
            "invitations": [],
            "api_keys": keys.iter().map(key_info).collect::<Vec<_>>(),
        }),
    }))
}

fn key_info(key: &ApiKeyInfo) -> Value {
    let mut info = json!({
        "key_id": key.id,
        "account_id": ACCOUNT,
        "description": key.description,
        "issued_at_epoch_seconds": key.issued,
    });
    if let Some(role) = &key.role {
        info["role_id"] = json!(role);
    }
    if let Some(expires) = key.expires {
        info["expires_at_epoch_seconds"] = json!(expires);
    }
    info
}

fn role(role: &Role) -> Value {
    let kind = match role.kind {
        RoleKind::System => "system",
        RoleKind::Custom => "custom",
    };
    let mut shown = json!({
        "role_id": role.id,
        "role_name": role.name,
        "role_type": kind,
        "permissions": role.permissions,
    });
    if let Some(description) = &role.description {
        shown["description"] = json!(description);
    }
    shown
}

fn paged(name: &str, entries: Vec<Value>, next: Option<String>) -> Value {
    let mut page = json!({ name: entries });
    if let Some(next) = next {
        page["next_token"] = json!(next);
    }
    page
}

/// After which id a page begins, and how many entries it may have.
fn page(query: Query<'_>) -> Result<(String, usize), Problem> {
    let after = query.text("next_token")?.unwrap_or_default();
    let limit = match query.text("limit")? {
        None => MAX_PAGE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_PAGE).contains(limit) && text.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| {
                Problem::bad_request(format!("limit is {text:?}; give a number from 1 to {MAX_PAGE}"))
            })?,
    };
    Ok((after, limit))
}

/// Reads a body that is JSON, of somebody who may change something.
async fn read<B, T>(http: &Http, session: &Session, headers: &HeaderMap, body: B) -> Result<T, Problem>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
    T: de::DeserializeOwned,
{
    session.authorize_managing(Need::Write, Managed::Keys)?;
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("the content type is {kind:?}; send application/json"),
        ));
    }
    let (bytes, _room) = body::read(body, MAX_BODY_BYTES, &http.budget).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::bad_request(format!("the body is not the JSON that it should be: {error}")))
}

fn random(http: &Http) -> Result<[u8; 48], Problem> {
    (http.random)().ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the operating system gives no randomness")
    })
}

/// Carries out what waits for the disk.
async fn change<T: Send + 'static>(
    http: &Http,
    session: &Arc<Session>,
    work: impl FnOnce(&Commands, &Session) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let (commands, session) = (http.commands.clone(), session.clone());
    let done = tokio::task::spawn_blocking(move || work(&commands, &session)).await;
    let done = done.map_err(|_| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the request broke off inside the server; see its log",
        )
    })?;
    Ok(done?)
}
