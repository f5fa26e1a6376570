//! Access keys: who a signed request is from.
//!
//! Kept apart from the journal, in a file only its owner may read, since they are secrets.

use std::fmt::{self, Write as _};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kura_model::AccountId;
use serde::{Deserialize, Serialize};

use crate::rim;

/// The keys' file in the state directory.
const FILE: &str = "keys.json";
/// What a shell reads to use the first account.
const ENVIRONMENT: &str = "aws.env";
/// The account a new state begins with.
pub const FIRST_ACCOUNT: &str = "000000000000";

/// An access key of an account.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccessKey {
    /// `AKIA` and sixteen capital letters and digits.
    pub id: String,
    /// Forty characters.
    pub secret: String,
    pub account: AccountId,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Every access key there is.
pub struct Keys {
    dir: PathBuf,
    keys: Vec<AccessKey>,
}

impl Keys {
    /// Reads the keys of a state directory; a new one gets a key for the first account.
    ///
    /// # Errors
    /// What the operating system said, or that the file is not what was written, naming it.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let keys = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} does not hold access keys", path.display()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let mut keys = Self { dir: dir.to_owned(), keys };
        if keys.keys.is_empty() {
            keys.create(&AccountId::new(FIRST_ACCOUNT))?;
        }
        Ok(keys)
    }

    /// All of them, oldest first.
    pub fn all(&self) -> &[AccessKey] {
        &self.keys
    }

    /// The accounts that have a key, in the order of their first.
    pub fn accounts(&self) -> Vec<AccountId> {
        let mut accounts: Vec<AccountId> = Vec::new();
        for key in &self.keys {
            if !accounts.contains(&key.account) {
                accounts.push(key.account.clone());
            }
        }
        accounts
    }

    /// Makes a key for an account, which may be a new one.
    ///
    /// # Errors
    /// An account that is not twelve digits, and what the operating system said.
    pub fn create(&mut self, account: &AccountId) -> Result<AccessKey> {
        let text = account.as_str();
        ensure!(
            text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()),
            "an account is twelve digits, such as 111111111111; {text:?} is not"
        );
        let key = AccessKey {
            id: format!("AKIA{}", rim::text(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
            secret: rim::text(40, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
            account: account.clone(),
        };
        self.keys.push(key.clone());
        let kept = serde_json::to_vec_pretty(&self.keys).map_err(io::Error::from);
        let written = kept.and_then(|bytes| write_private(&self.dir, FILE, &bytes));
        if written.is_err() {
            self.keys.pop();
        }
        written.with_context(|| format!("cannot write {}", self.dir.join(FILE).display()))?;
        Ok(key)
    }

    /// Writes what a shell reads: the first account under the names that `aws` and the SDKs know, and every account
    /// under these names with its number behind.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn write_environment(&self, listen: SocketAddr, region: &str) -> io::Result<PathBuf> {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "export {name}='{value}'");
        };
        if let Some(first) = self.keys.first() {
            line("AWS_ACCESS_KEY_ID", &first.id);
            line("AWS_SECRET_ACCESS_KEY", &first.secret);
        }
        line("AWS_DEFAULT_REGION", region);
        line("AWS_REGION", region);
        line("AWS_ENDPOINT_URL", &format!("http://{listen}"));
        for account in self.accounts() {
            if let Some(key) = self.keys.iter().find(|key| key.account == account) {
                line(&format!("AWS_ACCESS_KEY_ID_{account}"), &key.id);
                line(&format!("AWS_SECRET_ACCESS_KEY_{account}"), &key.secret);
            }
        }
        write_private(&self.dir, ENVIRONMENT, text.as_bytes())?;
        Ok(self.dir.join(ENVIRONMENT))
    }
}

/// Puts a file that only its owner may read in place of the old one, whole or not at all.
fn write_private(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = dir.join(format!("{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(new, dir.join(name))?;
    std::fs::File::open(dir)?.sync_all()
}
