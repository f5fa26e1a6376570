//! What a run asks for: which keys, which values, how many reads among the writes.

use anyhow::bail;
use serde::Serialize;

use crate::client::{Begun, Connection, Reply};
use crate::keys::{Popularity, SplitMix, write_key};

/// The figures a workload is made from.
#[derive(Clone, Debug, Serialize)]
pub struct WorkloadSpec {
    /// How many different keys there are.
    pub keys: u32,
    /// Zipf's exponent; none is uniform.
    pub zipf: Option<f64>,
    /// Length of a key, at least 16.
    pub key_bytes: usize,
    /// Length of a value.
    pub value_bytes: usize,
    /// Reads of a hundred operations; the rest are writes.
    pub read_percent: u32,
    /// Time to live of what is written, milliseconds; 0 is none, which only RESP knows.
    pub ttl_milliseconds: u64,
}

impl Default for WorkloadSpec {
    fn default() -> Self {
        Self {
            keys: 100_000,
            zipf: None,
            key_bytes: 16,
            value_bytes: 64,
            read_percent: 90,
            ttl_milliseconds: 3_600_000,
        }
    }
}

/// A workload ready to draw operations from.
#[derive(Debug)]
pub struct Workload {
    spec: WorkloadSpec,
    popularity: Popularity,
    value: Vec<u8>,
}

impl Workload {
    /// Builds the key distribution; refuses figures that make no sense.
    pub fn new(spec: &WorkloadSpec) -> anyhow::Result<Self> {
        if spec.keys == 0 || spec.key_bytes < 16 || spec.read_percent > 100 {
            bail!("a workload needs a key, keys of 16 bytes or more, and at most 100 % reads");
        }
        let popularity = match spec.zipf {
            Some(s) => Popularity::zipf(spec.keys, s),
            None => Popularity::uniform(spec.keys),
        };
        let mut random = SplitMix::new(64);
        let value = (0..spec.value_bytes).map(|_| random.next_u64() as u8).collect();
        Ok(Self { spec: spec.clone(), popularity, value })
    }

    /// The figures it was made from.
    #[must_use]
    pub fn spec(&self) -> &WorkloadSpec {
        &self.spec
    }

    /// Draws the rank of a key.
    pub fn draw(&self, random: &mut SplitMix) -> u32 {
        self.popularity.draw(random)
    }

    /// Draws one operation: the rank of its key, and whether it is a read.
    pub fn draw_operation(&self, random: &mut SplitMix) -> (u32, bool) {
        let rank = self.draw(random);
        (rank, random.below(100) < self.spec.read_percent)
    }

    /// Draws one operation and carries it out.
    pub async fn operate(&self, connection: &mut Connection, random: &mut SplitMix) -> anyhow::Result<Reply> {
        let (rank, read) = self.draw_operation(random);
        if read { self.read(connection, rank).await } else { self.write(connection, rank).await }
    }

    /// Draws one operation and sends it as soon as the connection lets it; its answer is the caller's to wait for.
    pub async fn begin(&self, connection: &mut Connection, random: &mut SplitMix) -> anyhow::Result<Begun> {
        let (rank, read) = self.draw_operation(random);
        let key = self.key(rank);
        match read {
            true => connection.begin_get(&key).await,
            false => connection.begin_set(&key, &self.value, self.spec.ttl_milliseconds).await,
        }
    }

    /// Reads the key of a rank.
    pub async fn read(&self, connection: &mut Connection, rank: u32) -> anyhow::Result<Reply> {
        connection.get(&self.key(rank)).await
    }

    /// Writes the key of a rank.
    pub async fn write(&self, connection: &mut Connection, rank: u32) -> anyhow::Result<Reply> {
        connection.set(&self.key(rank), &self.value, self.spec.ttl_milliseconds).await
    }

    fn key(&self, rank: u32) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.spec.key_bytes);
        self.put_key(rank, &mut key);
        key
    }

    /// Appends the key of a rank.
    pub fn put_key(&self, rank: u32, key: &mut Vec<u8>) {
        write_key(rank, self.spec.key_bytes, key);
    }

    /// The value that is written.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}
