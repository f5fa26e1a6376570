//! One loader for all protocols: connections to a server, and load on them.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Identity;
use crate::report::Sample;
use crate::socket::Target;
use crate::workload::Workload;
use crate::{bare, client, closed, open};

/// What is spoken to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Momento's gRPC.
    Grpc,
    /// Messages on a bare byte stream.
    Bare(bare::Protocol),
}

/// Connections to one server.
#[derive(Debug)]
pub enum Driver {
    /// Of gRPC.
    Grpc(client::Pool),
    /// Of a protocol on a bare byte stream.
    Bare(bare::Pool),
}

impl Driver {
    /// Opens `connections` of them. Without an identity nobody authenticates; gRPC then sends a token that means
    /// nothing.
    pub async fn connect(
        target: &Target,
        protocol: Protocol,
        connections: usize,
        identity: Option<&Identity>,
    ) -> anyhow::Result<Self> {
        Ok(match (protocol, identity) {
            (Protocol::Grpc, Some(identity)) => {
                Self::Grpc(client::Pool::connect(target.clone(), connections, identity).await?)
            }
            (Protocol::Grpc, None) => {
                let filler = Identity::filler("bench", 400);
                Self::Grpc(client::Pool::connect(target.clone(), connections, &filler).await?)
            }
            (Protocol::Bare(protocol), identity) => {
                Self::Bare(bare::Pool::connect(target, protocol, connections, identity).await?)
            }
        })
    }

    /// A closed loop of `inflight` requests on each connection.
    pub async fn run_for(
        &mut self,
        workload: &Arc<Workload>,
        inflight: usize,
        duration: Duration,
        seed: u64,
    ) -> anyhow::Result<Sample> {
        match self {
            Self::Grpc(pool) => closed::run_for(pool, workload, inflight, duration, seed).await,
            Self::Bare(pool) => pool.run_for(workload, inflight, duration, seed).await,
        }
    }

    /// An open loop of `rate` requests a second.
    pub async fn run_open(
        &mut self,
        workload: &Arc<Workload>,
        rate: f64,
        duration: Duration,
        seed: u64,
    ) -> anyhow::Result<Sample> {
        match self {
            Self::Grpc(pool) => open::run_for(pool, workload, rate, duration, seed).await,
            Self::Bare(pool) => pool.run_open(workload, rate, duration, seed).await,
        }
    }

    /// Writes every key once.
    pub async fn preload(&mut self, workload: &Arc<Workload>, inflight: usize) -> anyhow::Result<Sample> {
        match self {
            Self::Grpc(pool) => closed::preload(pool, workload, inflight).await,
            Self::Bare(pool) => pool.preload(workload, inflight).await,
        }
    }
}
