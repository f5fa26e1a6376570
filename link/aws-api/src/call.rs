//! One request on its way through an action: who asks, for what, and the one way to change something.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use kura_model::{AccountId, Change, Cloud, State, Tags, Timestamp, Token, plan::Health};

use crate::{
    keys::{Caller, Keys},
    query::Params,
    refusal::{Answer, Refusal},
    signature::hex,
};

/// A request whose signature was true.
pub struct Call<'a> {
    pub caller: &'a Caller,
    pub params: &'a Params,
    pub keys: &'a Keys,
    /// What the health checks have found so far.
    pub health: &'a Health,
    /// EC2's `DryRun`.
    pub dry_run: bool,
    pub cloud: &'a mut dyn Cloud,
}

impl Call<'_> {
    /// Everything that exists, of every account.
    pub fn state(&self) -> &State {
        self.cloud.state()
    }

    /// Who asks.
    pub fn account(&self) -> &AccountId {
        &self.caller.account
    }

    /// When.
    pub fn now(&self) -> Timestamp {
        self.cloud.now()
    }

    /// A new identifier: the prefix and seventeen random digits.
    pub fn draw(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.cloud.hex(17))
    }

    /// Changes something, unless a parameter was not understood or this is a dry run.
    ///
    /// # Errors
    /// `UnknownParameter`, `DryRunOperation`, or why the state refuses.
    pub fn change(&mut self, change: Change) -> Answer<()> {
        self.change_once(change, None)
    }

    fn change_once(&mut self, change: Change, token: Option<Token>) -> Answer<()> {
        self.understood()?;
        let account = self.account().clone();
        Ok(self.cloud.change(&account, change, token)?)
    }

    /// The check that comes before every change and after every reading action.
    ///
    /// # Errors
    /// `UnknownParameter` for what nobody looked at; `DryRunOperation` when that is all that was asked.
    pub fn understood(&self) -> Answer<()> {
        self.params.all_used()?;
        if self.dry_run {
            let message = "Request would have succeeded, but DryRun flag is set.";
            return Err(Refusal::with_status(412, "DryRunOperation", message));
        }
        Ok(())
    }

    /// Makes something once per client token: the identifier of what was made now or by the first such request.
    ///
    /// # Errors
    /// `IdempotentParameterMismatch` when the first one had other parameters, and as [`Call::change`].
    pub fn create(&mut self, made: &str, change: Change) -> Answer<String> {
        let Some(token) = self.params.text("ClientToken").filter(|token| !token.is_empty()) else {
            self.change(change)?;
            return Ok(made.to_owned());
        };
        if token.len() > 64 || !token.is_ascii() {
            return Err(Refusal::invalid("ClientToken must be at most 64 ASCII characters"));
        }
        let parameters = self.digest();
        self.change_once(change, Some(Token { token: token.clone(), parameters }))?;
        Ok(self.state().made_by(self.account(), &token).unwrap_or(made).to_owned())
    }

    /// A digest of all parameters.
    fn digest(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for (name, value) in self.params.pairs() {
            for text in [name, value] {
                context.update(&text.len().to_be_bytes());
                context.update(text.as_bytes());
            }
        }
        hex(context.finish().as_ref())
    }

    /// The tags for what is about to be made.
    ///
    /// # Errors
    /// As [`Call::tags_by_kind`].
    pub fn tags_for(&self, kind: &str) -> Answer<Tags> {
        Ok(self.tags_by_kind(&[kind])?.remove(kind).unwrap_or_default())
    }

    /// `TagSpecification.N`, by resource type.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a type that is not among `kinds`, or comes twice.
    pub fn tags_by_kind(&self, kinds: &[&str]) -> Answer<BTreeMap<String, Tags>> {
        let mut by_kind = BTreeMap::new();
        for specification in self.params.list("TagSpecification") {
            let kind = specification.need("ResourceType")?;
            if !kinds.contains(&kind.as_str()) {
                return Err(Refusal::invalid(format!(
                    "'{kind}' is not a valid taggable resource type for this operation."
                )));
            }
            let tags = specification.tags("Tag")?;
            if by_kind.insert(kind.clone(), tags).is_some() {
                return Err(Refusal::invalid(format!("Duplicate TagSpecification for '{kind}'")));
            }
        }
        Ok(by_kind)
    }
}
