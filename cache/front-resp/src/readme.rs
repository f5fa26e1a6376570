//! The README's table of commands is the server's.

use std::fmt::Write as _;

use crate::left_out::LEFT_OUT;
use crate::table::{COMMANDS, Group};

const BEGIN: &str = "<!-- every RESP command: KURA_WRITE=1 cargo test -p kura-front-resp readme -->\n";
const END: &str = "<!-- end of every RESP command -->";

#[test]
fn the_readme_lists_every_command_and_what_is_left_out() {
    let mut table = String::from("| about | commands |\n|---|---|\n");
    for (about, group) in [
        ("strings", Group::String),
        ("hashes", Group::Hash),
        ("lists", Group::List),
        ("sets", Group::Set),
        ("sorted sets", Group::SortedSet),
        ("keys of any type", Group::Key),
        ("channels", Group::PubSub),
        ("connection and server", Group::Connection),
    ] {
        let names =
            COMMANDS.iter().filter(|entry| entry.group == group).map(|entry| entry.name.to_uppercase());
        let _ = writeln!(table, "| {about} | {} |", names.collect::<Vec<_>>().join(", "));
    }
    table += "\n| not offered | | why |\n|---|---|---|\n";
    for left_out in LEFT_OUT {
        let _ = writeln!(table, "| {} | {} | {} |", left_out.what, left_out.names.join(", "), left_out.why);
    }
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the README has a place for the table");
    let (written, after) = rest.split_once(END).expect("the table in the README ends");
    if std::env::var_os("KURA_WRITE").is_some() {
        std::fs::write(readme, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(written == table, "the README's table is old; the command that writes it stands above it");
    }
}
