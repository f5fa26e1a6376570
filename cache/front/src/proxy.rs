//! The PROXY protocol's header, version 2: what a load balancer says of a connection before its first byte.
//!
//! Layout and rules: haproxy.org, proxy-protocol.txt, section 2.2. AWS's load balancers add the interface endpoint that a
//! connection came by (type 0xEA, subtype 1, in "Edit target group attributes" of the Network Load Balancers' guide).
//!
//! What it says is the load balancer's word, and anyone who reaches the listener can say it: it tells who to look for, and
//! is no permission.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const HEAD_BYTES: usize = 16;
/// Most that may follow the head. Senders keep a header within a first segment, 536 bytes; AWS' have 100.
const MAX_BODY_BYTES: usize = 4096;
const TYPE_CRC32C: u8 = 0x03;
const TYPE_AWS: u8 = 0xEA;
const SUBTYPE_AWS_VPCE_ID: u8 = 0x01;
/// Longest identifier of an endpoint; AWS' have 22 characters.
const MAX_ENDPOINT_BYTES: usize = 64;

/// What a header says of its connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxied {
    /// The client; none of the load balancer's own connections, such as health checks.
    pub source: Option<SocketAddr>,
    /// The interface endpoint that it came by.
    pub endpoint: Option<String>,
}

/// Why there is no header to go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// The connection begins with something else.
    Missing([u8; 12]),
    /// A version or command that does not exist; both in one byte.
    Version(u8),
    /// More bytes than a header has.
    TooLong(usize),
    /// An address or a field goes beyond the end.
    CutOff,
    /// Damaged on the way: the checksum it carries, and that of its bytes.
    Checksum(u32, u32),
    /// An endpoint's identifier that is none.
    Endpoint(Vec<u8>),
}

impl fmt::Display for BadHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(start) => write!(
                f,
                "a connection begins with \"{}\" and not with a PROXY protocol header of version 2: turn \
                 proxy_protocol_v2.enabled on at the target group, or connect to another listener",
                start.escape_ascii()
            ),
            Self::Version(byte) => {
                write!(f, "the PROXY protocol header has version and command {byte:#04x}, not 0x20 or 0x21")
            }
            Self::TooLong(bytes) => {
                write!(f, "the PROXY protocol header has {bytes} bytes, more than {MAX_BODY_BYTES}")
            }
            Self::CutOff => f.write_str("a field of the PROXY protocol header goes beyond its end"),
            Self::Checksum(told, is) => {
                write!(
                    f,
                    "the PROXY protocol header is damaged: its checksum is {is:#010x}, not {told:#010x}"
                )
            }
            Self::Endpoint(id) => {
                write!(f, "the PROXY protocol header names the endpoint \"{}\"", id.escape_ascii())
            }
        }
    }
}

impl std::error::Error for BadHeader {}

impl Proxied {
    /// Takes the header from the beginning of a connection, and not a byte more.
    ///
    /// # Errors
    /// When the connection breaks, or with a [`BadHeader`] inside.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut head = [0; HEAD_BYTES];
        // Whoever speaks another protocol may send less than a header and wait: what came first tells.
        stream.read_exact(&mut head[..SIGNATURE.len()]).await?;
        signature(&head).map_err(invalid)?;
        stream.read_exact(&mut head[SIGNATURE.len()..]).await?;
        let length = body_length(&head).map_err(invalid)?;
        let mut header = vec![0; HEAD_BYTES + length];
        header[..HEAD_BYTES].copy_from_slice(&head);
        stream.read_exact(&mut header[HEAD_BYTES..]).await?;
        Self::decode(&header).map_err(invalid)
    }

    /// Decodes a whole header; bytes after it are an error.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(header: &[u8]) -> Result<Self, BadHeader> {
        let (head, body) = header.split_first_chunk::<HEAD_BYTES>().ok_or(BadHeader::CutOff)?;
        signature(head)?;
        if body_length(head)? != body.len() {
            return Err(BadHeader::CutOff);
        }
        let (source, fields) = match head[13] >> 4 {
            1 => address::<4, 12>(body)?,
            2 => address::<16, 36>(body)?,
            // A Unix socket's two names.
            3 => (None, body.get(216..).ok_or(BadHeader::CutOff)?),
            _ => (None, body),
        };
        let is_local = head[12] == LOCAL;
        let mut proxied = Self { source: source.filter(|_| !is_local), endpoint: None };
        let mut rest = fields;
        while !rest.is_empty() {
            let (kind, value, after) = field(rest)?;
            match (kind, value) {
                (TYPE_CRC32C, value) => check(header, header.len() - rest.len() + 3, value)?,
                (TYPE_AWS, [SUBTYPE_AWS_VPCE_ID, id @ ..]) => proxied.endpoint = Some(endpoint(id)?),
                _ => {}
            }
            rest = after;
        }
        Ok(proxied)
    }
}

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

fn invalid(error: BadHeader) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn signature(head: &[u8; HEAD_BYTES]) -> Result<(), BadHeader> {
    let (start, _) = head.split_first_chunk::<12>().ok_or(BadHeader::CutOff)?;
    if start == SIGNATURE { Ok(()) } else { Err(BadHeader::Missing(*start)) }
}

fn body_length(head: &[u8; HEAD_BYTES]) -> Result<usize, BadHeader> {
    if ![LOCAL, PROXY].contains(&head[12]) {
        return Err(BadHeader::Version(head[12]));
    }
    match usize::from(u16::from_be_bytes([head[14], head[15]])) {
        length @ ..=MAX_BODY_BYTES => Ok(length),
        length => Err(BadHeader::TooLong(length)),
    }
}

