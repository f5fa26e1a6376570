//! The rim: sockets in, answers out.

mod tcp;
mod udp;

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, UdpSocket},
    sync::watch,
};

use crate::{
    answer::Answer,
    message::{self, Failure, Incoming, Info, Question, Transport},
    upstream::{Asking, Upstream},
    zones::{View, Zones},
};

/// A resolver's sockets, bound by whoever can enter its namespace.
#[derive(Debug)]
pub struct Sockets {
    /// Port 53 of the resolver's address.
    pub udp: std::net::UdpSocket,
    /// The same over TCP, listening.
    pub tcp: std::net::TcpListener,
}

/// What a resolver answers with.
#[derive(Clone, Debug)]
pub struct Service {
    /// Whose names it answers.
    pub view: View,
    /// The newest names: the last value sent is what the next query sees.
    pub zones: watch::Receiver<Arc<Zones>>,
    /// Whom it asks for other names.
    pub upstream: Upstream,
    /// What it bears.
    pub limits: Limits,
}

/// What a resolver bears of its clients over TCP.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; one more is closed as soon as it is accepted.
    pub connections: usize,
    /// After how long without a whole query a connection is closed, and how long an answer may take to be written.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 100, idle: Duration::from_secs(10) }
    }
}

/// Answers on these sockets until the future is dropped, which also ends whatever is being answered.
///
/// # Errors
///
/// When the runtime cannot take the sockets over; nothing a client does ends it.
pub async fn serve(sockets: Sockets, service: Service) -> io::Result<Infallible> {
    sockets.udp.set_nonblocking(true)?;
    sockets.tcp.set_nonblocking(true)?;
    let udp = UdpSocket::from_std(sockets.udp)?;
    let tcp = TcpListener::from_std(sockets.tcp)?;
    tokio::select! {
        never = udp::serve(Arc::new(udp), &service) => match never {},
        never = tcp::serve(tcp, &service) => match never {},
    }
}

/// What follows from the bytes of a message.
enum Step {
    Nothing,
    Say(Vec<u8>),
    Ask(Waiting),
}

/// A question on its way to an upstream server.
struct Waiting {
    question: Question,
    asking: Asking,
    transport: Transport,
}

impl Service {
    fn step(&self, bytes: &[u8], transport: Transport) -> Step {
        let question = match message::read(bytes) {
            Incoming::Question(question) => question,
            Incoming::Refused(answer) => return Step::Say(answer),
            Incoming::Noise => return Step::Nothing,
        };
        let answer = self.zones.borrow().answer(&self.view, &question.query, question.id());
        let failure = match answer {
            Answer::Local(reply) => {
                return Step::Say(question.reply(reply, self.view == View::Public, transport));
            }
            Answer::Upstream => match self.upstream.admit() {
                Ok(asking) => return Step::Ask(Waiting { question, asking, transport }),
                Err(failure) => failure,
            },
            Answer::NoView => {
                Failure { info: Info::NotReady, text: "this VPC is being made or deleted".to_owned() }
            }
        };
        Step::Say(question.fail(&failure, transport))
    }
}

impl Waiting {
    async fn answer(self) -> Vec<u8> {
        match self.asking.ask(&self.question).await {
            Ok(bytes) => self.question.pass_on(bytes, self.transport),
            Err(failure) => self.question.fail(&failure, self.transport),
        }
    }
}
