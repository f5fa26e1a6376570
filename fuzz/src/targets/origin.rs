//! Origins of web pages, as `--cors-origins` lists them.

use http::Uri;
use kura_front_http::Origin;

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[b"https://", b"http://", b":443", b":80", b":0443", b"[::1]", b"example.com", b"@", b"/"],
    ..Target::new("origin", "what is taken is a scheme and an authority, spelled as browsers send it", check)
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(origin) = text.parse::<Origin>() else { return };
    let sent = origin.as_str();
    // What a browser sends for it means the same, and is what it would be taken as again.
    assert_eq!(sent.parse::<Origin>().unwrap().as_str(), sent);
    assert!(text.starts_with(sent), "{sent} of {text}");
    assert!(!sent.ends_with(if sent.starts_with("https:") { ":443" } else { ":80" }), "{sent}");
    let port = text.strip_prefix(sent).unwrap();
    trace.note((sent.starts_with("https:"), port.len(), sent.contains('[')));
    assert!(["", ":443", ":80"].contains(&port));
    if let Ok(uri) = sent.parse::<Uri>() {
        trace.note(uri.port_u16().is_some());
        assert!(uri.path() == "/" && uri.query().is_none(), "{uri}");
        assert!(matches!(uri.scheme_str(), Some("http" | "https")));
    }
}
