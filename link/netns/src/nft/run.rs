//! The `nft` program, run in the thread's namespace.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    process::{Command, Output, Stdio},
};

use serde::Deserialize;

use super::table::Names;

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Packets.
    pub packets: u64,
    /// Bytes, IP headers included.
    pub bytes: u64,
}

/// Runs a transaction. The inner error is what `nft` said.
pub(super) fn transact(script: &str) -> io::Result<Result<(), String>> {
    let mut child = nft().args(["-f", "-"]).stdin(Stdio::piped()).spawn().map_err(missing)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may end before it has read all: then it says why.
        let _ = stdin.write_all(script.as_bytes());
    }
    let output = child.wait_with_output()?;
    Ok(said(&output))
}

fn nft() -> Command {
    // Distributions keep it where not every user's PATH leads.
    let mut command = Command::new("nft");
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn missing(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => {
            io::Error::new(error.kind(), "the program `nft` is missing; install the package nftables")
        }
        _ => error,
    }
}

fn said(output: &Output) -> Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} ({})", text.trim(), output.status))
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct Object {
    name: String,
    table: String,
    family: String,
    #[serde(default)]
    packets: u64,
    #[serde(default)]
    bytes: u64,
}

/// What `nft -j` prints of something; `None` if that is not there.
pub(super) fn json(arguments: &[&str]) -> io::Result<Option<Vec<BTreeMap<String, serde_json::Value>>>> {
    let output = nft().arg("-j").args(arguments).output().map_err(missing)?;
    if String::from_utf8_lossy(&output.stderr).contains("No such file or directory") {
        return Ok(None);
    }
    said(&output).map_err(io::Error::other)?;
    let listing: Listing = serde_json::from_slice(&output.stdout)?;
    Ok(Some(listing.nftables))
}

fn list(arguments: &[&str]) -> io::Result<Vec<(String, Object)>> {
    let output = nft().arg("-j").args(arguments).output().map_err(missing)?;
    said(&output).map_err(io::Error::other)?;
    let listing: Listing = serde_json::from_slice(&output.stdout)?;
    let mut all = Vec::new();
    for (kind, value) in listing.nftables.into_iter().flatten() {
        if matches!(kind.as_str(), "chain" | "set" | "map" | "counter" | "ct timeout")
            && let Ok(object) = serde_json::from_value::<Object>(value)
            && object.family == "inet"
        {
            all.push((kind, object));
        }
    }
    Ok(all)
}

/// What a namespace's tables consist of, by table.
pub(super) fn names() -> io::Result<BTreeMap<String, Names>> {
    let mut tables: BTreeMap<String, Names> = BTreeMap::new();
    for (kind, object) in list(&["-t", "list", "ruleset"])? {
        let names = tables.entry(object.table).or_default();
        match kind.as_str() {
            "chain" => names.chains.insert(object.name),
            "counter" => names.counters.insert(object.name),
            "ct timeout" => names.timeouts.insert(object.name),
            _ => names.sets.insert(object.name),
        };
    }
    Ok(tables)
}

/// The named counters of the thread's namespace.
pub(crate) fn counters() -> io::Result<BTreeMap<String, Counter>> {
    let all = list(&["list", "counters"])?;
    let ours = all.into_iter().filter(|(kind, object)| kind == "counter" && object.table == super::TABLE);
    Ok(ours
        .map(|(_, object)| (object.name, Counter { packets: object.packets, bytes: object.bytes }))
        .collect())
}
