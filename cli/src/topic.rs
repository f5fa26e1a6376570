//! `momento topic …`.
//!
//! A subscription has no end: when its stream ends, it goes on where it was, after a short wait
//! that grows while the server is away. Only what waiting cannot mend ends it.

use std::time::Duration;

use kura_wire::protos::cache_client::pubsub::{SubscriptionItem, TopicItem, subscription_item, topic_value};
use kura_wire::{CacheClient, Code, Status};

use crate::args::TopicCommand;
use crate::error::CliError;
use crate::profile::Config;
use crate::{Outcome, output, sdk_error};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Runs one command; a subscription only returns with an error.
pub(crate) async fn run(
    client: &CacheClient,
    config: &Config,
    command: TopicCommand,
) -> Result<Outcome, CliError> {
    match command {
        TopicCommand::Publish { cache, topic, value } => {
            let cache = cache.unwrap_or_else(|| config.cache.clone());
            client.publish(&cache, &topic, &value).await?;
            Ok(Outcome::Done)
        }
        TopicCommand::Subscribe { cache, topic } => {
            let cache = cache.unwrap_or_else(|| config.cache.clone());
            subscribe(client, &cache, &topic).await
        }
    }
}

async fn subscribe(client: &CacheClient, cache: &str, topic: &str) -> Result<Outcome, CliError> {
    let mut cursor = Cursor::default();
    let mut wait = FIRST_WAIT;
    let mut opened = false;
    loop {
        let ended = match client.subscribe(cache, topic, cursor.resume_at, cursor.page).await {
            Ok(mut stream) => loop {
                match stream.message().await {
                    Ok(Some(item)) => {
                        (opened, wait) = (true, FIRST_WAIT);
                        if let Some(text) = cursor.take(item) {
                            output::line(&text)?;
                        }
                    }
                    Ok(None) => break Status::new(Code::Unavailable, "the server ended the stream"),
                    Err(status) => break status,
                }
            },
            Err(status) => status,
        };
        // The first message comes at once, be it a heartbeat: who gets none mistyped something, or the server is not there.
        if !opened {
            let why = sdk_error::message(&ended);
            return Err(CliError::new(format!("the subscription ended without receiving any values: {why}"))
                .with_details(format!("{ended:?}")));
        }
        if is_permanent(ended.code) {
            return Err(ended.into());
        }
        tracing::debug!(target: "momento::commands::topic", "subscribing again in {wait:?}: {ended}");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

fn is_permanent(code: Code) -> bool {
    matches!(
        code,
        Code::NotFound
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented
            | Code::InvalidArgument
            | Code::FailedPrecondition
    )
}

/// How far a subscription has come.
#[derive(Debug, Default)]
struct Cursor {
    /// The number to ask for next; 0 for the latest.
    resume_at: u64,
    /// The page that it belongs to.
    page: u64,
    /// The last item printed.
    printed: Option<(u64, u64)>,
}

impl Cursor {
    /// Moves on by one message: what to print, if it is an item that was not printed before.
    fn take(&mut self, message: SubscriptionItem) -> Option<String> {
        match message.kind? {
            subscription_item::Kind::Item(TopicItem {
                topic_sequence_number, sequence_page, value, ..
            }) => {
                (self.resume_at, self.page) = (topic_sequence_number.saturating_add(1), sequence_page);
                // A server may begin a resumed stream with the last item that it had sent.
                let at = (sequence_page, topic_sequence_number);
                if self.printed.is_some_and(|(page, number)| page == at.0 && at.1 <= number) {
                    return None;
                }
                self.printed = Some(at);
                match value?.kind? {
                    topic_value::Kind::Text(text) => Some(text),
                    topic_value::Kind::Binary(bytes) => Some(format!("{bytes:?}")),
                }
            }
            subscription_item::Kind::Discontinuity(gap) => {
                tracing::debug!(target: "momento::commands::topic", "{gap:?}");
                (self.resume_at, self.page) = (gap.new_topic_sequence, gap.new_sequence_page);
                None
            }
            subscription_item::Kind::Heartbeat(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use kura_wire::protos::cache_client::pubsub::{Discontinuity, TopicValue};

    use super::*;

    fn item(page: u64, number: u64, text: &str) -> SubscriptionItem {
        let value = Some(TopicValue { kind: Some(topic_value::Kind::Text(text.into())) });
        let item =
            TopicItem { topic_sequence_number: number, value, sequence_page: page, ..TopicItem::default() };
        SubscriptionItem { kind: Some(subscription_item::Kind::Item(item)) }
    }

    #[test]
    fn a_resumed_stream_prints_nothing_twice() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.take(item(7, 1, "a")), Some("a".into()));
        assert_eq!((cursor.resume_at, cursor.page), (2, 7));
        assert_eq!(cursor.take(item(7, 1, "a")), None);
        assert_eq!(cursor.take(item(7, 2, "b")), Some("b".into()));
        // A new page is a new topic, whose numbers begin again.
        assert_eq!(cursor.take(item(8, 1, "c")), Some("c".into()));
    }

    #[test]
    fn a_gap_moves_the_place_to_resume_at() {
        let mut cursor = Cursor::default();
        let gap = Discontinuity { last_topic_sequence: 1, new_topic_sequence: 9, new_sequence_page: 3 };
        assert_eq!(
            cursor.take(SubscriptionItem { kind: Some(subscription_item::Kind::Discontinuity(gap)) }),
            None
        );
        assert_eq!((cursor.resume_at, cursor.page), (9, 3));
        assert_eq!(cursor.take(item(3, 9, "d")), Some("d".into()));
        assert_eq!(cursor.take(SubscriptionItem { kind: None }), None);
    }
}
