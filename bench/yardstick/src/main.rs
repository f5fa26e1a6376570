//! `yardstick-tonic`: what a bare tonic server costs, the denominator of Kura's speed ratios.
//!
//! The generated server of Momento's protos over tonic's own transport, answering a constant: no keys, no
//! authorization, no store. It shares with Kura what is not being compared: tokio's current-thread runtime, the
//! allocator, the release profile and TCP_NODELAY. It stores nothing and is no cache.
//!
//! ```text
//! yardstick-tonic --listen 127.0.0.1:0
//! ready 127.0.0.1:41873
//! ```

mod constant;

use std::net::SocketAddr;

use clap::Parser;
use momento_protos::cache_client::scs_server::ScsServer;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::constant::Constant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A bare tonic server that answers a constant.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Address to listen on, plaintext; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args.listen))
}

/// Serves until the process is ended, after telling on stdout which address it took.
async fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    println!("ready {}", listener.local_addr()?);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder().add_service(ScsServer::new(Constant)).serve_with_incoming(incoming).await?;
    Ok(())
}
