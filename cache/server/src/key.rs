//! `kura key`: making, listing and revoking API keys.

mod access;
mod lifetime;
mod print;

use clap::{Args, Subcommand, ValueEnum};
use kura_tokens::{Format, Grant, Permissions};

use crate::admin::{Answer, NewKey, Place, Request, unexpected};
use access::{Role, parse_grant, parse_items, parse_topics};
use lifetime::Lifetime;

/// Makes, lists and revokes API keys.
#[derive(Debug, Args)]
pub(crate) struct KeyCommand {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a key and prints it, this once.
    Create(Create),
    /// Lists all keys, oldest first.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revokes a key: within a second, the server accepts it no more.
    Revoke {
        /// The key's id, as `kura key list` shows it.
        id: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// What to call the key.
    #[arg(long)]
    name: String,
    /// What the key allows.
    #[arg(long, value_enum, default_value_t = Role::Superuser)]
    role: Role,
    /// Allows access to one cache, its items and topics, as name:readwrite, name:readonly or name:writeonly; can be
    /// given several times.
    #[arg(long = "cache", value_name = "NAME:ACCESS", value_parser = parse_grant, conflicts_with = "role")]
    caches: Vec<Grant>,
    /// Allows access to items of one cache by their keys, as name:access=key or, for a prefix,
    /// name:access=prefix*; can be given several times.
    #[arg(long, value_name = "NAME:ACCESS=KEY", value_parser = parse_items, conflicts_with = "role")]
    items: Vec<Grant>,
    /// Allows access to topics of one cache, as name:access=topic or name:access=prefix*; readonly
    /// subscribes, writeonly publishes; can be given several times.
    #[arg(long, value_name = "NAME:ACCESS=TOPIC", value_parser = parse_topics, conflicts_with = "role")]
    topics: Vec<Grant>,
    /// When the key expires, counted from now: like 30d, 12h, 45m, 10s, or never.
    #[arg(long, value_name = "TIME", default_value = "never")]
    expires: Lifetime,
    /// The form of the key: v2 is configured together with an endpoint, v1 carries it.
    #[arg(long, value_enum, default_value_t = KeyFormat::V2)]
    format: KeyFormat,
    /// The endpoint in a v1 key, host or host:port [default: the cell's host name].
    #[arg(long)]
    endpoint: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeyFormat {
    V1,
    V2,
}

impl KeyCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Why it could not be done, for the user to read.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self { place, action } = self;
        match action {
            Action::Create(create) => {
                let json = create.json;
                match place.perform(&Request::CreateKey(create.into()))? {
                    Answer::KeyCreated(key) => print::created(&key, json),
                    _ => Err(unexpected()),
                }
            }
            Action::List { json } => match place.perform(&Request::ListKeys)? {
                Answer::Keys(keys) => print::list(&keys, json),
                _ => Err(unexpected()),
            },
            Action::Revoke { id } => match place.perform(&Request::RevokeKey { id: id.clone() })? {
                Answer::Changed { changed: true } => print::note(&format!("{id} is revoked.")),
                Answer::Changed { changed: false } => print::note(&format!("{id} was revoked before.")),
                _ => Err(unexpected()),
            },
        }
    }
}

impl From<Create> for NewKey {
    fn from(create: Create) -> Self {
        let grants = [create.caches, create.items, create.topics].concat();
        let permissions = match grants {
            none if none.is_empty() => create.role.permissions(),
            grants => Permissions::Explicit(grants),
        };
        Self {
            name: create.name,
            permissions,
            format: match create.format {
                KeyFormat::V1 => Format::V1,
                KeyFormat::V2 => Format::V2,
            },
            lifetime_seconds: create.expires.seconds(),
            endpoint: create.endpoint,
        }
    }
}
