//! kura-load

fn main() {}
