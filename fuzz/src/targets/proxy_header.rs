//! What a load balancer says before a connection.

use std::mem::discriminant;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use kura_front::Proxied;

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[
        b"\r\n\r\n\0\r\nQUIT\n",
        b"\x21\x11\0",
        b"\x20\0\0\0",
        b"\x03\0\x04",
        b"\xea\0\x17\x01",
        b"vpce-",
    ],
    ..Target::new(
        "proxy_header",
        "a header is whole or refused, and names no endpoint that could be more than a name",
        check,
    )
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let decoded = Proxied::decode(input);
    trace.note(decoded.as_ref().err().map(discriminant));
    // Read from a stream it is the same, and what comes after it stays there.
    let mut stream = input;
    let read = pin!(Proxied::read(&mut stream)).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(read) = read else { panic!("what is there already is waited for") };
    match decoded {
        Ok(proxied) => {
            assert_eq!(read.ok().as_ref(), Some(&proxied));
            assert!(stream.is_empty());
            trace.note((proxied.source.map(|source| source.is_ipv6()), proxied.endpoint.is_some()));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            assert!(
                proxied.endpoint.is_none_or(|id| !id.is_empty() && id.len() <= 64 && id.bytes().all(is_name))
            );
        }
        Err(_) => assert!(read.is_err() || !stream.is_empty()),
    }
}
