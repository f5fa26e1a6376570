//! Writers that send commands of any kind and size, and mind only answers that no honest client gets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a panic is a failure")]

pub mod grpc;
pub mod resp;

use fastrand::Rng;

pub const CACHE: &str = "c";

/// A length from 1 to `most`, of any order of magnitude alike.
pub fn length(rng: &mut Rng, most: usize) -> usize {
    let exact = (rng.f64() * (most as f64).ln()).exp();
    (exact as usize).clamp(1, most)
}

/// Bytes of any content, so many that all orders of magnitude up to `most` come alike.
pub fn bytes(rng: &mut Rng, most: usize) -> Vec<u8> {
    let byte = rng.u8(..);
    vec![byte; length(rng, most)]
}

/// A key of which there are `many`, and that `kind` has for itself nine times in ten.
pub fn key(rng: &mut Rng, kind: &str, many: usize) -> Vec<u8> {
    let kind = if rng.u8(..10) == 0 { "any" } else { kind };
    format!("{kind}:{}", rng.usize(..many)).into_bytes()
}

/// Milliseconds from a fifth of a second to a minute.
pub fn ttl(rng: &mut Rng) -> u64 {
    200 + length(rng, 60_000) as u64
}
