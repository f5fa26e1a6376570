//! `/endpoints`: where clients of the protosocket protocol find servers, zone by zone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use crate::Http;
use crate::content::Content;
use crate::problem::Problem;
use crate::query::Query;

/// Addresses by the id of their availability zone, like `apne1-az4`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones(BTreeMap<String, Vec<SocketAddr>>);

/// A text that does not list zones and addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZonesError;

impl FromStr for Zones {
    type Err = ZonesError;

    /// Reads `zone=address,zone=address`. A zone may come again with another address; no text is no
    /// zone.
    fn from_str(text: &str) -> Result<Self, ZonesError> {
        let mut zones = Self::default();
        for entry in text.split(',').map(str::trim) {
            if entry.is_empty() && text.trim().is_empty() {
                break;
            }
            let (zone, address) = entry.split_once('=').ok_or(ZonesError)?;
            let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if zone.is_empty() || !zone.bytes().all(sound) {
                return Err(ZonesError);
            }
            let address: SocketAddr = address.parse().map_err(|_| ZonesError)?;
            if address.port() == 0 || address.ip().is_unspecified() {
                return Err(ZonesError);
            }
            let addresses = zones.0.entry(zone.to_owned()).or_default();
            if addresses.contains(&address) {
                return Err(ZonesError);
            }
            addresses.push(address);
        }
        Ok(zones)
    }
}

/// Where servers are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertised {
    /// For clients on the public network.
    pub public: Zones,
    /// For clients on the private network.
    pub private: Zones,
}

/// `GET`: the servers of the network that is asked for.
pub(crate) fn list(http: &Http, query: Query<'_>) -> Result<Response<Content>, Problem> {
    let private = match query.text("private")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            return Err(Problem::bad_request(format!("private is {other:?}; give true or false")));
        }
    };
    let advertised = http.advertised.read();
    let zones = if private { &advertised.private } else { &advertised.public };
    let zones: serde_json::Map<_, _> = zones
        .0
        .iter()
        .map(|(zone, addresses)| {
            let list = addresses.iter().map(|address| json!({ "socket_address": address.to_string() }));
            (zone.clone(), list.collect())
        })
        .collect();
    Ok(json_response(&zones.into()))
}

/// An answer of 200 in JSON.
pub(crate) fn json_response(body: &serde_json::Value) -> Response<Content> {
    let mut response = Response::new(Content::whole(Bytes::from(body.to_string())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_listed_with_their_addresses() {
        let zones: Zones = "a-az1=10.0.0.1:9004, a-az2=[fd00::1]:9004,a-az1=10.0.0.2:9004".parse().unwrap();
        assert_eq!(zones.0.len(), 2);
        assert_eq!(zones.0["a-az1"].len(), 2);
        assert_eq!("".parse(), Ok(Zones::default()));
        for bad in [
            "a",
            "a=b",
            "a=10.0.0.1",
            "=10.0.0.1:1",
            "a=10.0.0.1:1,",
            ",",
            "A=10.0.0.1:1",
            "a=host:1",
            "a=0.0.0.0:1",
            "a=10.0.0.1:0",
            "a=10.0.0.1:1,a=10.0.0.1:1",
        ] {
            assert_eq!(bad.parse::<Zones>(), Err(ZonesError), "{bad}");
        }
    }
}
