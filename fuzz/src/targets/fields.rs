//! Protobuf fields, read in place by the server.

use kura_wire::fields::{FieldError, Fields, Payload};
use prost::Message as _;

use crate::{Target, Trace};

pub(super) const TARGET: Target =
    Target::new("fields", "accepts what prost does, groups aside, and its fields are the message's", check);

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let fields: Vec<_> = Fields::of(input).collect();
    let broken = fields.iter().position(Result::is_err);
    assert!(broken.is_none_or(|at| at + 1 == fields.len()), "fields after an error: {fields:?}");
    let error = broken.and_then(|at| fields[at].err());
    trace.note(error.map(|error| std::mem::discriminant(&error)));

    // prost's empty message passes over every field, so it accepts all that is well-formed.
    let accepted = <()>::decode(input).is_ok();
    match error {
        // Groups ended with proto2; the server refuses them instead of passing over them.
        Some(FieldError::WireType(3 | 4)) => return,
        Some(error) => assert!(!accepted, "prost accepts what gives {error:?}"),
        None => assert!(accepted, "prost refuses {fields:?}"),
    }

    let mut again = Vec::new();
    for field in fields.into_iter().flatten() {
        trace.note((field.0.min(32), std::mem::discriminant(&field.1)));
        match field {
            (number, Payload::Varint(value)) => {
                prost::encoding::uint64::encode(number, &value, &mut again);
            }
            (number, Payload::Bytes(bytes)) => {
                prost::encoding::bytes::encode(number, &bytes.to_vec(), &mut again);
            }
            (_, Payload::Fixed) => return,
        }
    }
    if error.is_none() {
        let first: Vec<_> = Fields::of(input).collect();
        assert_eq!(Fields::of(&again).collect::<Vec<_>>(), first, "encoded again, it is another message");
    }
}
