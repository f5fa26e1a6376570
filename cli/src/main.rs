//! kura-cli

fn main() {}
