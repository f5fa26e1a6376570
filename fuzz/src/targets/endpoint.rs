//! Endpoints: typed by users, and read from keys that others hand out.

use http::uri::Authority;
use kura_wire::{Code, Endpoint, Scheme, Target as Address};

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_input_bytes: 300,
    pieces: &[
        b"http://",
        b"https://",
        b"[::1]",
        b"::1",
        b"127.0.0.1",
        b":8080",
        b":0",
        b":65536",
        b"host",
        b"/",
    ],
    ..Target::new(
        "endpoint",
        "what is accepted is printed so that it is read back, and is an authority",
        check,
    )
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for default in [Scheme::Http, Scheme::Https] {
        match Address::parse(text, default) {
            Ok(address) => {
                let kind = address.ip().map(|ip| ip.is_ipv4());
                trace.note((address.scheme, kind, address.port == 443, address.port == 80));
                assert_eq!(Address::parse(&address.to_string(), default).as_ref(), Ok(&address));
                for address in [address.prefixed("cache"), address] {
                    let authority = address.authority();
                    assert!(authority.parse::<Authority>().is_ok(), "{authority:?} is no authority");
                }
            }
            Err(status) => {
                trace.note(status.message.replace(&format!("{text:?}"), ""));
                assert_eq!(status.code, Code::InvalidArgument);
                assert!(status.message.contains(&format!("{text:?}")), "{status}");
            }
        }
    }
    assert_eq!(Endpoint::parse(text).is_ok(), Address::parse(text, Scheme::Https).is_ok());
}
