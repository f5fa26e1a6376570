//! Pipelines of commands over RESP.

use fastrand::Rng;

use super::{bytes, key, length, ttl};
use crate::common::resp::{Answer, Resp, command};

/// Largest value; a pipeline holds several.
const VALUE: usize = 64 * 1024;
/// Most commands sent before the first answer is read, and about the most bytes.
const PIPELINED: usize = 200;
const PIPELINED_BYTES: usize = 256 * 1024;

/// One connection.
pub struct Writer {
    resp: Resp,
    rng: Rng,
}

impl Writer {
    pub fn new(resp: Resp, rng: Rng) -> Self {
        Self { resp, rng }
    }

    /// Sends one pipeline and reads its answers; how many commands it had.
    pub async fn write(&mut self) -> u64 {
        let (mut sent, mut count) = (Vec::new(), 0);
        for _ in 0..length(&mut self.rng, PIPELINED) {
            sent.extend(command(&self.draw()));
            count += 1;
            if sent.len() > PIPELINED_BYTES {
                break;
            }
        }
        self.resp.send(&sent).await;
        for _ in 0..count {
            if let Answer::Error(text) = self.resp.answer().await.unwrap() {
                let expected = ["WRONGTYPE", "OOM", "ERR value is not an integer", "ERR increment"];
                assert!(expected.iter().any(|start| text.starts_with(start)), "{text}");
            }
        }
        count
    }

    fn draw(&mut self) -> Vec<Vec<u8>> {
        let rng = &mut self.rng;
        let milliseconds = ttl(rng).to_string().into_bytes();
        match rng.u32(..100) {
            0..50 => {
                let (key, value) = (key(rng, "scalar", 20_000), bytes(rng, VALUE));
                vec![b"SET".to_vec(), key, value, b"PX".to_vec(), milliseconds]
            }
            50..55 => vec![b"GET".to_vec(), key(rng, "scalar", 20_000)],
            55..60 => vec![b"DEL".to_vec(), key(rng, "scalar", 20_000), key(rng, "dictionary", 50)],
            60..65 => vec![b"APPEND".to_vec(), key(rng, "text", 1000), bytes(rng, VALUE / 64)],
            65..75 => {
                let mut words = vec![b"HSET".to_vec(), key(rng, "dictionary", 50)];
                for _ in 0..length(rng, 20) {
                    words.extend([key(rng, "field", 5000), bytes(rng, VALUE / 8)]);
                }
                words
            }
            75..80 => vec![b"RPUSH".to_vec(), key(rng, "list", 50), bytes(rng, VALUE / 8)],
            80..85 => vec![b"LPOP".to_vec(), key(rng, "list", 50)],
            85..90 => vec![b"SADD".to_vec(), key(rng, "set", 50), bytes(rng, VALUE / 64)],
            90..95 => {
                let score = rng.u32(..).to_string().into_bytes();
                vec![b"ZADD".to_vec(), key(rng, "sorted", 50), score, key(rng, "element", 5000)]
            }
            _ => vec![b"PEXPIRE".to_vec(), key(rng, "dictionary", 50), milliseconds],
        }
    }
}
