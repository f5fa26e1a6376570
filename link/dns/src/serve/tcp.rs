//! Connections: messages behind their length (RFC 7766). Queries may follow each other without waiting; answers go
//! out in the order in which they are known.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{Service, Step};
use crate::message::Transport;

/// No query is longer: a length beyond is not DNS.
const LONGEST: usize = 4096;
/// A message's header.
const SHORTEST: usize = 12;
/// Questions of one connection that may wait for the upstream; more are read when one is answered.
const IN_FLIGHT: usize = 100;
/// After accept failed, as for want of file descriptors: do not spin.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn serve(listener: TcpListener, service: &Service) -> Infallible {
    let free = Arc::new(Semaphore::new(service.limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a resolver could not accept a connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&free).try_acquire_owned() else {
            tracing::debug!(%peer, "a connection was closed: {} are open", service.limits.connections);
            continue;
        };
        let service = service.clone();
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = converse(stream, &service).await {
                tracing::debug!(%peer, %error, "a connection ended");
            }
        });
    }
}

async fn converse(stream: TcpStream, service: &Service) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let idle = service.limits.idle;
    let (mut reader, mut writer) = stream.into_split();
    let (mut received, mut chunk) = (Vec::new(), vec![0; LONGEST]);
    let mut waiting: JoinSet<Vec<u8>> = JoinSet::new();
    let mut deadline = Instant::now() + idle;
    let mut open = true;
    while open || !waiting.is_empty() {
        let mut answers = Vec::new();
        tokio::select! {
            length = reader.read(&mut chunk), if open && waiting.len() < IN_FLIGHT => {
                let length = length?;
                open = length > 0;
                received.extend_from_slice(&chunk[..length]);
            }
            Some(answer) = waiting.join_next() => {
                deadline = Instant::now() + idle;
                push(&mut answers, &answer.map_err(io::Error::other)?)?;
            }
            // What waits for the upstream ends by itself.
            () = sleep_until(deadline), if waiting.is_empty() => return Ok(()),
        }
        while waiting.len() < IN_FLIGHT
            && let Some(query) = take(&mut received)?
        {
            deadline = Instant::now() + idle;
            match service.step(&query, Transport::Tcp) {
                Step::Say(answer) => push(&mut answers, &answer)?,
                Step::Ask(question) => drop(waiting.spawn(question.answer())),
                Step::Nothing => return Err(io::Error::other("neither a query nor an end")),
            }
        }
        if !answers.is_empty() {
            timeout(idle, writer.write_all(&answers)).await??;
        }
    }
    Ok(())
}

/// Takes the first whole message off what was received.
fn take(received: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let Some(&prefix) = received.first_chunk::<2>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(prefix));
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(io::Error::other(format!("{length} is not the length of a query")));
    }
    if received.len() < 2 + length {
        return Ok(None);
    }
    Ok(Some(received.drain(..2 + length).skip(2).collect()))
}

fn push(answers: &mut Vec<u8>, answer: &[u8]) -> io::Result<()> {
    let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
    answers.extend_from_slice(&length.to_be_bytes());
    answers.extend_from_slice(answer);
    Ok(())
}
