//! kura-yardstick

fn main() {}
