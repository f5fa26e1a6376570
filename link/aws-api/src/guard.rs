//! What is refused before anything is read: a web page must not be able to start an instance.
//!
//! A browser tells where a request comes from (`Origin`), and a name that someone else points at this machine is not
//! ours (`Host`). Command lines and SDKs send neither.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};

/// The largest body taken: a template of 51,200 bytes, form-encoded at its worst, with room for parameters.
pub const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// A refusal in plain text, for who is no client of AWS's.
pub type Plain = (StatusCode, String);

/// Lets a request pass, or says why not.
pub fn check(request: &Request<Bytes>, listen: SocketAddr) -> Result<(), Plain> {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) {
        let text = "Requests from web pages are refused: this one has an Origin header.";
        return Err((StatusCode::FORBIDDEN, text.into()));
    }
    let host = host(headers)?;
    if !is_ours(host, listen) {
        let text = format!(
            "The Host '{host}' is not this machine's loopback or the address listened on ({listen}). \
             Use --endpoint-url http://{listen}."
        );
        return Err((StatusCode::FORBIDDEN, text));
    }
    if request.method() != Method::POST {
        let text = format!(
            "This is kura-link's AWS API: EC2, Elastic Load Balancing v2, CloudFormation and STS. \
             It takes signed POST requests; try: aws --endpoint-url http://{listen} sts get-caller-identity"
        );
        let status =
            if request.method() == Method::GET { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
        return Err((status, text));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.trim().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        let text = format!("Content-Type must be application/x-www-form-urlencoded, not '{kind}'.");
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    if request.body().len() > BODY_LIMIT_BYTES {
        let text =
            format!("The body has {} bytes; at most {BODY_LIMIT_BYTES} are taken.", request.body().len());
        return Err((StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    Ok(())
}

fn host(headers: &HeaderMap) -> Result<&str, Plain> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) {
        (Some(host), None) => Ok(host),
        _ => Err((StatusCode::BAD_REQUEST, "A request needs one Host header.".into())),
    }
}

fn is_ours(host: &str, listen: SocketAddr) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(']') => name,
        _ => host,
    };
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address == listen.ip(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(http::request::Builder) -> http::request::Builder) -> Request<Bytes> {
        let builder =
            Request::post("/").header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        change(builder).body(Bytes::new()).unwrap()
    }

    fn status(request: &Request<Bytes>) -> u16 {
        check(request, "127.0.0.1:4566".parse().unwrap()).err().map_or(0, |(status, _)| status.as_u16())
    }

    #[test]
    fn only_this_machine_by_its_own_names_passes() {
        for host in ["localhost", "LOCALHOST:4566", "127.0.0.1:4566", "127.0.0.1", "[::1]:4566", "[::1]"] {
            assert_eq!(status(&request(|b| b.header("host", host))), 0, "{host}");
        }
        for host in ["example.com", "rebind.localhost.evil.example:4566", "10.0.0.1:4566", "localhost.", ""] {
            assert_eq!(status(&request(|b| b.header("host", host))), 403, "{host}");
        }
        assert_eq!(status(&request(|b| b)), 400);
        assert_eq!(status(&request(|b| b.header("host", "localhost").header("host", "evil"))), 400);
        assert_eq!(
            status(&request(|b| b.header("host", "localhost").header("origin", "http://localhost"))),
            403
        );
    }

    #[test]
    fn only_form_posts_of_a_bounded_size_pass() {
        let of = |method: &str, kind: &str, bytes: usize| {
            let builder =
                Request::builder().method(method).header("host", "localhost").header("content-type", kind);
            status(&builder.body(Bytes::from(vec![b'a'; bytes])).unwrap())
        };
        let form = "application/x-www-form-urlencoded";
        assert_eq!(of("POST", form, BODY_LIMIT_BYTES), 0);
        assert_eq!(of("POST", form, BODY_LIMIT_BYTES + 1), 413);
        assert_eq!(of("POST", "text/plain", 0), 415);
        assert_eq!(of("GET", "", 0), 200);
        assert_eq!(of("PUT", form, 0), 405);
    }
}
