//! A Linux host in a VPC, and what its user types there.

use std::{net::Ipv4Addr, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    CELL, PUBLIC_ADDRESS,
    names::Leads,
    place::Machine,
    provider::{addresses, masked},
    world::World,
};
use crate::{
    dialogue::{self, Answer},
    process::{Run, Transcript},
    server::authority,
    setup,
};

/// An instance that clients run on.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) instance: String,
    pub(crate) address: Ipv4Addr,
    who: &'static str,
    config: PathBuf,
}

/// What a name leads to from a host.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) addresses: Vec<Ipv4Addr>,
    /// Whether TLS on port 443 proved the name; nothing if that was not tried.
    pub(crate) tls: Option<bool>,
}

impl Host {
    /// The host on `machine`, whose commands print as `who`'s.
    pub(crate) fn new(world: &World<'_>, machine: Machine, who: &'static str) -> Self {
        Self { instance: machine.id, address: machine.address, who, config: world.dir.join("momento") }
    }

    /// A program of ours on it: own configuration, trusting the server's authority.
    pub(crate) fn client(&self, world: &World<'_>, program: &str) -> Run {
        let run = world.inside(&self.instance).arg(world.program(program));
        run.env("MOMENTO_CONFIG_DIR", &self.config).env("MOMENTO_CA_CERT", authority(&world.data()))
    }

    /// Runs it, shown; fails if it does.
    pub(crate) fn show(&self, run: &Run) -> Result<Transcript> {
        self.say(run);
        run.shown()
    }

    /// Shows what is about to be run.
    pub(crate) fn say(&self, run: &Run) {
        println!("{}$ {run}", self.who);
    }

    /// `momento …`, which must succeed.
    pub(crate) fn momento(&self, world: &World<'_>, args: &[&str]) -> Result<Transcript> {
        self.show(&self.client(world, "momento").args(args))
    }

    /// `momento configure`, answered as a person would.
    pub(crate) fn configure(&self, world: &World<'_>, key: &str) -> Result<()> {
        let run = self.client(world, "momento").arg("configure");
        self.say(&run);
        let shown = masked(key);
        let ended = dialogue::hold(
            &run,
            &[
                Answer { question: "API Key", answer: key, shown: &shown },
                Answer { question: "Endpoint", answer: CELL, shown: CELL },
                Answer { question: "Default Cache", answer: "", shown: "" },
                Answer { question: "Default Ttl", answer: "", shown: "" },
            ],
        )?;
        ensure!(ended.success(), "`{run}` ended with {ended}");
        Ok(())
    }

    /// `momento cache set foo bar`, `momento cache get foo`.
    pub(crate) fn set_and_get(&self, world: &World<'_>) -> Result<()> {
        let said = self.momento(world, &["cache", "set", "foo", "bar"])?;
        ensure!(said.out.is_empty(), "set should say nothing, it said {:?}", said.out);
        let said = self.momento(world, &["cache", "get", "foo"])?;
        ensure!(said.out == ["bar"], "get should say bar, it said {:?}", said.out);
        Ok(())
    }

    /// What the host's resolver configuration names.
    pub(crate) fn resolver(&self, world: &World<'_>) -> Result<Ipv4Addr> {
        let said = self.show(&world.inside(&self.instance).args(["cat", "/etc/resolv.conf"]))?;
        let server = said.out.iter().find_map(|line| line.strip_prefix("nameserver "));
        server.context("no name server")?.trim().parse().context("the name server is no address")
    }

    /// The addresses of a name, as every program on the host gets them.
    pub(crate) fn resolve(&self, world: &World<'_>, name: &str) -> Result<Vec<Ipv4Addr>> {
        Ok(self.names(world, &[name], false)?.remove(0).addresses)
    }

    /// What names lead to, and with `knock` whether TLS proves them there.
    pub(crate) fn names(&self, world: &World<'_>, names: &[&str], knock: bool) -> Result<Vec<Found>> {
        let run = world.inside(&self.instance).arg(setup::python(world.project)?);
        let run =
            run.arg(world.project.source("conformance/python/names.py")).args(knock.then_some("--knock"));
        let run = run.args(names).env("KURA_CA", authority(&world.data()));
        let said = self.show(&run)?;
        let read = |line: &String| {
            let answer: Value = serde_json::from_str(line).context("an answer is JSON")?;
            Ok(Found { addresses: addresses(&answer["addresses"])?, tls: answer["tls"].as_bool() })
        };
        let found = said.out.iter().map(read).collect::<Result<Vec<_>>>()?;
        ensure!(found.len() == names.len(), "not every name was looked up");
        Ok(found)
    }

    /// Whether a cache get over TLS comes back: by the address the name has, or by the public one whatever it has.
    pub(crate) fn reaches(&self, world: &World<'_>, way: Way, key: &str) -> Result<bool> {
        let target = format!("{}=https://{CELL}", way.name());
        let run = self.client(world, "kura").args(["bench", "check", "--target", &target]);
        let run = run.args(["--writes", "1", "--reads", "1"]).args(way.connect_to());
        let run = run.env("MOMENTO_API_KEY", key);
        self.say(&run);
        Ok(run.collect(true)?.status.success())
    }

    /// `kura-link trace` of a name must say where it `leads`, by its exit code.
    pub(crate) fn traces(&self, world: &World<'_>, name: &str, leads: Leads) -> Result<()> {
        let run = world.link().args(["trace", "--from", &self.instance, name]);
        println!("$ {run}");
        let code = run.collect(true)?.status.code().context("`trace` has no exit code")?;
        println!("exit code {code}");
        ensure!(code == leads.code(), "`trace` says {code} of {name}, which should lead {leads:?}");
        Ok(())
    }
}

/// A way to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the public address, whatever the name has.
    Public,
    /// To the address the name has.
    Private,
}

impl Way {
    /// What the report calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }

    /// What `kura bench check` is told.
    pub(crate) fn connect_to(self) -> Vec<String> {
        match self {
            Self::Public => vec!["--connect-to".to_owned(), format!("public={PUBLIC_ADDRESS}")],
            Self::Private => Vec::new(),
        }
    }
}
