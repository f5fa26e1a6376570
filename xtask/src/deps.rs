//! `cargo xtask deps`: the picture in ARCHITECTURE.md, checked against `cargo metadata` so that it cannot rot.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{process::Run, project::Project};

/// Who may depend on whom among our crates, and why. A crate without a line may depend on none of ours.
const ALLOWED: &[(&str, &[&str], &str)] = &[
    ("kura-base", &[], "the bottom: names, units and limits know nobody"),
    ("kura-wire", &["kura-base"], "messages and statuses know the units, not the cache"),
    ("kura-control-socket", &[], "how a command line reaches a daemon, whatever it asks"),
    ("kura-pages", &[], "buffers, whoever fills them"),
    ("kura-engine", &["kura-base", "kura-pages"], "pure data structures"),
    ("kura-tokens", &["kura-base"], "pure minting and checking"),
    ("kura-topics", &["kura-base", "kura-pages"], "pure sequences, rings and places in them"),
    (
        "kura-store",
        &["kura-base", "kura-engine", "kura-tokens", "kura-topics"],
        "keeps items, messages, caches and keys; no protocol",
    ),
    (
        "kura-commands",
        &["kura-base", "kura-engine", "kura-store", "kura-tokens"],
        "the only one to see the store, whose commands and answers are the engine's",
    ),
    ("kura-http2", &[], "a protocol, whoever is served over it"),
    ("kura-front", &["kura-wire"], "bounds that all front ends share; no protocol, no command"),
    (
        "kura-front-grpc",
        &["kura-base", "kura-wire", "kura-commands", "kura-front", "kura-http2", "kura-pages"],
        "a front end sees commands only",
    ),
    (
        "kura-front-http",
        &["kura-base", "kura-wire", "kura-commands", "kura-front", "kura-http2", "kura-pages"],
        "a front end sees commands only",
    ),
    (
        "kura-front-protosocket",
        &["kura-base", "kura-wire", "kura-commands", "kura-front", "kura-pages"],
        "a front end sees commands only",
    ),
    (
        "kura-front-resp",
        &["kura-base", "kura-commands", "kura-front", "kura-pages"],
        "a front end sees commands only",
    ),
    (
        "kura",
        &[
            "kura-base",
            "kura-wire",
            "kura-engine",
            "kura-tokens",
            "kura-store",
            "kura-commands",
            "kura-control-socket",
            "kura-front",
            "kura-front-grpc",
            "kura-front-http",
            "kura-front-protosocket",
            "kura-front-resp",
            "kura-check",
        ],
        "the program puts the parts together",
    ),
    ("kura-cli", &["kura-base", "kura-wire"], "speaks to any server, so it knows none"),
    ("kura-model", &[], "pure: an AWS network as data"),
    ("kura-netns", &["kura-model"], "makes what the plan says, knows nothing of requests"),
    ("kura-dns", &["kura-model"], "answers what the plan says"),
    ("kura-cloudformation", &["kura-model"], "templates become changes"),
    ("kura-aws-api", &["kura-model", "kura-cloudformation"], "requests become changes"),
    (
        "kura-link",
        &[
            "kura-control-socket",
            "kura-model",
            "kura-netns",
            "kura-dns",
            "kura-cloudformation",
            "kura-aws-api",
        ],
        "the daemon puts the parts together",
    ),
    ("kura-check", &["kura-base", "kura-wire"], "measures from outside"),
    ("kura-load", &["kura-base", "kura-wire"], "measures from outside"),
    (
        "kura-bench",
        &["kura-base", "kura-wire", "kura-load", "kura-store", "kura-commands", "kura-tokens"],
        "measures from outside, but for collections, hit ratios and a second thread",
    ),
    (
        "kura-instructions",
        &[
            "kura-base",
            "kura-engine",
            "kura-tokens",
            "kura-store",
            "kura-commands",
            "kura-front",
            "kura-front-grpc",
            "kura-front-http",
            "kura-front-protosocket",
            "kura-front-resp",
        ],
        "counts what each part takes by itself",
    ),
    ("kura-yardstick", &["kura-base"], "what Kura is compared with has nothing of Kura"),
    ("kura-yardstick-protosocket", &[], "what Kura is compared with has nothing of Kura"),
    (
        "kura-fuzz",
        &[
            "kura-base",
            "kura-wire",
            "kura-engine",
            "kura-tokens",
            "kura-store",
            "kura-commands",
            "kura-control-socket",
            "kura-front",
            "kura-front-grpc",
            "kura-front-http",
            "kura-front-protosocket",
            "kura-front-resp",
        ],
        "feeds every decoder",
    ),
    ("xtask", &[], "must build before anything else does"),
];

