//! Telling connections that the server stops.

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
    pub async fn draining(self) {
        self.reached(Stage::Draining).await;
    }

    /// Ends when every connection has to end.
    pub async fn over(self) {
        self.reached(Stage::Over).await;
    }

    async fn reached(mut self, stage: Stage) {
        // The server drops its end only when it exits; that is as good as the last stage.
        let _ = self.0.wait_for(|now| *now >= stage).await;
    }
}
