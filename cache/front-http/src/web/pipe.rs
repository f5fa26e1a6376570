//! A connection to the gRPC front end that never leaves the process.

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::io::DuplexStream;
use tokio::sync::Mutex;

/// Bytes in each direction of the pipe.
const PIPE_BYTES: usize = 64 * 1024;
/// Bytes of one answer that may wait for their reader.
const STREAM_WINDOW: u32 = 64 * 1024;
/// Bytes of all answers that may: so many that only a peer which reads none of its 256 answers holds
/// up its others.
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// One connection's way to the gRPC front end, laid when first needed.
pub(crate) struct Pipe {
    serve: Box<dyn Fn(DuplexStream) + Send + Sync>,
    sender: Mutex<Option<SendRequest<Bytes>>>,
}

impl Pipe {
    /// A pipe whose far end is given to `serve`.
    pub(crate) fn new(serve: Box<dyn Fn(DuplexStream) + Send + Sync>) -> Self {
        Self { serve, sender: Mutex::new(None) }
    }

    /// What starts a call, once there is room for one more.
    pub(crate) async fn sender(&self) -> Result<SendRequest<Bytes>, h2::Error> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = &*kept
            && let Ok(ready) = sender.clone().ready().await
        {
            return Ok(ready);
        }
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        (self.serve)(far);
        let (sender, connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(near)
            .await?;
        tokio::spawn(connection);
        *kept = Some(sender.clone());
        sender.ready().await
    }
}
