//! Whatever comes, there is an answer or none, never a panic; and what there is can be read.

use std::str::FromStr as _;

use hickory_proto::rr::{Name, Record};
use proptest::prelude::*;

use super::*;

fn query(name: &str, kind: RecordType, edns: Option<u16>) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_str(name).unwrap(), kind));
    message.edns = edns.map(|payload| {
        let mut edns = Edns::new();
        edns.set_max_payload(payload);
        edns
    });
    message
}

fn refused(bytes: &[u8]) -> Message {
    let Incoming::Refused(answer) = read(bytes) else { panic!("{:?}", read(bytes)) };
    let answer = Message::from_vec(&answer).unwrap();
    assert_eq!(answer.metadata.message_type, MessageType::Response);
    assert_eq!(answer.metadata.id.to_be_bytes(), bytes[..2]);
    answer
}

#[test]
fn each_mistake_has_its_code() {
    let good = query("a.example.", RecordType::A, Some(1232)).to_vec().unwrap();
    assert!(matches!(read(&good), Incoming::Question(_)));
    let changed = |change: fn(&mut Message)| {
        let mut message = query("a.example.", RecordType::A, Some(1232));
        change(&mut message);
        refused(&message.to_vec().unwrap()).metadata.response_code
    };
    assert_eq!(changed(|m| m.queries.push(m.queries[0].clone())), ResponseCode::FormErr);
    assert_eq!(changed(|m| m.queries.clear()), ResponseCode::FormErr);
    assert_eq!(changed(|m| m.metadata.op_code = OpCode::Notify), ResponseCode::NotImp);
    assert_eq!(changed(|m| m.metadata.op_code = OpCode::Update), ResponseCode::NotImp);
    assert_eq!(changed(|m| m.metadata.op_code = OpCode::Unknown(9)), ResponseCode::NotImp);
    assert_eq!(changed(|m| m.queries[0].query_class = DNSClass::CH), ResponseCode::Refused);
    assert_eq!(changed(|m| m.queries[0].query_type = RecordType::AXFR), ResponseCode::Refused);
    // 16 is BADVERS here; with a signature it would be BADSIG, as which it is read.
    assert_eq!(u16::from(changed(|m| _ = m.edns.as_mut().unwrap().set_version(1))), 16);
    assert_eq!(changed(|m| m.additionals.push(Record::from(&Edns::new()))), ResponseCode::FormErr);
    assert_eq!(refused(&[&good[..], b"x"].concat()).metadata.response_code, ResponseCode::FormErr);
    assert_eq!(refused(&good[..good.len() - 1]).metadata.response_code, ResponseCode::FormErr);
    assert_eq!(refused(&good[..12]).metadata.response_code, ResponseCode::FormErr);
    assert!(matches!(read(&good[..11]), Incoming::Noise));
    let mut answer = good;
    answer[2] |= 0x80;
    assert!(matches!(read(&answer), Incoming::Noise));
}

#[test]
fn many_questions_are_not_even_counted_out() {
    let mut bytes = query("a.example.", RecordType::A, None).to_vec().unwrap();
    bytes[4..6].copy_from_slice(&u16::MAX.to_be_bytes());
    assert_eq!(refused(&bytes).metadata.response_code, ResponseCode::FormErr);
}

#[test]
fn what_does_not_fit_is_left_out_and_said_to_be_missing() {
    let many: Vec<Record> = (0..40u8)
        .map(|n| {
            let data = hickory_proto::rr::RData::A(hickory_proto::rr::rdata::A([10, 0, 0, n].into()));
            Record::from_rdata(Name::from_str("a.example.").unwrap(), 60, data)
        })
        .collect();
    let full = 12 + 15 + 40 * 16;
    for (edns, transport, whole) in [
        (None, Transport::Udp, false),
        (None, Transport::Tcp, true),
        (Some(100), Transport::Udp, false),
        (Some(512), Transport::Udp, false),
        (Some(full + 10), Transport::Udp, false),
        (Some(full + 11), Transport::Udp, true),
        (Some(512), Transport::Tcp, true),
    ] {
        let bytes = query("a.example.", RecordType::A, edns).to_vec().unwrap();
        let Incoming::Question(question) = read(&bytes) else { panic!() };
        let reply = Reply { code: ResponseCode::NoError, answers: many.clone(), authorities: vec![] };
        let bytes = question.reply(reply, false, transport);
        let answer = Message::from_vec(&bytes).unwrap();
        assert_eq!(
            (answer.metadata.truncation, answer.answers.len()),
            (!whole, if whole { 40 } else { 0 }),
            "{edns:?}"
        );
        assert_eq!(answer.edns.is_some(), edns.is_some());
        assert_eq!(answer.queries.len(), 1);
    }
}

#[test]
fn an_upstreams_answer_is_checked_and_passed_on_as_it_is() {
    let Incoming::Question(question) = read(&query("a.example.", RecordType::A, Some(512)).to_vec().unwrap())
    else {
        panic!()
    };
    let (id, asked) = question.for_upstream();
    assert!(question.answered_by(id, &asked).is_none(), "a question is no answer");
    let mut answer = Message::from_vec(&asked).unwrap().into_response();
    answer.metadata.message_type = MessageType::Response;
    let bytes = answer.to_vec().unwrap();
    assert!(question.answered_by(id, &bytes).is_some());
    assert!(question.answered_by(id.wrapping_add(1), &bytes).is_none());
    let passed = question.pass_on(bytes.clone(), Transport::Udp);
    assert_eq!((&passed[..2], &passed[2..]), (&question.id().to_be_bytes()[..], &bytes[2..]));
    answer.queries[0].set_name(Name::from_str("b.example.").unwrap());
    assert!(question.answered_by(id, &answer.to_vec().unwrap()).is_none());
    let long = question.pass_on([&bytes[..], &[0; 512]].concat(), Transport::Udp);
    assert!(Message::from_vec(&long).unwrap().metadata.truncation);
}

/// Reads, and checks what would be sent.
fn survive(bytes: &[u8]) {
    match read(bytes) {
        Incoming::Noise => {}
        Incoming::Refused(answer) => {
            let answer = Message::from_vec(&answer).expect("what we send can be read");
            assert_eq!(answer.metadata.id.to_be_bytes(), bytes[..2]);
            assert_ne!(answer.metadata.response_code, ResponseCode::NoError);
        }
        Incoming::Question(question) => {
            let failure = Failure { info: Info::NetworkError, text: "text".to_owned() };
            let said = question.fail(&failure, Transport::Udp);
            assert!(said.len() <= usize::from(DATAGRAM));
            Message::from_vec(&said).expect("what we send can be read");
            let (id, asked) = question.for_upstream();
            Message::from_vec(&asked).expect("what we ask can be read");
            assert!(question.answered_by(id, bytes).is_none());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        survive(&bytes);
    }

    #[test]
    fn a_random_body_behind_a_query_header_does_no_harm(
        id: u16, counts in prop::array::uniform4(0u16..4), body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = [id.to_be_bytes(), [1, 0]].concat();
        bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        bytes.extend(body);
        survive(&bytes);
    }

    #[test]
    fn a_spoilt_query_does_no_harm(
        label in "[a-zA-Z0-9_-]{1,63}", kind: u16, edns in prop::option::of(any::<u16>()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let name = Name::from_labels([label.as_str(), "vpce", "amazonaws", "com"].map(str::as_bytes)).unwrap();
        let mut message = query(".", RecordType::from(kind), edns);
        message.queries[0].set_name(name);
        let mut bytes = message.to_vec().unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        survive(&bytes);
    }
}