/// The source of a block of two addresses of `A` bytes and two ports, `BLOCK` together, and what follows the block.
fn address<const A: usize, const BLOCK: usize>(
    body: &[u8],
) -> Result<(Option<SocketAddr>, &[u8]), BadHeader> {
    let (block, fields) = body.split_at_checked(BLOCK).ok_or(BadHeader::CutOff)?;
    let ip = if let Ok(bytes) = <[u8; 4]>::try_from(&block[..A]) {
        IpAddr::from(Ipv4Addr::from(bytes))
    } else if let Ok(bytes) = <[u8; 16]>::try_from(&block[..A]) {
        IpAddr::from(Ipv6Addr::from(bytes))
    } else {
        return Err(BadHeader::CutOff);
    };
    let port = u16::from_be_bytes([block[2 * A], block[2 * A + 1]]);
    Ok((Some(SocketAddr::new(ip, port)), fields))
}

/// The first field: its type and value, and what follows.
fn field(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), BadHeader> {
    let ([kind, high, low], rest) = bytes.split_first_chunk().ok_or(BadHeader::CutOff)?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (value, after) = rest.split_at_checked(length).ok_or(BadHeader::CutOff)?;
    Ok((*kind, value, after))
}

/// The checksum is that of the header with four zeros in its own place.
fn check(header: &[u8], at: usize, told: &[u8]) -> Result<(), BadHeader> {
    let told = u32::from_be_bytes(told.try_into().map_err(|_| BadHeader::CutOff)?);
    let before = crc32c::crc32c(&header[..at]);
    let is = crc32c::crc32c_append(crc32c::crc32c_append(before, &[0; 4]), &header[at + 4..]);
    if is == told { Ok(()) } else { Err(BadHeader::Checksum(told, is)) }
}

fn endpoint(id: &[u8]) -> Result<String, BadHeader> {
    let is_one = (1..=MAX_ENDPOINT_BYTES).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    match std::str::from_utf8(id) {
        Ok(id) if is_one => Ok(id.to_owned()),
        _ => Err(BadHeader::Endpoint(id.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of AWS' as its elastic-load-balancing-tools publish one, made out of its parts, with its checksum.
    fn sample() -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend([PROXY, 0x11, 0, 84, 10, 0, 1, 7, 10, 0, 2, 9, 0x9c, 0x40, 0x01, 0xbb]);
        header.extend([TYPE_CRC32C, 0, 4, 0, 0, 0, 0]);
        header.extend([TYPE_AWS, 0, 23, SUBTYPE_AWS_VPCE_ID]);
        header.extend(b"vpce-08d2bf15fac5001c9");
        header.extend([0x04, 0, 36]);
        header.extend([0; 36]);
        let checksum = crc32c::crc32c(&header);
        header[31..35].copy_from_slice(&checksum.to_be_bytes());
        header
    }

    #[test]
    fn what_a_load_balancer_says_is_read() {
        let proxied = Proxied::decode(&sample()).unwrap();
        assert_eq!(proxied.source, Some("10.0.1.7:40000".parse().unwrap()));
        assert_eq!(proxied.endpoint.as_deref(), Some("vpce-08d2bf15fac5001c9"));
        let six = [SIGNATURE.as_slice(), &[PROXY, 0x21, 0, 36], &[0; 15], &[1], &[0; 16], &[0, 80, 1, 187]]
            .concat();
        assert_eq!(Proxied::decode(&six).unwrap().source, Some("[::1]:80".parse().unwrap()));
    }

    #[test]
    fn a_load_balancers_own_connections_have_no_source() {
        let own = [SIGNATURE.as_slice(), &[LOCAL, 0, 0, 0]].concat();
        assert_eq!(Proxied::decode(&own).unwrap(), Proxied::default());
        let mut own = sample();
        own[12] = LOCAL;
        let mut unsummed = own.clone();
        unsummed[31..35].fill(0);
        own[31..35].copy_from_slice(&crc32c::crc32c(&unsummed).to_be_bytes());
        assert_eq!(Proxied::decode(&own).unwrap().source, None);
    }

    #[test]
    fn every_damage_is_told_apart() {
        let changed = |at: usize, byte: u8| {
            let mut header = sample();
            header[at] = byte;
            Proxied::decode(&header).unwrap_err()
        };
        assert!(matches!(changed(0, 22), BadHeader::Missing(_)));
        assert_eq!(changed(12, 0x31), BadHeader::Version(0x31));
        assert_eq!(changed(14, 0x20), BadHeader::TooLong(0x2054));
        assert_eq!(changed(15, 85), BadHeader::CutOff);
        assert_eq!(changed(29, 40), BadHeader::CutOff);
        assert!(matches!(changed(17, 1), BadHeader::Checksum(..)));
        for cut in 0..100 {
            assert_eq!(Proxied::decode(&sample()[..cut]).unwrap_err(), BadHeader::CutOff, "{cut}");
        }
        let mut header = sample();
        header[50] = b'"';
        header[31..35].fill(0);
        let checksum = crc32c::crc32c(&header);
        header[31..35].copy_from_slice(&checksum.to_be_bytes());
        assert!(matches!(Proxied::decode(&header).unwrap_err(), BadHeader::Endpoint(_)));
    }

    #[tokio::test]
    async fn reading_stops_where_the_header_does() {
        let bytes = [sample().as_slice(), b"hello"].concat();
        let mut stream = bytes.as_slice();
        Proxied::read(&mut stream).await.unwrap();
        assert_eq!(stream, b"hello");
        let error = Proxied::read(&mut b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00".as_slice()).await;
        assert!(error.unwrap_err().to_string().contains("proxy_protocol_v2.enabled"));
    }
}
