//! Get, set and delete by every protocol that has them, and all other calls by gRPC.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use kura_wire::protos::cache_client::{
    DeleteRequest, DeleteResponse, ECacheResult, GetRequest, GetResponse, SetRequest, SetResponse,
};
use kura_wire::protos::protosocket::cache::cache_response::Kind;
use kura_wire::protos::protosocket::cache::unary::Command;
use kura_wire::protos::protosocket::cache::{DeleteCommand, GetCommand, SetCommand};
use kura_wire::{Code, Frames};
use prost::Message;

use super::Said;
use crate::common::Server;
use crate::common::http::Response;
use crate::common::proto::Proto;
use crate::common::raw::{Connection, frame};

pub const CACHE: &str = "c";

/// How a call is made.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Grpc,
    Http1,
    Http2,
    Protosocket,
}

/// Connections of every protocol to one server.
pub struct Callers {
    pub server: Server,
    grpc: Connection,
    protosocket: Proto,
}

impl Callers {
    pub async fn new() -> Self {
        let server = Server::local_with_protosocket(&[]);
        server.client("").create_cache(CACHE).await.unwrap();
        let (grpc, protosocket) = (server.connect().await, server.protosocket_as("").await);
        Self { server, grpc, protosocket }
    }

    /// A call by gRPC; its messages.
    pub async fn messages<A: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
    ) -> Result<Vec<A>, Code> {
        let path = format!("/cache_client.Scs/{method}");
        let answer =
            self.grpc.call(&path, &[("cache", CACHE.as_bytes())], frame(&request.encode_to_vec())).await;
        if answer.code != Code::Ok {
            assert!(!answer.words.is_empty(), "{method} says nothing about {:?}", answer.code);
            return Err(answer.code);
        }
        let mut frames = Frames::new(16 << 20);
        frames.push(answer.data.into()).unwrap();
        let mut messages = Vec::new();
        while let Some(message) = frames.next().unwrap() {
            messages.push(A::decode(message).unwrap());
        }
        Ok(messages)
    }

    /// A call with one message for an answer.
    pub async fn ask<A: Message + Default>(&self, method: &str, request: &impl Message) -> Result<A, Code> {
        let mut messages = self.messages(method, request).await?;
        assert_eq!(messages.len(), 1, "{method}");
        Ok(messages.remove(0))
    }

    async fn http(&self, way: Way, method: &str, path: &str, body: &[u8]) -> Response {
        match way {
            Way::Http1 => self.server.http1(method, path, &[], body),
            _ => self.server.http2(method, path, &[], body).await,
        }
    }

    async fn protosocket(&mut self, command: Command) -> Result<Kind, Said> {
        match self.protosocket.call(7, command).await {
            Kind::Error(error) if error.message == "Key not found" => Err(Said::Value(None)),
            Kind::Error(error) => Err(Said::Refused(Code::from_trailer(error.code.to_string().as_bytes()))),
            other => Ok(other),
        }
    }

    pub async fn get(&mut self, way: Way, key: &[u8]) -> Said {
        match way {
            Way::Grpc => self
                .ask("Get", &GetRequest { cache_key: key.to_vec() })
                .await
                .map_or_else(Said::Refused, |answer| got(&answer)),
            Way::Protosocket => {
                let get = GetCommand { namespace: CACHE.to_owned(), key: key.to_vec() };
                match self.protosocket(Command::Get(get)).await {
                    Ok(Kind::Get(got)) => Said::Value(Some(got.value)),
                    Ok(other) => panic!("{other:?}"),
                    Err(said) => said,
                }
            }
            Way::Http1 | Way::Http2 => {
                let answer = self.http(way, "GET", &path(key, ""), b"").await;
                match answer.status {
                    200 => Said::Value(Some(answer.body)),
                    404 if answer.text() == "Key Not Found" => Said::Value(None),
                    _ => refused(&answer),
                }
            }
        }
    }

    pub async fn set(&mut self, way: Way, key: &[u8], value: &[u8], ttl: u64) -> Said {
        let (key, value) = (key.to_vec(), value.to_vec());
        match way {
            Way::Grpc => {
                let request = SetRequest { cache_key: key, cache_body: value, ttl_milliseconds: ttl };
                match self.ask::<SetResponse>("Set", &request).await {
                    Ok(answer) if answer.result() == ECacheResult::Ok => Said::Done,
                    Ok(answer) => panic!("{answer:?}"),
                    Err(code) => Said::Refused(code),
                }
            }
            Way::Protosocket => {
                let namespace = CACHE.to_owned();
                let set = SetCommand { namespace, key, value, ttl_milliseconds: ttl };
                match self.protosocket(Command::Set(set)).await {
                    Ok(Kind::Set(_)) => Said::Done,
                    Ok(other) => panic!("{other:?}"),
                    Err(said) => said,
                }
            }
            Way::Http1 | Way::Http2 => {
                assert_eq!(ttl % 1000, 0);
                let path = path(&key, &format!("&ttl_seconds={}", ttl / 1000));
                let answer = self.http(way, "PUT", &path, &value).await;
                if answer.status == 204 { Said::Done } else { refused(&answer) }
            }
        }
    }

    pub async fn delete(&mut self, way: Way, key: &[u8]) -> Said {
        match way {
            Way::Grpc => {
                let request = DeleteRequest { cache_key: key.to_vec() };
                self.ask::<DeleteResponse>("Delete", &request)
                    .await
                    .map_or_else(Said::Refused, |_| Said::Done)
            }
            Way::Protosocket => {
                let delete = DeleteCommand { namespace: CACHE.to_owned(), key: key.to_vec() };
                match self.protosocket(Command::Delete(delete)).await {
                    Ok(Kind::Delete(_)) => Said::Done,
                    Ok(other) => panic!("{other:?}"),
                    Err(said) => said,
                }
            }
            Way::Http1 | Way::Http2 => {
                let answer = self.http(way, "DELETE", &path(key, ""), b"").await;
                if answer.status == 204 { Said::Done } else { refused(&answer) }
            }
        }
    }
}

/// What a Get says.
pub fn got(answer: &GetResponse) -> Said {
    match answer.result() {
        ECacheResult::Hit => Said::Value(Some(answer.cache_body.clone())),
        ECacheResult::Miss => Said::Value(None),
        other => panic!("{other:?}"),
    }
}

/// What gRPC calls the same refusal.
fn refused(answer: &Response) -> Said {
    let wrong_type = answer.status == 400 && answer.text().contains("wrong type");
    let invalid = answer.status == 400 && !wrong_type;
    assert!(wrong_type || invalid, "{answer:?}");
    Said::Refused(if wrong_type { Code::FailedPrecondition } else { Code::InvalidArgument })
}

/// A key in a path, spelled in one of the two ways that there are.
fn path(key: &[u8], more: &str) -> String {
    if key.len().is_multiple_of(2) {
        let escaped: String = key.iter().map(|byte| format!("%{byte:02X}")).collect();
        format!("/cache/{CACHE}?key={escaped}{more}")
    } else {
        format!("/cache/{CACHE}?key_base64={}{more}", URL_SAFE.encode(key))
    }
}
