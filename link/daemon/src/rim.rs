//! Where time and randomness come in.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this is the rim: time enters here and is passed on")]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Random lower-case hexadecimal digits.
pub fn hex(count: usize) -> String {
    let mut digits: String = bytes(count.div_ceil(2)).iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(count);
    digits
}

/// Random characters of an alphabet of at most 256.
pub fn text(count: usize, alphabet: &[u8]) -> String {
    bytes(count).iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}

/// Random bytes. The generator is seeded once by the kernel and cannot run dry; should it ever refuse, the process
/// ends rather than hand out something a stranger could guess.
fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}
