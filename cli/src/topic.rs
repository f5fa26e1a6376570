//! `momento topic …`.
//!
//! A subscription has no end: when its stream ends, it goes on where it was, after a short wait
//! that grows while the server is away. Only what waiting cannot mend ends it.

use std::time::Duration;

use kura_wire::protos::cache_client::pubsub::{
    Discontinuity, SubscriptionItem, TopicItem, subscription_item, topic_value,
};
use kura_wire::{Code, Status};
use serde_json::json;

use crate::answer::{Answer, Base64};
use crate::args::TopicCommand;
use crate::caller::Caller;
use crate::error::CliError;
use crate::output::Output;
use crate::{Outcome, input, sdk_error};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Runs one command; a subscription only returns with an error.
pub(crate) async fn run(
    caller: &Caller,
    command: TopicCommand,
    output: &mut Output,
) -> Result<Outcome, CliError> {
    match command {
        TopicCommand::Publish { cache, topic, value, stdin: _, binary } => {
            let value = value.map_or_else(input::stdin, |value| Ok(value.into_bytes()))?;
            let value = match binary {
                true => topic_value::Kind::Binary(value),
                false => topic_value::Kind::Text(String::from_utf8(value).map_err(|error| {
                    CliError::new("the value is not a UTF-8 string; publish it with --binary")
                        .with_details(error.utf8_error().to_string())
                })?),
            };
            caller.client.publish(&caller.cache(cache), &topic, value).await?;
            output.answer(&Answer::Done)
        }
        TopicCommand::Subscribe { cache, topic, from, page } => {
            let cursor = Cursor {
                resume_at: from.unwrap_or_default(),
                page: page.unwrap_or_default(),
                ..Cursor::default()
            };
            subscribe(caller, &caller.cache(cache), &topic, cursor, output).await
        }
    }
}

async fn subscribe(
    caller: &Caller,
    cache: &str,
    topic: &str,
    mut cursor: Cursor,
    output: &mut Output,
) -> Result<Outcome, CliError> {
    let mut wait = FIRST_WAIT;
    let mut opened = false;
    loop {
        let ended = match caller.client.subscribe(cache, topic, cursor.resume_at, cursor.page).await {
            Ok(mut stream) => loop {
                match stream.message().await {
                    Ok(Some(item)) => {
                        (opened, wait) = (true, FIRST_WAIT);
                        if let Some(event) = cursor.take(item) {
                            print(event, output)?;
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
    /// Moves on by one message: what to tell, unless it is an item that was printed before.
    fn take(&mut self, message: SubscriptionItem) -> Option<Event> {
        match message.kind? {
            subscription_item::Kind::Item(item) => {
                let at = (item.sequence_page, item.topic_sequence_number);
                (self.page, self.resume_at) = (at.0, at.1.saturating_add(1));
                // A server may begin a resumed stream with the last item that it had sent.
                if self.printed.is_some_and(|(page, number)| page == at.0 && at.1 <= number) {
                    return None;
                }
                self.printed = Some(at);
                Some(Event::Item(item))
            }
            subscription_item::Kind::Discontinuity(gap) => {
                (self.resume_at, self.page) = (gap.new_topic_sequence, gap.new_sequence_page);
                Some(Event::Gap(gap))
            }
            subscription_item::Kind::Heartbeat(_) => None,
        }
    }
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    Item(TopicItem),
    Gap(Discontinuity),
}

/// A line for each item; JSON has a line for each gap as well, text tells it with `--verbose`.
fn print(event: Event, output: &mut Output) -> Result<(), CliError> {
    match event {
        Event::Item(item) if output.is_json() => {
            let value = match item.value.and_then(|value| value.kind) {
                Some(topic_value::Kind::Text(text)) => json!(text),
                Some(topic_value::Kind::Binary(bytes)) => json!(Base64(&bytes)),
                None => json!(null),
            };
            let line = json!({"item": {
                "sequence": item.topic_sequence_number,
                "page": item.sequence_page,
                "publisher_id": item.publisher_id,
                "value": value,
            }});
            output.line(line.to_string().as_bytes())
        }
        Event::Item(item) => match item.value.and_then(|value| value.kind) {
            Some(topic_value::Kind::Text(text)) => output.line(text.as_bytes()),
            Some(topic_value::Kind::Binary(bytes)) => output.line(format!("{bytes:?}").as_bytes()),
            None => Ok(()),
        },
        Event::Gap(gap) => {
            let Discontinuity { last_topic_sequence, new_topic_sequence, new_sequence_page } = gap;
            tracing::debug!(
                target: "momento::commands::topic",
                "discontinuity: after {last_topic_sequence} it goes on at {new_topic_sequence} of page {new_sequence_page}"
            );
            if !output.is_json() {
                return Ok(());
            }
            let line = json!({"discontinuity": {
                "last_sequence": last_topic_sequence,
                "new_sequence": new_topic_sequence,
                "new_page": new_sequence_page,
            }});
            output.line(line.to_string().as_bytes())
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

    fn printed(event: Option<Event>) -> Option<u64> {
        event.map(|event| match event {
            Event::Item(item) => item.topic_sequence_number,
            Event::Gap(gap) => panic!("{gap:?}"),
        })
    }

    #[test]
    fn a_resumed_stream_prints_nothing_twice() {
        let mut cursor = Cursor::default();
        assert_eq!(printed(cursor.take(item(7, 1, "a"))), Some(1));
        assert_eq!((cursor.resume_at, cursor.page), (2, 7));
        assert_eq!(printed(cursor.take(item(7, 1, "a"))), None);
        assert_eq!(printed(cursor.take(item(7, 2, "b"))), Some(2));
        // A new page is a new topic, whose numbers begin again.
        assert_eq!(printed(cursor.take(item(8, 1, "c"))), Some(1));
    }

    #[test]
    fn a_gap_moves_the_place_to_resume_at() {
        let mut cursor = Cursor::default();
        let gap = Discontinuity { last_topic_sequence: 1, new_topic_sequence: 9, new_sequence_page: 3 };
        assert_eq!(
            cursor.take(SubscriptionItem { kind: Some(subscription_item::Kind::Discontinuity(gap)) }),
            Some(Event::Gap(gap))
        );
        assert_eq!((cursor.resume_at, cursor.page), (9, 3));
        assert_eq!(printed(cursor.take(item(3, 9, "d"))), Some(9));
        assert_eq!(cursor.take(SubscriptionItem { kind: None }), None);
    }
}