/// What tests may depend on beyond [`ALLOWED`].
const ALLOWED_IN_TESTS: &[(&str, &[&str], &str)] = &[
    ("kura", &["kura-cli"], "the server is tested with the command line"),
    ("kura-aws-api", &["kura-base"], "the server of its tests reads the clock"),
    ("kura-cli", &["kura"], "the command line is tested against the server"),
    (
        "kura-front-grpc",
        &["kura-store", "kura-engine", "kura-tokens"],
        "a front end is tested on a real store",
    ),
    ("kura-front-protosocket", &["kura-store", "kura-tokens"], "a front end is tested on a real store"),
    (
        "kura-check",
        &["kura-commands", "kura-front", "kura-front-grpc"],
        "the check is tested against a server",
    ),
];

/// What a crate must not reach through any chain of dependencies, and why.
const FORBIDDEN: &[(&[&str], &[&str], &str)] = &[
    (
        &["kura-base", "kura-engine", "kura-tokens", "kura-topics", "kura-model"],
        &["tokio", "mio", "socket2", "h2", "hyper", "tonic", "rustls", "rand", "getrandom"],
        "pure: time, ids and randomness are passed in, and there is no runtime and no socket",
    ),
    (
        &["kura-store", "kura-commands"],
        &["h2", "http", "hyper", "prost", "momento-protos", "tonic", "rustls"],
        "the store and the commands never see a protocol",
    ),
    (
        &["kura", "kura-cli", "kura-check", "kura-load"],
        &["momento", "native-tls", "openssl"],
        "clients are built on wire, not on an SDK, and TLS is rustls everywhere",
    ),
];

/// Folders whose crates meet on the network only.
const STRANGERS: [(&str, &str); 2] = [("cache/", "link/"), ("link/", "cache/")];

/// Checks the picture; fails naming every edge that is not in it.
pub(crate) fn run(project: &Project) -> Result<()> {
    let answer = Run::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("cargo metadata")?;
    let metadata: Metadata =
        serde_json::from_str(&answer).context("cargo metadata prints what it used to")?;
    let graph = Graph::new(metadata, &project.source("").to_string_lossy());
    let wrong = graph.wrong();
    if !wrong.is_empty() {
        let list: Vec<String> = wrong.iter().map(|edge| format!("  {edge}")).collect();
        bail!("dependencies that are not in the picture:\n{}", list.join("\n"));
    }
    println!(
        "deps: {} crates of ours, {} edges between them, all in the picture",
        graph.ours.len(),
        graph.count()
    );
    Ok(())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dep>,
}

#[derive(Deserialize)]
struct Dep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    /// `dev`, `build`, or nothing for an ordinary dependency.
    kind: Option<String>,
}

/// A dependency that should not be there.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    from: String,
    to: String,
    why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.why)
    }
}

/// All packages by name. Versions do not matter here: what is forbidden is forbidden in every version.
#[derive(Default)]
struct Graph {
    /// Our crates and the folders they are in, from the workspace's root.
    ours: BTreeMap<String, String>,
    /// Ordinary dependencies.
    normal: BTreeMap<String, BTreeSet<String>>,
    /// Dependencies of build scripts and tests only.
    other: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn new(metadata: Metadata, root: &str) -> Self {
        let names: BTreeMap<&str, &str> =
            metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let mut graph = Self::default();
        for package in &metadata.packages {
            if metadata.workspace_members.contains(&package.id) {
                let folder = package.manifest_path.strip_prefix(root).unwrap_or(&package.manifest_path);
                graph.ours.insert(package.name.clone(), folder.trim_start_matches('/').to_owned());
            }
        }
        for node in &metadata.resolve.nodes {
            let Some(from) = names.get(node.id.as_str()) else { continue };
            for dep in &node.deps {
                let Some(to) = names.get(dep.pkg.as_str()) else { continue };
                let normal = dep.dep_kinds.iter().any(|kind| kind.kind.is_none());
                let edges = if normal { &mut graph.normal } else { &mut graph.other };
                edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            }
        }
        graph
    }

    /// Edges between our crates.
    fn count(&self) -> usize {
        let ours = |tos: &BTreeSet<String>| tos.iter().filter(|to| self.ours.contains_key(*to)).count();
        self.ours.keys().filter_map(|from| self.normal.get(from)).map(ours).sum()
    }

    fn wrong(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        for from in self.ours.keys() {
            for (edges, in_tests) in [(&self.normal, false), (&self.other, true)] {
                for to in edges.get(from).into_iter().flatten().filter(|to| self.ours.contains_key(*to)) {
                    wrong.extend(self.judge(from, to, in_tests));
                }
            }
        }
        for &(froms, forbidden, why) in FORBIDDEN {
            for from in froms.iter().filter(|from| self.ours.contains_key(**from)) {
                for to in forbidden {
                    if let Some(chain) = self.chain(from, to) {
                        let why = format!("{why} (by {})", chain.join(" -> "));
                        wrong.push(Wrong { from: (*from).to_owned(), to: (*to).to_owned(), why });
                    }
                }
            }
        }
        wrong
    }

