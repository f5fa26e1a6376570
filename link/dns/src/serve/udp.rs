//! Datagrams.
//!
//! A query that is answered at once stays in the socket until its answer is out: whoever serves the socket after a
//! death in between answers it again, and twice is better than never.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::UdpSocket, task::JoinSet, time::sleep};

use super::{Service, Step};
use crate::message::Transport;

/// No query is longer; a longer one is cut and so malformed.
const BUFFER: usize = 4096;
/// After the socket itself failed, as while its namespace is taken down: do not spin.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn serve(socket: Arc<UdpSocket>, service: &Service) -> Infallible {
    let mut buffer = vec![0; BUFFER];
    // Bounded by the upstream's own bound.
    let mut waiting = JoinSet::new();
    loop {
        let received = tokio::select! {
            received = socket.peek_from(&mut buffer) => received,
            Some(_) = waiting.join_next() => continue,
        };
        let (length, peer) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "a resolver's UDP socket failed");
                sleep(PAUSE).await;
                continue;
            }
        };
        let step = service.step(&buffer[..length], Transport::Udp);
        if let Step::Say(answer) = &step {
            say(socket.send_to(answer, peer).await, peer);
        }
        // It is there, and nobody else reads.
        let _ = socket.try_recv_from(&mut [0]);
        match step {
            Step::Nothing | Step::Say(_) => {}
            Step::Ask(question) => {
                let socket = Arc::clone(&socket);
                waiting.spawn(async move {
                    let answer = question.answer().await;
                    say(socket.send_to(&answer, peer).await, peer);
                });
            }
        }
    }
}

/// An answer that cannot be sent is the client's to ask for again.
fn say(sent: io::Result<usize>, peer: SocketAddr) {
    if let Err(error) = sent {
        tracing::debug!(%peer, %error, "an answer could not be sent");
    }
}
