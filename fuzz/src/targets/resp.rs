//! Commands of RESP, in arrays and in lines, before and after authentication.

use kura_front_resp::{Bounds, Malformed, Parsed, Parser};

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[
        b"*1\r\n",
        b"*2\r\n",
        b"*3\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"$1\r\nk\r\n",
        b"$3\r\nGET\r\n",
        b"\r\n",
        b"\n",
        b"\"",
        b"'",
        b"\\x4",
        b"\\'",
        b"PING\r\n",
        b"*1048577\r\n",
    ],
    ..Target::new("resp", "commands are the same however they are cut, and what is held is bounded", check)
};

/// Bytes of the largest command.
const MOST: usize = 4096;

fn check(input: &[u8], trace: &mut Trace<'_>) {
    for bounds in [Bounds::STRANGER, Bounds::known(MOST)] {
        let whole = commands(input, bounds, input.len().max(1));
        trace.note((whole.0.len(), whole.1.is_some()));
        let step = input.first().map_or(1, |byte| usize::from(*byte) % 7 + 1);
        assert_eq!(commands(input, bounds, step), whole, "in steps of {step}");
    }
}

type Commands = (Vec<Vec<Vec<u8>>>, Option<Malformed>);

/// The commands in the bytes as they come, so many at a time, up to the first that is none.
fn commands(input: &[u8], bounds: Bounds, step: usize) -> Commands {
    let (mut found, mut start, mut came) = (Vec::new(), 0, step.min(input.len()));
    let mut parser = Parser::default();
    loop {
        let held = &input[start..came];
        match parser.parse(held, bounds) {
            Ok(Parsed::Command(length)) => {
                assert!(length > 0 && length <= held.len());
                let arguments = parser.arguments(held);
                assert!(!arguments.is_empty());
                assert!(arguments.iter().map(<[u8]>::len).sum::<usize>() <= length);
                assert!(arguments.to_owned().iter().eq(arguments.iter()));
                found.push(arguments.iter().map(<[u8]>::to_vec).collect());
                start += length;
                parser.next();
            }
            Ok(Parsed::Nothing(length)) => {
                assert!(length > 0 && length <= held.len());
                start += length;
                parser.next();
            }
            Ok(Parsed::Partial { least, .. }) => {
                assert!(least > held.len(), "{least} of {} are there", held.len());
                if came == input.len() {
                    return (found, None);
                }
                came = (came + step).min(input.len());
            }
            Err(malformed) => return (found, Some(malformed)),
        }
    }
}
