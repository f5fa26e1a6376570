//! Whose key is it: access keys, and the temporary ones `AssumeRole` hands out.

use std::{collections::BTreeMap, fmt};

use kura_model::{AccountId, Timestamp};
use parking_lot::Mutex;

/// The most temporary keys that are kept; the one that ends first makes room.
const MOST_TEMPORARY: usize = 10_000;

/// One access key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Such as `AKIA…`.
    pub id: String,
    pub secret: String,
    pub caller: Caller,
    /// What must come with each request, and when it ends: for a temporary key.
    pub session: Option<Session>,
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: AccountId,
    /// Such as `arn:aws:iam::000000000000:root`.
    pub arn: String,
    pub user_id: String,
}

impl Caller {
    /// The account itself.
    pub fn root(account: AccountId) -> Self {
        Self { arn: format!("arn:aws:iam::{account}:root"), user_id: account.to_string(), account }
    }
}

/// What makes a key a temporary one.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    pub token: String,
    pub until: Timestamp,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// All keys that may sign. Temporary ones live in memory: a restart ends them, and a client draws new ones.
#[derive(Debug, Default)]
pub struct Keys {
    lasting: BTreeMap<String, Key>,
    temporary: Mutex<BTreeMap<String, Key>>,
}

impl Keys {
    /// Lasting keys: access key id, secret, and the account they act for.
    pub fn new(keys: impl IntoIterator<Item = (String, String, AccountId)>) -> Self {
        let mut all = Self::default();
        keys.into_iter().for_each(|(id, secret, account)| all.add(id, secret, account));
        all
    }

    /// One more lasting key.
    pub fn add(&mut self, id: String, secret: String, account: AccountId) {
        self.lasting.insert(id.clone(), Key { id, secret, caller: Caller::root(account), session: None });
    }

    /// The key of an id.
    pub fn find(&self, id: &str) -> Option<Key> {
        self.lasting.get(id).cloned().or_else(|| self.temporary.lock().get(id).cloned())
    }

    /// Whether some lasting key acts for an account.
    pub fn has_account(&self, account: &AccountId) -> bool {
        self.lasting.values().any(|key| key.caller.account == *account)
    }

    /// The account with the lowest number.
    pub fn first_account(&self) -> Option<AccountId> {
        self.lasting.values().map(|key| &key.caller.account).min().cloned()
    }

    /// Remembers a temporary key and forgets those that ended.
    pub fn lend(&self, key: Key, now: Timestamp) {
        let until = |key: &Key| key.session.as_ref().map_or(Timestamp::MAX, |session| session.until);
        let mut temporary = self.temporary.lock();
        temporary.retain(|_, key| until(key) > now);
        if temporary.len() >= MOST_TEMPORARY
            && let Some(first) = temporary.values().min_by_key(|key| until(key)).map(|key| key.id.clone())
        {
            temporary.remove(&first);
        }
        temporary.insert(key.id.clone(), key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_an_ended_key_is_forgotten() {
        let keys = Keys::new([("AKIA1".into(), "hush".into(), AccountId::from("000000000000"))]);
        assert!(!format!("{keys:?}").contains("hush"));
        let mut key = keys.find("AKIA1").unwrap();
        key.id = "ASIA1".into();
        key.session = Some(Session { token: "t".into(), until: 10 });
        keys.lend(key.clone(), 5);
        assert!(keys.find("ASIA1").is_some());
        key.id = "ASIA2".into();
        keys.lend(key, 10);
        assert!(keys.find("ASIA1").is_none());
    }
}
