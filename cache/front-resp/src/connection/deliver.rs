//! Messages on their way to a connection that subscribes.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Conversation, Goes};
use crate::dialogue::Dialogue;
use crate::subscriptions::{Ended, Turn};

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    /// Sends what has come to the subscriptions, as much as is sent together: the peer is listened to
    /// in between. What ends a subscription ends the connection, with a line that says why.
    pub(super) async fn deliver(&mut self) -> io::Result<Goes> {
        let Dialogue { front, caller, out, .. } = &mut self.dialogue;
        if caller.subscriptions.is_empty() {
            return Ok(Goes::On);
        }
        out.begin();
        let taken = caller.subscriptions.take(&front.commands, out);
        if let Err(Ended::Because(failure)) = &taken {
            out.error(&failure.text());
        }
        self.send().await?;
        match taken {
            Ok(Turn::Over) => Ok(Goes::On),
            Ok(Turn::More) => {
                tokio::task::yield_now().await;
                Ok(Goes::On)
            }
            Err(_) => Ok(Goes::Away),
        }
    }
}
