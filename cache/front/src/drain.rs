//! Telling connections that the server stops.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::sync::watch;

/// What connections are told when the server stops.
#[derive(Clone, Debug)]
pub struct DrainSignal(watch::Receiver<Stage>);

/// Tells all connections that the server stops.
#[derive(Debug)]
pub struct Drain(watch::Sender<Stage>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    Draining,
    Over,
}

/// The two ends of a drain.
#[must_use]
pub fn drain() -> (Drain, DrainSignal) {
    let (sender, receiver) = watch::channel(Stage::Serving);
    (Drain(sender), DrainSignal(receiver))
}

impl Drain {
    /// Every connection says GOAWAY, takes no new stream and finishes those it has.
    pub fn start(&self) {
        self.0.send_replace(Stage::Draining);
    }

    /// Every connection ends now.
    pub fn end(&self) {
        self.0.send_replace(Stage::Over);
    }

    /// Waits until no connection is left.
    pub async fn all_gone(&self) {
        self.0.closed().await;
    }
}

impl DrainSignal {
    /// Whether the server stops.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() >= Stage::Draining
    }

    /// Ends when the server stops.
    pub fn draining(self) -> Reached {
        self.reached(Stage::Draining)
    }

    /// Ends when every connection has to end.
    pub fn over(self) -> Reached {
        self.reached(Stage::Over)
    }

    fn reached(self, stage: Stage) -> Reached {
        let mut told = self.0.clone();
        let wait = async move {
            // The server drops its end only when it exits; that is as good as the last stage.
            let _ = told.wait_for(|now| *now >= stage).await;
        };
        Reached { channel: self.0, wait: Box::pin(wait), waker: None }
    }
}

/// The wait for a stage. A connection polls it at every turn, so it asks the channel, which takes locks, only when
/// there is news or somebody else to wake.
#[must_use = "nothing is waited for until it is polled"]
pub struct Reached {
    /// Has seen what there was in the beginning, and never more.
    channel: watch::Receiver<Stage>,
    wait: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Who is woken.
    waker: Option<Waker>,
}

impl Future for Reached {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let known = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if known && matches!(self.channel.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        if !known {
            self.waker = Some(cx.waker().clone());
        }
        self.wait.as_mut().poll(cx)
    }
}
