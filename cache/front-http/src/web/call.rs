//! The way in: a grpc-web request becomes a gRPC request.

use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use h2::SendStream;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use kura_base::Millis;
use kura_wire::{Code, Status};

use super::answer::{Answer, broken};
use super::frame::{Decoder, NotBase64};
use super::{Encoding, Pipe};
use crate::content::Content;

/// Headers that speak of the HTTP request, or of the page, and not of the call.
const NOT_METADATA: [&str; 18] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "deadline",
    "host",
    "keep-alive",
    "origin",
    "proxy-connection",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-grpc-web",
    "x-user-agent",
];

/// Makes the call that a request stands for.
pub(crate) async fn call<B>(
    pipe: &Pipe,
    encoding: Encoding,
    parts: &Parts,
    body: B,
    now: Millis,
) -> Response<Content>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    match try_call(pipe, encoding, parts, body, now).await {
        Ok(response) => response,
        Err(status) => Answer::failed(encoding, &status),
    }
}

async fn try_call<B>(
    pipe: &Pipe,
    encoding: Encoding,
    parts: &Parts,
    body: B,
    now: Millis,
) -> Result<Response<Content>, Status>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let mut request =
        Request::post(format!("http://kura{}", parts.uri.path())).body(()).map_err(|error| {
            Status::new(Code::InvalidArgument, format!("the call has no sound path: {error}"))
        })?;
    *request.headers_mut() = metadata(&parts.headers, now)?;
    let mut sender = pipe.sender().await.map_err(|error| broken(&error))?;
    let (response, mut stream) = sender.send_request(request, false).map_err(|error| broken(&error))?;
    let mut response = pin!(response);
    let mut sending = pin!(send(encoding, body, &mut stream));
    // The answer may come before all of the body has: then the call was refused, and the rest of the
    // body is not read.
    let mut sent = false;
    loop {
        tokio::select! {
            biased;
            answer = &mut response => {
                return Ok(Answer::of(encoding, answer.map_err(|error| broken(&error))?));
            }
            result = &mut sending, if !sent => {
                result?;
                sent = true;
            }
        }
    }
}

/// The metadata of a call.
fn metadata(headers: &HeaderMap, now: Millis) -> Result<HeaderMap, Status> {
    let mut metadata = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        if !NOT_METADATA.contains(&name.as_str()) && !name.as_str().starts_with("sec-") {
            metadata.append(name.clone(), value.clone());
        }
    }
    metadata.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    metadata.insert(TE, HeaderValue::from_static("trailers"));
    let timeout = HeaderName::from_static("grpc-timeout");
    if !metadata.contains_key(&timeout)
        && let Some(deadline) = headers.get("deadline")
    {
        metadata.insert(timeout, time_left(deadline.as_bytes(), now)?);
    }
    Ok(metadata)
}

/// What is left until a `deadline`: the end of a call in milliseconds since the Unix epoch, which
/// Momento's web SDK asks for. `grpc-timeout` has eight digits at most.
fn time_left(deadline: &[u8], now: Millis) -> Result<HeaderValue, Status> {
    let digits =
        std::str::from_utf8(deadline).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(deadline) = digits.and_then(|text| text.parse::<u64>().ok()) else {
        return Err(Status::new(
            Code::InvalidArgument,
            "the deadline is no time: give milliseconds since 1970 in decimal digits",
        ));
    };
    let left = deadline.saturating_sub(now.0);
    let value =
        if left <= 99_999_999 { format!("{left}m") } else { format!("{}S", (left / 1000).min(99_999_999)) };
    HeaderValue::try_from(value).map_err(|error| Status::new(Code::Internal, error.to_string()))
}

/// Passes a body on as the gRPC front end takes it, which bounds it and its pace.
async fn send<B>(encoding: Encoding, body: B, stream: &mut SendStream<Bytes>) -> Result<(), Status>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let mut body = pin!(body);
    let mut decoder = Decoder::default();
    let not_base64 =
        |NotBase64| Status::new(Code::InvalidArgument, "the body of a grpc-web-text call is not base64");
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame =
            frame.map_err(|error| Status::new(Code::Cancelled, format!("the request broke off: {error}")))?;
        let Ok(mut data) = frame.into_data() else { continue };
        if encoding == Encoding::Text {
            data = decoder.decode(&data).map_err(not_base64)?;
        }
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            match poll_fn(|cx| stream.poll_capacity(cx)).await {
                Some(Ok(room)) => {
                    let piece = data.split_to(room.min(data.len()));
                    stream.send_data(piece, false).map_err(|error| broken(&error))?;
                }
                // The call is over: its answer says why.
                _ => return Ok(()),
            }
        }
    }
    decoder.end().map_err(not_base64)?;
    // An error here means that the call is over: its answer says why.
    let _ = stream.send_data(Bytes::new(), true);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_becomes_the_time_that_is_left() {
        let left = |deadline: &str, now| {
            time_left(deadline.as_bytes(), Millis(now)).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(left("1500", 1000).unwrap(), "500m");
        assert_eq!(left("1000", 1500).unwrap(), "0m");
        assert_eq!(left("200000000", 0).unwrap(), "200000S");
        assert_eq!(left("18446744073709551615", 0).unwrap(), "99999999S");
        for bad in ["", "-1", "1.5", "Infinity", "18446744073709551616"] {
            assert_eq!(left(bad, 0).unwrap_err().code, Code::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn a_pages_headers_are_no_metadata() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("cache", "c"), ("cookie", "x"), ("sec-fetch-mode", "cors"), ("authorization", "t")]
        {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let metadata = metadata(&headers, Millis(0)).unwrap();
        let mut names: Vec<&str> = metadata.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "cache", "content-type", "te"]);
    }
}
