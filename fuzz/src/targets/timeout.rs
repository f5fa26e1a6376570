//! The server's reading of `grpc-timeout` and `content-type`.

use kura_front_grpc::metadata::{is_grpc, parse_timeout};

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_input_bytes: 64,
    pieces: &[b"99999999", b"H", b"M", b"S", b"m", b"u", b"n", b"application/grpc"],
    ..Target::new("timeout", "a timeout is one to eight digits and a unit, and means their product", check)
};

const UNITS: [(char, u128); 6] = [
    ('H', 3_600_000_000_000),
    ('M', 60_000_000_000),
    ('S', 1_000_000_000),
    ('m', 1_000_000),
    ('u', 1000),
    ('n', 1),
];

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let meant = std::str::from_utf8(input).ok().and_then(|text| {
        let (unit, nanos) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
        let digits = text.strip_suffix(unit)?;
        let sound = (1..=8).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit());
        sound.then(|| digits.parse::<u128>().unwrap() * nanos)
    });
    let read = parse_timeout(input);
    trace.note((read.and(input.last()), input.len().min(10)));
    assert_eq!(read.map(|timeout| timeout.as_nanos()), meant);

    let grpc = is_grpc(input);
    trace.note(grpc);
    assert!(!grpc || input.starts_with(b"application/grpc"));
}
