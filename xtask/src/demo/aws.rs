//! The real `aws` command line as one account.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::Run;

/// It takes a second to start on two busy cores, and `wait` looks every five seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// `aws` with an account's key.
pub(crate) struct Aws {
    who: &'static str,
    account: &'static str,
    run: Run,
}

impl Aws {
    /// `run` is `aws` with the key in its environment and the endpoint as its first arguments.
    pub(crate) fn new(who: &'static str, account: &'static str, run: Run) -> Self {
        // Nothing of the user's own configuration, and no proxy.
        let run = run
            .args(["--output", "json"])
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
            .limit(LIMIT);
        Self { who, account, run }
    }

    /// The ARN that stands for the whole account.
    pub(crate) fn principal(&self) -> String {
        format!("arn:aws:iam::{}:root", self.account)
    }

    /// Runs a command with its output shown; the answer, null if it has none.
    pub(crate) fn ask<'b>(&self, args: impl IntoIterator<Item = &'b str>) -> Result<Value> {
        let run = self.command(args);
        let said = run.shown()?;
        if said.out.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&said.out.join("\n")).with_context(|| format!("`{run}` printed no JSON"))
    }

    /// Runs a command whose output is a word.
    pub(crate) fn word<'b>(&self, args: impl IntoIterator<Item = &'b str>) -> Result<String> {
        match self.ask(args)? {
            Value::String(word) => Ok(word),
            other => anyhow::bail!("one word was expected, not {other}"),
        }
    }

    /// Runs a command that must be refused with AWS's `code` and every one of `words`.
    pub(crate) fn refused<'b>(
        &self,
        code: &str,
        words: &[&str],
        args: impl IntoIterator<Item = &'b str>,
    ) -> Result<()> {
        let run = self.command(args);
        let said = run.collect(true)?;
        ensure!(!said.status.success(), "`{run}` should have been refused");
        let all = said.all.join("\n");
        let code = format!("({code})");
        for word in [code.as_str()].iter().chain(words) {
            ensure!(all.contains(word), "the refusal does not say {word:?}");
        }
        Ok(())
    }

    fn command<'b>(&self, args: impl IntoIterator<Item = &'b str>) -> Run {
        let run = self.run.clone().args(args);
        println!("{}$ {run}", self.who);
        run
    }
}

/// The text at `pointer` of an answer.
pub(crate) fn text<'a>(answer: &'a Value, pointer: &str) -> Result<&'a str> {
    answer.pointer(pointer).and_then(Value::as_str).with_context(|| format!("the answer has no {pointer}"))
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
