//! Stored values, which clients wrote, read as numbers by Increment.

use std::cell::OnceCell;
use std::time::Duration;

use kura_base::{CacheName, Millis, Ttl};
use kura_store::{Command, Data, DataError, Keyspace, Reply, Value};

use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_input_bytes: 100,
    // The engine takes its memory in segments.
    max_memory_bytes: 4 << 20,
    pieces: &[b"9223372036854775807", b"-9223372036854775808", b"-", b"+", b"00"],
    ..Target::new(
        "increment",
        "adds to what is an integer, within 64 bits, and leaves the rest as it was",
        check,
    )
};

thread_local! {
    static DATA: OnceCell<(Data, Keyspace)> = const { OnceCell::new() };
}

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let amount = i64::from_be_bytes(std::array::from_fn(|_| input.byte()));
    let value = input.rest();
    DATA.with(|data| {
        let (data, cache) = data.get_or_init(|| {
            let data = Data::new(8 << 20, 1);
            data.add_cache(CacheName::parse("c").unwrap());
            let cache = data.cache("c").unwrap();
            (data, cache)
        });
        let ttl = Ttl::from_millis(1000, Duration::from_secs(1)).unwrap();
        let run = |command: Command<'_>, sink: &mut Vec<u8>| {
            data.execute(*cache, b"k", command, Millis(1), |found| sink.extend_from_slice(found.as_bytes()))
        };
        let mut none = Vec::new();
        run(Command::Set { value: Value::Copied(value), ttl }, &mut none).unwrap();
        let reply = run(Command::Increment { amount, ttl }, &mut none);
        let mut after = Vec::new();
        run(Command::Get, &mut after).unwrap();
        trace.note(reply.as_ref().map(drop).map_err(std::mem::discriminant));

        // An optional minus and digits, of any number.
        let digits = value.strip_prefix(b"-").unwrap_or(value);
        let current = std::str::from_utf8(value)
            .ok()
            .filter(|_| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
            .and_then(|text| text.parse::<i128>().ok())
            .and_then(|number| i64::try_from(number).ok());
        let sum = current.map(|current| current.checked_add(amount).ok_or((current, amount)));
        match sum {
            Some(Ok(sum)) => {
                assert_eq!(reply, Ok(Reply::Integer(sum)));
                assert_eq!(after, sum.to_string().as_bytes());
            }
            Some(Err((current, amount))) => {
                assert_eq!(reply, Err(DataError::Overflow { current, amount }));
                assert_eq!(after, value);
            }
            None => {
                assert_eq!(reply, Err(DataError::NotAnInteger));
                assert_eq!(after, value);
            }
        }
    });
}
