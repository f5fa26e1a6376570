//! One connection, carried from where it was accepted to where it goes.

use std::{
    cell::Cell,
    hash::{BuildHasher as _, RandomState},
    net::SocketAddr,
    time::Duration,
};

use kura_model::plan::Forwarder;
use rustix::net::sockopt::set_tcp_congestion;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, sleep_until},
};

use super::{
    dial::{Dialers, dial},
    flow::flow,
    proxy,
};

/// Every kernel has it. Both sides are on this machine, where nothing is congested: one that paces, as BBR does, halves
/// the throughput.
const CONGESTION: &str = "reno";

/// Carries until both sides have ended. One side's end is passed on while the other still speaks; a reset, an idle
/// timeout or a destination that cannot be reached ends both sides in a reset.
pub(super) async fn carry(client: TcpStream, forwarder: &Forwarder, dialers: &Dialers) {
    let mut client = client;
    let Some(mut target) = connect(&client, forwarder, dialers).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let timeout = Duration::from_secs(forwarder.idle_timeout.into());
    let carried = {
        let last = Cell::new(Instant::now());
        let moved = || last.set(Instant::now());
        let (from_client, to_client) = client.split();
        let (from_target, to_target) = target.split();
        let (there, back) = (flow(from_client, to_target, moved), flow(from_target, to_client, moved));
        tokio::select! {
            ended = async { tokio::try_join!(there, back) } => ended.is_ok(),
            () = idle(&last, timeout) => false,
        }
    };
    if !carried {
        let _ = client.set_zero_linger();
        let _ = target.set_zero_linger();
    }
}

/// A connection to the first destination that answers, with what must be said first already said.
async fn connect(client: &TcpStream, forwarder: &Forwarder, dialers: &Dialers) -> Option<TcpStream> {
    let (Ok(SocketAddr::V4(source)), Ok(SocketAddr::V4(destination))) =
        (client.peer_addr(), client.local_addr())
    else {
        return None;
    };
    let count = forwarder.dial.len();
    // A hasher is seeded at random, each anew.
    let first = usize::try_from(RandomState::new().hash_one(source) & 0xffff).unwrap_or(0) % count.max(1);
    for to in forwarder.dial.iter().cycle().skip(first).take(count) {
        match dial(dialers, to).await {
            Ok(mut target) => {
                for end in [client, &target] {
                    let _ = end.set_nodelay(true);
                    let _ = set_tcp_congestion(end, CONGESTION);
                }
                if let Some(proxy) = &forwarder.proxy_v2 {
                    let header = proxy::header(source, destination, proxy.endpoint.as_deref());
                    target.write_all(&header).await.ok()?;
                }
                return Some(target);
            }
            Err(error) => eprintln!("forwarder: {destination} to {to:?}: {error}"),
        }
    }
    None
}

/// Ends when nothing was carried for so long.
async fn idle(last: &Cell<Instant>, timeout: Duration) {
    loop {
        let due = last.get() + timeout;
        if due <= Instant::now() {
            return;
        }
        sleep_until(due).await;
    }
}
