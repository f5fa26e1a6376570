//! Commands on collections and leaderboards.

use kura_base::Millis;
use kura_store::{
    DictionaryCommand, DictionaryReply, LeaderboardCommand, LeaderboardReply, ListCommand, ListReply,
    SetCommand, SetReply, SortedSetCommand, SortedSetReply,
};

use crate::{Cache, Commands, Error};

/// What became of a command.
#[derive(Debug)]
pub enum Outcome<R> {
    /// It is done.
    Done(R),
    /// It would hold an event loop for more than about 100 µs.
    Long(Long<R>),
}

/// Work to be run where blocking is allowed.
#[derive(Debug)]
#[must_use = "nothing happens until it is run"]
pub struct Long<R>(kura_store::Long<R>);

impl<R> Long<R> {
    /// Does the work. Waits for other work on the same collection.
    ///
    /// # Errors
    /// [`Error`]; the collection is then as it was.
    pub fn run(self) -> Result<R, Error> {
        Ok(self.0.run()?)
    }
}

macro_rules! commands {
    ($($name:ident $what:literal $command:ty => $reply:ty;)*) => {
        impl Commands {
            $(
                #[doc = concat!("Carries out one command on one ", $what, ".")]
                ///
                /// # Errors
                /// [`Error`]; the collection is then as it was.
                pub fn $name(
                    &self,
                    cache: Cache,
                    name: &[u8],
                    command: $command,
                    now: Millis,
                ) -> Result<Outcome<$reply>, Error> {
                    let _ = (cache, name, command, now);
                    Err(Error::FailedPrecondition("not yet".to_owned()))
                }
            )*
        }
    };
}

commands! {
    dictionary "dictionary" DictionaryCommand => DictionaryReply;
    set "set" SetCommand => SetReply;
    list "list" ListCommand => ListReply;
    sorted_set "sorted set" SortedSetCommand => SortedSetReply;
    leaderboard "leaderboard" LeaderboardCommand => LeaderboardReply;
}
