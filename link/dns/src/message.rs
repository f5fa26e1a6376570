//! Between bytes and questions. What a peer sent is decoded by `hickory-proto` only: [`Header::read`],
//! [`Query::read`] and [`Message::read_records`] are all that sees it.

use hickory_proto::{
    op::{
        DEFAULT_MAX_PAYLOAD_LEN, Edns, Header, Message, MessageType, Metadata, OpCode, Query, ResponseCode,
    },
    rr::{DNSClass, RecordType, rdata::opt::EdnsOption},
    serialize::binary::{BinDecodable as _, BinDecoder, BinEncodable as _},
};

use crate::answer::Reply;

/// The largest datagram sent and asked for: what passes any path unfragmented (DNS flag day 2020).
const DATAGRAM: u16 = DEFAULT_MAX_PAYLOAD_LEN;
/// The largest without EDNS (RFC 1035 §4.2.1).
const PLAIN_DATAGRAM: u16 = 512;
/// The option that carries an extended error (RFC 8914 §2).
const EXTENDED_ERROR: u16 = 15;

/// What came.
#[derive(Debug)]
pub(crate) enum Incoming {
    Question(Question),
    /// Something that is answered with an error: this one.
    Refused(Vec<u8>),
    /// Something that is not answered: too short to have a header, or itself an answer.
    Noise,
}

/// A query that can be looked up.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub query: Query,
    metadata: Metadata,
    edns: Option<ClientEdns>,
}

#[derive(Clone, Copy, Debug)]
struct ClientEdns {
    payload: u16,
    dnssec_ok: bool,
}

/// By what it came, so what an answer may weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Why there is no answer, as an extended error tells it (RFC 8914).
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub info: Info,
    pub text: String,
}

/// Numbers of IANA's registry of extended errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Info {
    NotReady = 14,
    NetworkError = 23,
}

/// Decodes what came.
pub(crate) fn read(bytes: &[u8]) -> Incoming {
    let mut decoder = BinDecoder::new(bytes);
    let Ok(header) = Header::read(&mut decoder) else { return Incoming::Noise };
    let metadata = header.metadata;
    if metadata.message_type != MessageType::Query {
        return Incoming::Noise;
    }
    let refuse = |code, query: Option<Query>, edns| {
        let mut message = answer_to(&metadata, query, edns);
        message.metadata.response_code = code;
        Incoming::Refused(encode(&message, PLAIN_DATAGRAM))
    };
    if metadata.op_code != OpCode::Query {
        return refuse(ResponseCode::NotImp, None, None);
    }
    // Counted before anything is allocated for the questions. More than one has no meaning (RFC 9619).
    if header.counts.queries != 1 {
        return refuse(ResponseCode::FormErr, None, None);
    }
    let Ok(query) = Query::read(&mut decoder) else { return refuse(ResponseCode::FormErr, None, None) };
    let counts = &header.counts;
    let mut records = |count: u16, additional| {
        Message::read_records(&mut decoder, usize::from(count), additional, OpCode::Query)
    };
    let (Ok(_), Ok(_), Ok((_, edns, _))) = (
        records(counts.answers, false),
        records(counts.authorities, false),
        records(counts.additionals, true),
    ) else {
        return refuse(ResponseCode::FormErr, Some(query), None);
    };
    let client = edns
        .as_ref()
        .map(|edns| ClientEdns { payload: edns.max_payload(), dnssec_ok: edns.flags().dnssec_ok });
    if !decoder.is_empty() {
        return refuse(ResponseCode::FormErr, Some(query), client);
    }
    if edns.is_some_and(|edns| edns.version() > 0) {
        return refuse(ResponseCode::BADVERS, Some(query), client);
    }
    if query.query_class != DNSClass::IN || matches!(query.query_type, RecordType::AXFR | RecordType::IXFR) {
        return refuse(ResponseCode::Refused, Some(query), client);
    }
    Incoming::Question(Question { query, metadata, edns: client })
}

impl Question {
    /// The query's id.
    pub(crate) fn id(&self) -> u16 {
        self.metadata.id
    }

    /// The answer from the plan, as bytes.
    pub(crate) fn reply(&self, reply: Reply, authoritative: bool, transport: Transport) -> Vec<u8> {
        let mut message = answer_to(&self.metadata, Some(self.query.clone()), self.edns);
        message.metadata.response_code = reply.code;
        message.metadata.authoritative = authoritative;
        message.answers = reply.answers;
        message.authorities = reply.authorities;
        encode(&message, self.limit(transport))
    }

