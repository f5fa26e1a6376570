//! Random bytes from the operating system.

/// Bytes that nobody can guess.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // aws-lc's generator is seeded by the kernel at start and aborts the process if that fails;
    // it has no error of its own to report.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes
}
