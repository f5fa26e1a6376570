//! RESP by hand, and bytes that no client sends.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, Server};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One connection.
pub struct Resp {
    io: Box<dyn Stream>,
    came: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    Status(String),
    Error(String),
    Integer(i64),
    Bytes(Vec<u8>),
    Null,
    Score(String),
    Array(Vec<Answer>),
    /// In RESP3; keys and values, one after the other.
    Map(Vec<Answer>),
    Set(Vec<Answer>),
    /// In RESP3: what came of its own accord.
    Push(Vec<Answer>),
}

impl Answer {
    pub fn text(text: &str) -> Self {
        Self::Bytes(text.into())
    }

    pub fn texts(texts: &[&str]) -> Self {
        Self::Array(texts.iter().map(|text| Self::text(text)).collect())
    }

    pub fn ok() -> Self {
        Self::Status("OK".to_owned())
    }

    /// The text of an error.
    pub fn error(&self) -> &str {
        match self {
            Self::Error(text) => text,
            other => panic!("no error: {other:?}"),
        }
    }
}

impl Server {
    /// Opens a RESP connection, over TLS if the server speaks it.
    pub async fn resp(&self) -> Resp {
        let address = self.resp.unwrap();
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let io: Box<dyn Stream> = match self.connector(&[]) {
            None => Box::new(tcp),
            Some(tls) => Box::new(tls.connect(address.ip().into(), tcp).await.unwrap()),
        };
        Resp { io, came: Vec::new() }
    }

    /// The same, authenticated.
    pub async fn resp_as(&self, cache: &str, token: &str) -> Resp {
        let mut resp = self.resp().await;
        assert_eq!(resp.call(&["AUTH", cache, token]).await, Answer::ok());
        resp
    }
}

impl Resp {
    /// Connects to any server in plaintext.
    pub async fn connect(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { io: Box::new(TcpStream::connect(address).await?), came: Vec::new() })
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.io.write_all(bytes)).await.unwrap().unwrap();
        timeout(PATIENCE, self.io.flush()).await.unwrap().unwrap();
    }

    /// The next answer; none at the server's end.
    pub async fn answer(&mut self) -> Option<Answer> {
        loop {
            let mut at = 0;
            if let Some(answer) = parse(&self.came, &mut at) {
                self.came.drain(..at);
                return Some(answer);
            }
            // Resets and a missing close_notify are an end as well.
            if timeout(PATIENCE, self.io.read_buf(&mut self.came)).await.unwrap().unwrap_or(0) == 0 {
                assert!(self.came.is_empty(), "half an answer: {:?}", self.came);
                return None;
            }
        }
    }

    /// Sends a command and waits for its answer.
    pub async fn call(&mut self, words: &[&str]) -> Answer {
        self.send(&command(words)).await;
        self.answer().await.unwrap()
    }

    /// Waits for the server's end, at most this long.
    pub async fn ends_within(&mut self, limit: std::time::Duration) {
        let mut rest = Vec::new();
        let _ = timeout(limit, self.io.read_to_end(&mut rest)).await.unwrap();
    }
}

/// A command's bytes.
pub fn command<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.as_ref().len()).bytes());
        bytes.extend(word.as_ref());
        bytes.extend(b"\r\n");
    }
    bytes
}

fn parse(bytes: &[u8], at: &mut usize) -> Option<Answer> {
    let rest = bytes.get(*at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = String::from_utf8(rest[1..end].to_vec()).unwrap();
    *at += end + 2;
    let length = || line.parse::<i64>().unwrap();
    Some(match rest[0] {
        b'+' => Answer::Status(line),
        b'-' => Answer::Error(line),
        b':' => Answer::Integer(length()),
        b'_' => Answer::Null,
        b',' => Answer::Score(line),
        b'$' | b'*' if length() < 0 => Answer::Null,
        b'$' => {
            let length = length() as usize;
            let value = bytes.get(*at..*at + length)?.to_vec();
            assert_eq!(bytes.get(*at + length..*at + length + 2)?, b"\r\n");
            *at += length + 2;
            Answer::Bytes(value)
        }
        kind @ (b'*' | b'%' | b'~' | b'>') => {
            let each = if kind == b'%' { 2 } else { 1 };
            let answers = (0..length() * each).map(|_| parse(bytes, at)).collect::<Option<_>>()?;
            match kind {
                b'*' => Answer::Array(answers),
                b'%' => Answer::Map(answers),
                b'>' => Answer::Push(answers),
                _ => Answer::Set(answers),
            }
        }
        other => panic!("an answer that begins with {}", other.escape_ascii()),
    })
}
