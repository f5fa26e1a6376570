//! The PROXY protocol's header, version 2, as AWS's load balancers write it for an endpoint's connections.
//!
//! Layout: haproxy.org, proxy-protocol.txt, section 2.2. AWS adds the endpoint's identifier (type 0xEA, subtype 1)
//! and fills up to 100 bytes, as the sample in its elastic-load-balancing-tools shows.

use std::net::SocketAddrV4;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, command PROXY.
const VERSION_COMMAND: u8 = 0x21;
/// TCP over IPv4.
const FAMILY: u8 = 0x11;
const TYPE_CRC32C: u8 = 0x03;
const TYPE_NOOP: u8 = 0x04;
const TYPE_AWS: u8 = 0xEA;
const SUBTYPE_AWS_VPCE_ID: u8 = 0x01;
/// AWS fills its headers up to this.
const HEADER_BYTES: usize = 100;
/// Where the checksum's value stands: after 16 bytes, 12 of addresses, and 3 of its type and length.
const CHECKSUM_AT: usize = 31;

/// The header of a connection from `source` to a listener's address and port; `endpoint` is the endpoint it came by.
pub(super) fn header(source: SocketAddrV4, destination: SocketAddrV4, endpoint: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(SIGNATURE);
    bytes.extend_from_slice(&[VERSION_COMMAND, FAMILY, 0, 0]);
    bytes.extend_from_slice(&source.ip().octets());
    bytes.extend_from_slice(&destination.ip().octets());
    bytes.extend_from_slice(&source.port().to_be_bytes());
    bytes.extend_from_slice(&destination.port().to_be_bytes());
    field(&mut bytes, TYPE_CRC32C, &[0; 4]);
    if let Some(endpoint) = endpoint {
        field(&mut bytes, TYPE_AWS, &[&[SUBTYPE_AWS_VPCE_ID], endpoint.as_bytes()].concat());
    }
    if let Some(padding) = HEADER_BYTES.checked_sub(bytes.len() + 3) {
        field(&mut bytes, TYPE_NOOP, &vec![0; padding]);
    }
    // Without the 16 bytes before the length's end.
    let length = u16::try_from(bytes.len() - 16).unwrap_or(u16::MAX);
    bytes[14..16].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c::crc32c(&bytes);
    bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn field(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    bytes.push(kind);
    bytes.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_laid_out_as_awss_sample() {
        let header = header(
            "172.31.10.20:40000".parse().unwrap(),
            "172.31.11.59:443".parse().unwrap(),
            Some("vpce-08d2bf15fac5001c9"),
        );
        assert_eq!(header.len(), 100);
        assert_eq!(&header[..16], b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x54");
        assert_eq!(&header[16..28], &[172, 31, 10, 20, 172, 31, 11, 59, 0x9c, 0x40, 0x01, 0xbb]);
        assert_eq!(&header[28..31], &[3, 0, 4]);
        assert_eq!(&header[35..61], b"\xea\x00\x17\x01vpce-08d2bf15fac5001c9");
        assert_eq!(&header[61..64], &[4, 0, 36]);
        assert!(header[64..].iter().all(|&byte| byte == 0));
        let mut zeroed = header.clone();
        zeroed[31..35].fill(0);
        assert_eq!(header[31..35], crc32c::crc32c(&zeroed).to_be_bytes());
    }

    #[test]
    fn without_an_endpoint_only_its_field_is_missing() {
        let header = header("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), None);
        assert_eq!(header.len(), 100);
        assert_eq!(&header[14..16], [0, 84]);
        assert_eq!(&header[35..38], [4, 0, 62]);
    }
}