    /// SERVFAIL, and why.
    pub(crate) fn fail(&self, failure: &Failure, transport: Transport) -> Vec<u8> {
        let mut message = answer_to(&self.metadata, Some(self.query.clone()), self.edns);
        message.metadata.response_code = ResponseCode::ServFail;
        if let Some(edns) = &mut message.edns {
            let code = failure.info as u16;
            let data = [&code.to_be_bytes(), failure.text.as_bytes()].concat();
            edns.options_mut().insert(EdnsOption::Unknown(EXTENDED_ERROR, data));
        }
        encode(&message, self.limit(transport))
    }

    /// The same question for an upstream server, with an id of its own. It has EDNS if the client had, so that the
    /// answer can be passed on as it is; the client's other options were meant for us.
    pub(crate) fn for_upstream(&self) -> (u16, Vec<u8>) {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.metadata.checking_disabled = self.metadata.checking_disabled;
        message.metadata.authentic_data = self.metadata.authentic_data;
        message.add_query(self.query.clone());
        message.edns = self.edns.map(ClientEdns::ours);
        (message.metadata.id, encode(&message, u16::MAX))
    }

    /// Whether bytes answer what [`for_upstream`](Self::for_upstream) asked, and whether they were cut short.
    pub(crate) fn answered_by(&self, id: u16, bytes: &[u8]) -> Option<Metadata> {
        let mut decoder = BinDecoder::new(bytes);
        let header = Header::read(&mut decoder).ok()?;
        let fits = header.metadata.id == id
            && header.metadata.message_type == MessageType::Response
            && header.metadata.op_code == OpCode::Query
            && header.counts.queries == 1;
        // Names are equal without regard to case.
        (fits && Query::read(&mut decoder).ok()? == self.query).then_some(header.metadata)
    }

    /// An upstream's answer for the client: its own id, and cut to its size.
    pub(crate) fn pass_on(&self, mut bytes: Vec<u8>, transport: Transport) -> Vec<u8> {
        if bytes.len() > usize::from(self.limit(transport)) {
            let mut message = answer_to(&self.metadata, Some(self.query.clone()), self.edns);
            message.metadata.truncation = true;
            return encode(&message, PLAIN_DATAGRAM);
        }
        for (to, from) in bytes.iter_mut().zip(self.metadata.id.to_be_bytes()) {
            *to = from;
        }
        bytes
    }

    fn limit(&self, transport: Transport) -> u16 {
        match (transport, self.edns) {
            (Transport::Tcp, _) => u16::MAX,
            (Transport::Udp, None) => PLAIN_DATAGRAM,
            (Transport::Udp, Some(edns)) => edns.payload.clamp(PLAIN_DATAGRAM, DATAGRAM),
        }
    }
}

impl ClientEdns {
    fn ours(self) -> Edns {
        let mut edns = Edns::new();
        edns.set_max_payload(DATAGRAM).set_dnssec_ok(self.dnssec_ok);
        edns
    }
}

/// An answer without content: what was asked, and the flags that go back with it.
fn answer_to(asked: &Metadata, query: Option<Query>, edns: Option<ClientEdns>) -> Message {
    let mut message = Message::response(asked.id, asked.op_code);
    message.metadata.recursion_desired = asked.recursion_desired;
    message.metadata.recursion_available = true;
    message.metadata.checking_disabled = asked.checking_disabled;
    message.add_queries(query);
    message.edns = edns.map(ClientEdns::ours);
    message
}

/// Bytes of at most `limit`: what does not fit is left out whole and said to be missing (RFC 2181 §9).
fn encode(message: &Message, limit: u16) -> Vec<u8> {
    match message.to_bytes() {
        Ok(bytes) if bytes.len() <= usize::from(limit) => bytes,
        Ok(_) => message.truncate().to_bytes().unwrap_or_default(),
        Err(error) => {
            // Nothing that was decoded or parsed is known to end here; the peer must still hear something.
            tracing::error!(id = message.metadata.id, %error, "an answer could not be encoded");
            Message::error_msg(message.metadata.id, message.metadata.op_code, ResponseCode::ServFail)
                .to_bytes()
                .unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests;
