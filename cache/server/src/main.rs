//! kura

fn main() {}
