//! Protosocket by hand: whole messages by prost, and bytes that no client sends.

use kura_wire::protos::protosocket::cache::cache_command::RpcKind;
use kura_wire::protos::protosocket::cache::cache_response::Kind;
use kura_wire::protos::protosocket::cache::unary::Command;
use kura_wire::protos::protosocket::cache::{
    AuthenticateCommand, AuthenticateResponse, CacheCommand, CacheResponse, DeleteCommand, GetCommand,
    SetCommand, Unary,
};
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, Server};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One connection.
pub struct Proto {
    io: Box<dyn Stream>,
    came: Vec<u8>,
}

impl Server {
    /// Opens a protosocket connection, over TLS if the server speaks it.
    pub async fn protosocket(&self) -> Proto {
        let address = self.protosocket.unwrap();
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let io: Box<dyn Stream> = match self.connector(&[]) {
            None => Box::new(tcp),
            Some(tls) => Box::new(tls.connect(address.ip().into(), tcp).await.unwrap()),
        };
        Proto { io, came: Vec::new() }
    }

    /// The same, authenticated.
    pub async fn protosocket_as(&self, token: &str) -> Proto {
        let mut proto = self.protosocket().await;
        let answer = proto.call(0xDEAD_BEEF, auth(token)).await;
        assert_eq!(answer, Kind::Auth(AuthenticateResponse {}));
        proto
    }
}

impl Proto {
    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.io.write_all(bytes)).await.unwrap().unwrap();
        timeout(PATIENCE, self.io.flush()).await.unwrap().unwrap();
    }

    /// The next response; none at the server's end.
    pub async fn response(&mut self) -> Option<CacheResponse> {
        loop {
            let mut rest = &self.came[..];
            if let Ok(response) = CacheResponse::decode_length_delimited(&mut rest) {
                self.came.drain(..self.came.len() - rest.len());
                return Some(response);
            }
            // Resets and a missing close_notify are an end as well.
            if timeout(PATIENCE, self.io.read_buf(&mut self.came)).await.unwrap().unwrap_or(0) == 0 {
                assert!(self.came.is_empty(), "half a response: {:?}", self.came);
                return None;
            }
        }
    }

    /// Makes a call and waits for its answer, which must be the next.
    pub async fn call(&mut self, message_id: u64, command: Command) -> Kind {
        self.send(&encoded(message_id, 0, Some(command))).await;
        let response = self.response().await.unwrap();
        assert_eq!((response.message_id, response.control_code), (message_id, 0));
        response.kind.unwrap()
    }

    /// Waits for the server's end, at most this long.
    pub async fn ends_within(&mut self, limit: std::time::Duration) {
        let mut rest = Vec::new();
        let _ = timeout(limit, self.io.read_to_end(&mut rest)).await.unwrap();
    }

    /// Sends without end until the server takes no more; true if it took less than so many bytes.
    pub async fn stuff(&mut self, bytes: &[u8], most: usize) -> bool {
        let mut taken = 0;
        while taken < most {
            match timeout(std::time::Duration::from_millis(500), self.io.write(bytes)).await {
                Ok(Ok(written)) => taken += written,
                _ => return true,
            }
        }
        false
    }
}

/// A frame.
pub fn encoded(message_id: u64, control_code: u32, command: Option<Command>) -> Vec<u8> {
    let rpc_kind = command.map(|command| RpcKind::Unary(Unary { command: Some(command) }));
    CacheCommand { message_id, control_code, rpc_kind }.encode_length_delimited_to_vec()
}

pub fn auth(token: &str) -> Command {
    Command::Auth(AuthenticateCommand { token: token.to_owned() })
}

pub fn get(cache: &str, key: &str) -> Command {
    Command::Get(GetCommand { namespace: cache.to_owned(), key: key.into() })
}

pub fn set(cache: &str, key: &str, value: impl Into<Vec<u8>>) -> Command {
    let value = value.into();
    Command::Set(SetCommand { namespace: cache.to_owned(), key: key.into(), value, ttl_milliseconds: 60_000 })
}

pub fn delete(cache: &str, key: &str) -> Command {
    Command::Delete(DeleteCommand { namespace: cache.to_owned(), key: key.into() })
}

/// An answer that is an error: its code and its text.
pub fn failed(answer: &Kind) -> (i32, &str) {
    match answer {
        Kind::Error(error) => (error.code, &error.message),
        other => panic!("no error: {other:?}"),
    }
}

/// An answer that is a value.
pub fn value(answer: Kind) -> Vec<u8> {
    match answer {
        Kind::Get(got) => got.value,
        other => panic!("no value: {other:?}"),
    }
}
