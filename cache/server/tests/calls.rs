//! The table of every call in the README is what a server says to every call.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::collections::BTreeMap;

use common::Server;
use common::raw::frame;
use kura_front_grpc::Method;
use kura_wire::Code;

const BEGIN: &str = "<!-- every call: KURA_WRITE=1 cargo test -p kura --test calls -->\n";
const END: &str = "<!-- end of every call -->";

#[derive(Default)]
struct Service {
    answered: Vec<&'static str>,
    /// By what the server says.
    refused: BTreeMap<String, Vec<&'static str>>,
}

#[tokio::test]
async fn the_readme_lists_every_call_and_what_becomes_of_it() {
    let server = Server::local(&[]);
    let connection = server.connect().await;
    let mut services: BTreeMap<&str, Service> = BTreeMap::new();
    for method in Method::ALL.into_iter().filter(|method| *method != Method::Unknown) {
        let service = method.path().split('/').nth(1).unwrap();
        let Service { answered, refused } = services.entry(service).or_default();
        // An empty message to no cache: refused for that, if the call is one that is answered.
        let answer = connection.call(method.path(), &[], frame(b"")).await;
        if answer.code == Code::Unimplemented {
            refused.entry(answer.words).or_default().push(method.label());
        } else {
            answered.push(method.label());
        }
    }
    let mut table = String::from("| service | answered | UNIMPLEMENTED, and why |\n|---|---|---|\n");
    for (service, Service { answered, refused }) in services {
        let refused = refused.iter().map(|(why, methods)| format!("{}: {why}", methods.join(", ")));
        let refused: Vec<_> = refused.collect();
        table += &format!("| `{service}` | {} | {} |\n", answered.join(", "), refused.join("; "));
    }
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the README has a place for the table");
    let (written, after) = rest.split_once(END).expect("the table in the README ends");
    if std::env::var_os("KURA_WRITE").is_some() {
        std::fs::write(readme, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(
            written == table,
            "the README's table is old; write it anew: KURA_WRITE=1 cargo test -p kura --test calls"
        );
    }
}
