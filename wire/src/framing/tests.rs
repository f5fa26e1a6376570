use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::protos::cache_client::GetRequest;

fn trailers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
}

#[test]
fn a_message_survives_any_cut_of_the_stream() {
    let frame = encode_frame(&GetRequest { cache_key: b"key".to_vec() }).unwrap();
    for cut in 0..frame.len() {
        let mut frames = Frames::new(100);
        frames.push(frame.slice(..cut)).unwrap();
        assert_eq!(frames.next().unwrap(), None);
        assert_eq!(frames.finish().is_ok(), cut == 0);
        frames.push(frame.slice(cut..)).unwrap();
        let message = frames.next().unwrap().unwrap();
        assert_eq!(GetRequest::decode(message).unwrap().cache_key, b"key");
        frames.finish().unwrap();
    }
}

#[test]
fn a_message_over_the_limit_is_refused_from_its_header_alone() {
    let mut frames = Frames::new(10);
    let status = frames.push(Bytes::from_static(b"\0\0\0\0\x0b")).unwrap_err();
    assert_eq!(status.code, Code::ResourceExhausted);
    let huge = GetRequest { cache_key: vec![0; MAX_MESSAGE_BYTES] };
    assert_eq!(encode_frame(&huge).unwrap_err().code, Code::ResourceExhausted);
}

#[test]
fn compressed_frames_and_unknown_flags_are_refused() {
    for flag in [1, 2, 255] {
        let mut frames = Frames::new(10);
        let status = frames.push(Bytes::copy_from_slice(&[flag, 0, 0, 0, 0])).unwrap_err();
        assert_eq!(status.code, Code::Internal);
    }
}

#[test]
fn trailers_give_code_message_and_err() {
    assert_eq!(status_from_trailers(&trailers(&[])), None);
    assert_eq!(status_from_trailers(&trailers(&[("grpc-status", "0")])), Some(Ok(())));
    let status = trailers(&[("grpc-status", "5"), ("grpc-message", "no%20item"), ("err", "item_not_found")]);
    let expected = Status::new(Code::NotFound, "no item").with_err("item_not_found");
    assert_eq!(status_from_trailers(&status), Some(Err(expected)));
    let odd = trailers(&[("grpc-status", "99"), ("err", "new")]);
    assert_eq!(
        status_from_trailers(&odd),
        Some(Err(Status::new(Code::Unknown, "").with_err("unrecognised")))
    );
}

#[test]
fn heads_that_are_not_grpc_say_so() {
    let grpc = trailers(&[("content-type", "application/grpc+proto")]);
    assert_eq!(check_response_head(StatusCode::OK, &grpc), Ok(()));
    let html = trailers(&[("content-type", "text/html")]);
    let status = check_response_head(StatusCode::OK, &html).unwrap_err();
    assert!(status.message.contains("text/html"), "{status}");
    let web = trailers(&[("content-type", "application/grpc-web")]);
    assert_eq!(check_response_head(StatusCode::OK, &web).unwrap_err().code, Code::Unknown);
    assert_eq!(check_response_head(StatusCode::NOT_FOUND, &html).unwrap_err().code, Code::Unimplemented);
    // A trailers-only answer counts whatever else it says.
    let denied = trailers(&[("grpc-status", "7"), ("content-type", "text/html")]);
    assert_eq!(check_response_head(StatusCode::FORBIDDEN, &denied).unwrap_err().code, Code::PermissionDenied);
}

proptest! {
    #[test]
    fn no_bytes_panic_or_grow_past_the_limit(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
        let mut frames = Frames::new(64);
        for chunk in chunks {
            if frames.push(chunk.into()).is_err() { return Ok(()); }
            loop {
                match frames.next() {
                    Ok(Some(message)) => prop_assert!(message.len() <= 64),
                    Ok(None) => break,
                    Err(_) => return Ok(()),
                }
            }
        }
        let _ = frames.finish();
    }

    #[test]
    fn no_trailers_panic(code in "\\PC{0,4}", message in prop::collection::vec(32u8..=255, 0..20)) {
        let mut map = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(code.as_bytes()) { map.insert("grpc-status", value); }
        if let Ok(value) = HeaderValue::from_bytes(&message) { map.insert("grpc-message", value.clone()); map.insert("err", value); }
        let _ = status_from_trailers(&map);
        let _ = check_response_head(StatusCode::OK, &map);
    }
}
