//! What a user configured: the files `credentials` and `config`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kura_base::Clock;

use crate::access::Credentials;
use crate::error::CliError;
use crate::ini;

/// A session that ends within this many seconds is not used any more.
const SESSION_MARGIN_SECONDS: u64 = 10;

const SESSION: &str = ".momento_session";

/// A profile's defaults; both must be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// The cache that commands are about when none is named.
    pub(crate) cache: String,
    /// How long an item lives when nothing else is said, in seconds.
    pub(crate) ttl_seconds: u64,
}

/// Where the files are: `$MOMENTO_CONFIG_DIR`, or `.momento` in the home directory.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    dir: PathBuf,
}

impl Files {
    pub(crate) fn locate() -> Result<Self, CliError> {
        let named = std::env::var_os("MOMENTO_CONFIG_DIR").filter(|dir| !dir.is_empty());
        let dir = named.map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".momento")));
        dir.map(|dir| Self { dir }).ok_or_else(|| CliError::new("could not find home dir"))
    }

    /// The credentials that a command of `profile` uses: a live session before all others.
    pub(crate) fn credentials(&self, profile: &str, clock: &impl Clock) -> Result<Credentials, CliError> {
        let text = self.read("credentials").map_err(|error| unreadable(&error))?;
        credentials(&text, profile, clock.now().epoch_seconds())
    }

    /// The credentials that `profile` itself has, whatever session there is.
    pub(crate) fn profile_credentials(&self, profile: &str) -> Result<Credentials, CliError> {
        let text = self.read("credentials").map_err(|error| unreadable(&error))?;
        of_profile(&text, profile)
    }

    /// The defaults of `profile`.
    pub(crate) fn config(&self, profile: &str) -> Result<Config, CliError> {
        let text = self.read("config").map_err(|error| unreadable(&error))?;
        let missing = |what| {
            CliError::new(format!(
                "failed to get {what} config for profile {profile}, please run 'momento configure' to configure your profile"
            ))
        };
        let cache = ini::get(&text, profile, "cache").ok_or_else(|| missing("cache"))?.to_owned();
        let ttl = ini::get(&text, profile, "ttl").ok_or_else(|| missing("ttl"))?;
        let ttl_seconds = ttl.parse().map_err(|error| {
            CliError::new(format!("could not parse the ttl {ttl:?} of profile {profile} as seconds: {error}"))
        })?;
        Ok(Config { cache, ttl_seconds })
    }

    /// Writes a profile's credentials.
    pub(crate) fn set_credentials(&self, profile: &str, credentials: &Credentials) -> Result<(), CliError> {
        let pairs = match credentials {
            Credentials::Token(token) => vec![("token", token.as_str())],
            Credentials::V2 { key, endpoint } => vec![("api_key_v2", key.as_str()), ("endpoint", endpoint)],
            Credentials::Plaintext { endpoint } => vec![("endpoint", endpoint.as_str())],
        };
        self.update("credentials", profile, &["token", "api_key_v2", "endpoint"], &pairs)
    }

    /// Writes a profile's defaults.
    pub(crate) fn set_config(&self, profile: &str, config: &Config) -> Result<(), CliError> {
        let ttl = config.ttl_seconds.to_string();
        self.update("config", profile, &["cache", "ttl"], &[("cache", &config.cache), ("ttl", &ttl)])
    }

    fn read(&self, name: &str) -> io::Result<String> {
        let path = self.dir.join(name);
        std::fs::read_to_string(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    fn update(
        &self,
        name: &str,
        profile: &str,
        owned: &[&str],
        pairs: &[(&str, &str)],
    ) -> Result<(), CliError> {
        if let Some((key, _)) = pairs.iter().find(|(_, value)| !ini::can_hold(value)) {
            let message =
                format!("the {key} has a character that the file cannot hold: ';', '#' or white space");
            return Err(CliError::new(message));
        }
        let failed = |error: io::Error| CliError::new(format!("failed to write {name}: {error}"));
        let text = match self.read(name) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(failed)?;
        replace(&self.dir.join(name), &ini::set(&text, profile, owned, pairs)).map_err(failed)
    }
}

fn unreadable(error: &io::Error) -> CliError {
    CliError::new(format!(
        "failed to read credentials, please run 'momento configure' to setup credentials. Root cause: {error}"
    ))
}

/// Replaces a file as a whole, readable by its owner only; a link stays a link.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut new = path.clone().into_os_string();
    new.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(new);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.set_permissions(PermissionsExt::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

fn credentials(text: &str, profile: &str, now_seconds: u64) -> Result<Credentials, CliError> {
    if let Some(token) = session(text, now_seconds) {
        return Ok(Credentials::Token(token));
    }
    of_profile(text, profile)
}

fn of_profile(text: &str, profile: &str) -> Result<Credentials, CliError> {
    let value = |key| ini::get(text, profile, key).map(str::to_owned);
    match (value("token"), value("api_key_v2"), value("endpoint")) {
        (Some(token), _, _) => Ok(Credentials::Token(token)),
        (None, Some(key), Some(endpoint)) => Ok(Credentials::V2 { key, endpoint }),
        (None, None, Some(endpoint)) if endpoint.starts_with("http://") => {
            Ok(Credentials::Plaintext { endpoint })
        }
        _ => Err(CliError::new(format!(
            "failed to get credentials for profile {profile}, please run 'momento configure' to configure your profile"
        ))),
    }
}

fn session(text: &str, now_seconds: u64) -> Option<String> {
    let note = |words: &str| tracing::debug!(target: "momento::utils::user", "{words}");
    if let Some(token) = ini::get(text, SESSION, "token") {
        match ini::get(text, SESSION, "valid_until").map(|until| until.parse().unwrap_or(0)) {
            Some(until) if now_seconds.saturating_add(SESSION_MARGIN_SECONDS) < until => {
                note(&format!("Found user session expiring in {}m", (until - now_seconds) / 60));
                return Some(token.to_owned());
            }
            Some(until) => note(&format!("Token already expired at: {until}")),
            None => note(".momento_session profile is missing the expiry time. Skipping this session..."),
        }
    }
    note("No session found in .momento_session profile...");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_session_wins_then_the_token_then_the_v2_key() {
        let all = "[p]\ntoken=t\napi_key_v2=k\nendpoint=e\n[.momento_session]\ntoken=s\nvalid_until=1000\n";
        assert_eq!(credentials(all, "p", 989).unwrap(), Credentials::Token("s".into()));
        assert_eq!(credentials(all, "p", 990).unwrap(), Credentials::Token("t".into()));
        let v2 = Credentials::V2 { key: "k".into(), endpoint: "e".into() };
        assert_eq!(credentials("[p]\napi_key_v2=k\nendpoint=e", "p", 0).unwrap(), v2);
        let endless = "[p]\ntoken=t\n[.momento_session]\ntoken=s\n";
        assert_eq!(credentials(endless, "p", 0).unwrap(), Credentials::Token("t".into()));
    }

    #[test]
    fn an_endpoint_alone_is_enough_for_plaintext_only() {
        let plain = Credentials::Plaintext { endpoint: "http://h:1".into() };
        assert_eq!(credentials("[p]\nendpoint=http://h:1", "p", 0).unwrap(), plain);
        assert!(credentials("[p]\nendpoint=h", "p", 0).is_err());
        assert!(credentials("[p]\napi_key_v2=k", "p", 0).is_err());
    }
}
