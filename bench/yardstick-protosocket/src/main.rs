//! `yardstick-protosocket`: what a bare `protosocket-rpc` server costs, the denominator of Kura's ratios there.
//!
//! The server crate that Momento's SDK brings with it, with the codec that SDK uses, answering a constant: no keys,
//! no authorization, no store. It shares with Kura what is not being compared: tokio's current-thread runtime, the
//! allocator, the release profile and TCP_NODELAY. It stores nothing and is no cache.
//!
//! ```text
//! yardstick-protosocket --listen 127.0.0.1:9004
//! ```

use std::future::{Ready, ready};
use std::net::SocketAddr;

use clap::Parser;
use futures_util::stream::Empty;
use momento_protos::protosocket::cache::cache_response::Kind;
use momento_protos::protosocket::cache::{
    AuthenticateResponse, CacheCommand, CacheResponse, DeleteResponse, GetResponse, SetResponse,
    cache_command::RpcKind as Asked, unary::Command,
};
use momento_protos::protosocket::common::{CommandError, Status};
use protosocket::{PooledEncoder, SocketListener, TcpSocketListener};
use protosocket_prost::{ProstDecoder, ProstSerializer};
use protosocket_rpc::server::{ConnectionService, RpcKind, SocketRpcServer, SocketService};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Length of the value that every get answers, bytes.
const BODY_BYTES: usize = 64;
/// Longest message, bytes.
const MOST_BYTES: usize = 4 << 20;
/// Bytes by which a connection's buffer grows, and so what it reads at a time.
const READ_BYTES: usize = 64 << 10;
/// Answers that wait for one write.
const QUEUED: usize = 256;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// A bare protosocket-rpc server that answers a constant.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Address to listen on, plaintext.
    #[arg(long)]
    listen: SocketAddr,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpSocketListener::listen(args.listen, BACKLOG, None)?;
        SocketRpcServer::new(listener, Constant, MOST_BYTES, READ_BYTES, QUEUED)?.await?;
        Ok(())
    })
}

/// The service and each of its connections: stateless, so that only the crate's work is measured.
#[derive(Debug)]
struct Constant;

impl SocketService for Constant {
    type ConnectionService = Self;
    type SocketListener = TcpSocketListener;

    fn codec(&mut self) -> <Self as ConnectionService>::Codec {
        Default::default()
    }

    fn new_stream_service(&mut self, _: &<TcpSocketListener as SocketListener>::Stream) -> Self {
        Self
    }
}

impl ConnectionService for Constant {
    type Codec = (PooledEncoder<ProstSerializer<CacheResponse>>, ProstDecoder<CacheCommand>);
    type Request = CacheCommand;
    type Response = CacheResponse;
    type UnaryFutureType = Ready<CacheResponse>;
    type StreamType = Empty<CacheResponse>;

    fn new_rpc(&mut self, request: CacheCommand) -> RpcKind<Self::UnaryFutureType, Self::StreamType> {
        let command = request.rpc_kind.and_then(|Asked::Unary(unary)| unary.command);
        let kind = match command {
            Some(Command::Auth(_)) => Kind::Auth(AuthenticateResponse {}),
            Some(Command::Get(_)) => Kind::Get(GetResponse { value: vec![b'v'; BODY_BYTES] }),
            Some(Command::Set(_)) => Kind::Set(SetResponse {}),
            Some(Command::Delete(_)) => Kind::Delete(DeleteResponse {}),
            None => Kind::Error(CommandError {
                code: Status::Unimplemented.into(),
                message: "the yardstick knows no such command".to_owned(),
            }),
        };
        // The connection stamps the message's id.
        RpcKind::Unary(ready(CacheResponse { message_id: 0, control_code: 0, kind: Some(kind) }))
    }
}
