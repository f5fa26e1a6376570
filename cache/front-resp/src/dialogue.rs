//! What a peer says and is answered, as far as nothing has to be waited for.

use crate::Front;
use crate::call::{Answer, Later};
use crate::caller::{Caller, Next};
use crate::parse::{Keys, Parsed, Parser};
use crate::reply::{Failure, Out, Reply, Rest};

/// Commands carried out before other connections have their turn.
const COMMANDS_IN_TURN: usize = 256;
/// Commands carried out at the same time of day, a few microseconds' worth, and whose items are fetched ahead.
const COMMANDS_AT_ONCE: usize = 16;

/// One peer and the command that it is at.
pub(crate) struct Dialogue<'a> {
    pub(crate) front: &'a Front,
    pub(crate) caller: Caller,
    pub(crate) out: Out,
    parser: Parser,
}

/// Why no more commands were carried out.
pub(crate) enum Stop {
    /// No command has come whole: bytes that the next one has at least, and whether these are all. None if
    /// nothing of it has come.
    Rest(Option<(usize, bool)>),
    /// There are enough answers to be sent.
    Full,
    /// Others have their turn.
    Turn,
    /// A command, by its place in the table, takes long.
    Later(Option<usize>, Later),
    /// The rest of an answer is to be written.
    Long(Rest),
    /// The last answer is written.
    Away,
}

impl<'a> Dialogue<'a> {
    /// With somebody who has said nothing yet.
    pub(crate) fn new(front: &'a Front) -> Self {
        Self { front, caller: Caller::stranger(front), out: Out::default(), parser: Parser::default() }
    }

    /// Carries out the commands in `held`; how many bytes they had, and why it stopped. What is behind them has to
    /// come again, with what comes next.
    pub(crate) fn hear(&mut self, held: &[u8]) -> (usize, Stop) {
        self.out.begin();
        let front = self.front;
        let mut now = front.commands.now();
        let mut at = 0;
        for turn in 1..=COMMANDS_IN_TURN {
            let rest = held.get(at..).unwrap_or_default();
            match self.parser.parse(rest, self.caller.bounds(front)) {
                Ok(Parsed::Partial { .. }) if rest.is_empty() => return (at, Stop::Rest(None)),
                Ok(Parsed::Partial { least, last }) => return (at, Stop::Rest(Some((least, last)))),
                Ok(Parsed::Nothing(length)) => {
                    self.parser.next();
                    at += length;
                }
                Ok(Parsed::Command(length)) => {
                    if turn % COMMANDS_AT_ONCE == 1 && length < rest.len() {
                        self.caller.fetch_ahead(front, Keys::of(rest).take(COMMANDS_AT_ONCE));
                    }
                    let arguments = self.parser.arguments(rest);
                    let (place, next) = self.caller.hear(front, now, arguments, &mut self.out);
                    self.parser.next();
                    at += length;
                    if let Some(stop) = self.take(place, next) {
                        return (at, stop);
                    }
                }
                Err(malformed) => {
                    front.metrics.ended(None, false);
                    self.out.error(&format!("ERR Protocol error: {malformed}"));
                    return (at, Stop::Away);
                }
            }
            if self.out.is_enough() {
                return (at, Stop::Full);
            }
            if turn.is_multiple_of(COMMANDS_AT_ONCE) {
                now = front.commands.now();
            }
        }
        (at, Stop::Turn)
    }

    /// Writes what follows from a command, as far as it can be.
    fn take(&mut self, place: Option<usize>, next: Result<Next, Failure>) -> Option<Stop> {
        let (reply, last) = match next {
            Ok(Next::Answer(Answer::Written)) => {
                self.front.metrics.ended(place, true);
                return None;
            }
            Ok(Next::Answer(Answer::Reply(reply))) => (Ok(reply), false),
            Ok(Next::Answer(Answer::Later(later))) => return Some(Stop::Later(place, later)),
            Ok(Next::Last(reply)) => (Ok(reply), true),
            Err(failure) => (Err(failure), false),
        };
        self.front.metrics.ended(place, reply.is_ok());
        match self.answer(reply) {
            Some(rest) => Some(Stop::Long(rest)),
            None => last.then_some(Stop::Away),
        }
    }

    /// Writes an answer, or its beginning.
    pub(crate) fn answer(&mut self, reply: Result<Reply, Failure>) -> Option<Rest> {
        match reply {
            Ok(reply) => self.out.write(reply),
            Err(failure) => {
                self.out.error(&failure.text());
                None
            }
        }
    }
}