    fn judge(&self, from: &str, to: &str, in_tests: bool) -> Option<Wrong> {
        let wrong = |why: String| Some(Wrong { from: from.to_owned(), to: to.to_owned(), why });
        let folder = |name: &str| self.ours.get(name).map(String::as_str).unwrap_or_default();
        if STRANGERS.iter().any(|(a, b)| folder(from).starts_with(a) && folder(to).starts_with(b)) {
            return wrong("the cache and the link meet on the network only".to_owned());
        }
        // A crate's tests may use the crate itself, with its test helpers switched on.
        if in_tests && from == to {
            return None;
        }
        let line = ALLOWED.iter().find(|(name, ..)| *name == from);
        if line.is_some_and(|(_, tos, _)| tos.contains(&to)) {
            return None;
        }
        if in_tests && ALLOWED_IN_TESTS.iter().any(|(name, tos, _)| *name == from && tos.contains(&to)) {
            return None;
        }
        match line {
            Some((.., why)) => wrong(format!("not allowed; {from}: {why}")),
            None => wrong(format!("{from} is not in the picture yet: give it a line in xtask/src/deps.rs")),
        }
    }

    /// The shortest chain of ordinary dependencies from `from` to `to`.
    fn chain(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut reached_by: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(at) = queue.pop_front() {
            for next in self.normal.get(at).into_iter().flatten() {
                if next != from && !reached_by.contains_key(next.as_str()) {
                    reached_by.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        let mut chain = vec![to.to_owned()];
        let mut at = *reached_by.get(to)?;
        while at != from {
            chain.push(at.to_owned());
            at = reached_by.get(at)?;
        }
        chain.push(from.to_owned());
        chain.reverse();
        Some(chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(ours: &[(&str, &str)], normal: &[(&str, &str)], other: &[(&str, &str)]) -> Graph {
        let edges = |list: &[(&str, &str)]| {
            let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (from, to) in list {
                edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            }
            edges
        };
        Graph {
            ours: ours.iter().map(|(name, folder)| ((*name).to_owned(), (*folder).to_owned())).collect(),
            normal: edges(normal),
            other: edges(other),
        }
    }

    const OURS: [(&str, &str); 4] = [
        ("kura-engine", "cache/engine/Cargo.toml"),
        ("kura-store", "cache/store/Cargo.toml"),
        ("kura-cli", "cli/Cargo.toml"),
        ("kura", "cache/server/Cargo.toml"),
    ];

    #[test]
    fn an_edge_of_the_picture_is_fine() {
        assert_eq!(graph(&OURS, &[("kura-store", "kura-engine")], &[]).wrong(), []);
    }

    #[test]
    fn an_edge_against_the_arrows_is_named() {
        let wrong = graph(&OURS, &[("kura-engine", "kura-store")], &[]).wrong();
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].to_string().starts_with("kura-engine -> kura-store: not allowed"), "{}", wrong[0]);
    }

    #[test]
    fn tests_may_do_more_than_the_program() {
        assert_eq!(graph(&OURS, &[], &[("kura", "kura-cli")]).wrong(), []);
        assert_eq!(graph(&OURS, &[("kura", "kura-cli")], &[]).wrong().len(), 1);
    }

    #[test]
    fn a_runtime_under_the_engine_is_named_with_its_chain() {
        let wrong = graph(&OURS, &[("kura-engine", "helper"), ("helper", "tokio")], &[]).wrong();
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].why.contains("kura-engine -> helper -> tokio"), "{}", wrong[0]);
    }

    #[test]
    fn cache_and_link_never_meet_even_in_tests() {
        let ours = [("kura-store", "cache/store/Cargo.toml"), ("kura-netns", "link/netns/Cargo.toml")];
        for (normal, other) in
            [(&[("kura-netns", "kura-store")][..], &[][..]), (&[], &[("kura-store", "kura-netns")])]
        {
            let wrong = graph(&ours, normal, other).wrong();
            assert!(wrong.iter().any(|edge| edge.why.contains("network only")));
        }
    }

    #[test]
    fn every_line_of_the_picture_points_at_crates_of_the_picture() {
        for (_, tos, _) in ALLOWED.iter().chain(ALLOWED_IN_TESTS) {
            for to in *tos {
                assert!(ALLOWED.iter().any(|(name, ..)| name == to), "{to} has no line");
            }
        }
    }
}
