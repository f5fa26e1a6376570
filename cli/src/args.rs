//! What can be typed: the official grammar, and beyond it `--ca`, `--json`, `--output`, `--stdin`,
//! `configure --local`, `completions`, collections and leaderboards; the last two have their
//! grammar beside what they do.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, ArgMatches, Parser, Subcommand};

use crate::dictionary::DictionaryCommand;
use crate::leaderboard::LeaderboardCommand;
use crate::list::ListCommand;
use crate::set::SetCommand;
use crate::sorted_set::SortedSetCommand;

/// Command line tool for Momento and for Kura
#[derive(Debug, Parser)]
#[command(name = "momento", bin_name = "momento", version)]
pub(crate) struct Args {
    /// Log more information
    #[arg(long, global = true)]
    pub(crate) verbose: bool,

    /// User profile
    #[arg(long, short, global = true, default_value = "default", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) profile: String,

    /// Trust the authorities in this PEM file instead of the machine's [env: MOMENTO_CA_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Interact with caches
    Cache(Deferred<Group<CacheCommand>>),
    /// Interact with topics
    Topic(Deferred<Group<TopicCommand>>),
    /// Interact with dictionaries
    Dictionary(Deferred<Group<DictionaryCommand>>),
    /// Interact with lists
    List(Deferred<Group<ListCommand>>),
    /// Interact with sets
    Set(Deferred<Group<SetCommand>>),
    /// Interact with sorted sets
    SortedSet(Deferred<Group<SortedSetCommand>>),
    /// Interact with leaderboards
    Leaderboard(Deferred<Group<LeaderboardCommand>>),
    /// Configure credentials
    Configure(ConfigureArgs),
    /// Print a script that completes commands in a shell
    #[command(visible_alias = "completion")]
    Completions { shell: clap_complete::Shell },
    /// Manage accounts
    #[command(hide = true)]
    Account {
        #[command(subcommand)]
        operation: AccountCommand,
    },
    /// Features that exist at Momento only
    #[command(hide = true)]
    Preview {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<OsString>,
    },
}

/// Commands that ask a server, and what all of them take.
#[derive(Debug, clap::Args)]
pub(crate) struct Group<C: Subcommand> {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) operation: C,
}

/// Arguments whose grammar is only put together where it is needed: a cold `cache get` does not wait
/// for that of forty other commands.
#[derive(Debug)]
pub(crate) struct Deferred<A>(pub(crate) A);

impl<A: clap::Args> clap::FromArgMatches for Deferred<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        A::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<A: clap::Args> clap::Args for Deferred<A> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| {
            // The help of a command is what its variant says, not what the arguments' type does.
            let about = command.get_about().cloned().unwrap_or_default();
            A::augment_args(command).about(about).long_about(None)
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// What every command that asks a server takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) credential: Credential,
    #[command(flatten)]
    pub(crate) printing: Printing,
}

/// How and where a result is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Printing {
    /// Print the result as JSON: one object on a line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Write the result to this file; a value that stands alone is written byte for byte
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

impl Printing {
    /// Whether text goes to a screen or a pipe, not to a file.
    pub(crate) fn is_printed_text(&self) -> bool {
        !self.json && self.output.is_none()
    }
}

/// Whom to ask, when not whom the profile names.
#[derive(Debug, clap::Args)]
pub(crate) struct Credential {
    /// An explicit Momento API key to use [default: your profile's API key]
    #[arg(long, global = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) api_key: Option<String>,

    /// An explicit endpoint to use: host, host:port or http://host:port [default: your profile's]
    #[arg(long, short, global = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) endpoint: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConfigureArgs {
    /// Do not ask for the default cache and TTL
    #[arg(long, short)]
    pub(crate) quick: bool,

    /// Overwrite credentials by providing an api key v2 and endpoint
    #[arg(long, short)]
    pub(crate) api_key_and_endpoint: bool,

    /// Overwrite credentials by providing a disposable auth token or legacy v1 api key
    #[arg(long, short)]
    pub(crate) disposable_token: bool,

    /// Use a local plaintext server that needs no key, and ask nothing
    #[arg(
        long,
        value_name = "HOST:PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:8080",
        conflicts_with_all = ["quick", "api_key_and_endpoint", "disposable_token"]
    )]
    pub(crate) local: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// *DECOMMISSIONED* Please go to the Momento Console (https://console.gomomento.com) to sign up.
    Signup {
        #[command(subcommand)]
        operation: Option<SignupCommand>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SignupCommand {
    /// *DECOMMISSIONED*
    Gcp {
        #[arg(long, short)]
        email: Option<String>,
        #[arg(long, short)]
        region: Option<String>,
    },
    /// *DECOMMISSIONED*
    Aws {
        #[arg(long, short)]
        email: Option<String>,
        #[arg(long, short)]
        region: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Create a cache
    Create(CacheName),
    /// Delete a cache
    Delete(CacheName),
    /// List all caches
    List {},
    /// Flush all contents from a cache
    Flush(FlushName),
    /// Store an item in a cache
    #[command(group(ArgGroup::new("cache-value").required(true).args(["value", "value_flag", "stdin"])))]
    Set {
        #[command(flatten)]
        item: Item,
        /// Cache value to store under the key. This will be stored as UTF-8 bytes.
        value: Option<String>,
        #[arg(long = "value", value_name = "VALUE")]
        value_flag: Option<String>,
        /// Take the value from standard input, byte for byte
        #[arg(long)]
        stdin: bool,
        /// Max time that the item will be stored in cache (in seconds) [default: your profile's
        /// default TTL]
        #[arg(long = "ttl", value_name = "TTL_SECONDS")]
        ttl_seconds: Option<u64>,
    },
    /// Get an item from a cache
    Get(Item),
    /// Delete an item from a cache
    DeleteItem(Item),
}

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("cache-name").required(true).args(["cache_name", "cache_flag", "name_flag"])))]
pub(crate) struct CacheName {
    /// Name of the cache. Must be at least 3 characters and unique within your account.
    #[arg(value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
    cache_name: Option<String>,
    #[arg(long = "cache", value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
    cache_flag: Option<String>,
    #[arg(long = "name", value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
    name_flag: Option<String>,
}

impl CacheName {
    /// The one that was given; clap's group saw to it.
    pub(crate) fn get(self) -> String {
        self.cache_name.or(self.cache_flag).or(self.name_flag).unwrap_or_default()
    }
}

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("cache-name").required(true).args(["cache_name", "cache_flag"])))]
pub(crate) struct FlushName {
    /// Name of the cache you want to flush
    #[arg(value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
    cache_name: Option<String>,
    #[arg(long = "cache", value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
    cache_flag: Option<String>,
}

impl FlushName {
    /// The one that was given; clap's group saw to it.
    pub(crate) fn get(self) -> String {
        self.cache_name.or(self.cache_flag).unwrap_or_default()
    }
}

/// A key in a cache.
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("cache-key").required(true).args(["key", "key_flag"])))]
#[command(group(ArgGroup::new("cache-name").args(["cache_flag", "name_flag"])))]
pub(crate) struct Item {
    /// Name of the cache you want to use [default: your profile's default cache]
    #[arg(long = "cache", value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
    cache_flag: Option<String>,
    #[arg(long = "name", value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
    name_flag: Option<String>,
    /// Cache key of the item
    key: Option<String>,
    #[arg(long = "key", value_name = "KEY")]
    key_flag: Option<String>,
}

impl Item {
    /// The cache, `default` if none was given, and the key.
    pub(crate) fn get(self, default: &str) -> (String, String) {
        let cache = self.cache_flag.or(self.name_flag).unwrap_or_else(|| default.to_owned());
        (cache, self.key.or(self.key_flag).unwrap_or_default())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// Publish a value to all subscribers of a topic
    Publish {
        /// Name of the cache you want to use as your topic namespace [default: your profile's
        /// default cache]
        #[arg(long, value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
        cache: Option<String>,
        /// Name of the topic you want to publish to
        topic: String,
        /// String message value to publish
        #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
        value: Option<String>,
        /// Take the value from standard input, byte for byte
        #[arg(long)]
        stdin: bool,
        /// Publish bytes, not a string
        #[arg(long)]
        binary: bool,
    },
    /// Subscribe to messages coming in on a topic
    Subscribe {
        /// Name of the cache you want to use as your topic namespace [default: your profile's
        /// default cache]
        #[arg(long, value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
        cache: Option<String>,
        /// Name of the topic you want to subscribe to
        topic: String,
        /// Begin with the message of this number, if it is still kept [default: the latest]
        #[arg(long, value_name = "SEQUENCE")]
        from: Option<u64>,
        /// The sequence page that the number belongs to [default: the topic's current one]
        #[arg(long, requires = "from")]
        page: Option<u64>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_anywhere_and_names_come_in_every_official_form() {
        for line in [
            "momento --verbose -p x cache set k v --ttl 5",
            "momento cache --api-key K -e H set --key k --value v --cache c",
            "momento cache set k v --name c --profile x --verbose --endpoint H",
            "momento cache set --value v k",
            "momento cache create --name c",
            "momento cache delete --cache c",
            "momento cache flush c",
            "momento cache delete-item --key k",
            "momento topic publish --cache c t v",
            "momento topic subscribe t --api-key K",
            "momento topic subscribe t --from 7 --page 3 --json",
            "momento topic publish t --stdin --binary",
            "momento cache set k --stdin",
            "momento cache --json get k --output f",
            "momento dictionary set d f v --ttl 5 --keep-ttl --cache c",
            "momento dictionary set d f --stdin",
            "momento dictionary set-fields d a=b c=d",
            "momento dictionary increment d f --amount -3",
            "momento list push-back l v --truncate-to 3 -e H",
            "momento list fetch l --start -3 --end -1",
            "momento list erase l 0:2 5:1",
            "momento set add s a b c",
            "momento set add s --stdin",
            "momento set pop s --count 3",
            "momento sorted-set put z v --score -1.5e3",
            "momento sorted-set fetch z --start -3 --order descending",
            "momento sorted-set fetch z --above 1 --max 2 --offset 1 --count 3",
            "momento sorted-set length z --min -1",
            "momento sorted-set union-store z a b=2.5 --aggregate max",
            "momento leaderboard upsert b 1=2 3=-4.5",
            "momento leaderboard by-score b --min -5 --below 3 --limit 2",
            "momento leaderboard competition-rank b 1 2 --order ascending",
            "momento configure -q -d",
            "momento account signup aws --email e --region r",
            "momento preview pool create --name p",
        ] {
            Args::try_parse_from(line.split(' ')).unwrap();
        }
        for line in [
            "momento",
            "momento cache create",
            "momento cache create a --name b",
            "momento cache flush --name a",
            "momento cache set k",
            "momento cache get k --key k",
            "momento cache get k --cache a --name b",
            "momento cache set k v --ttl x",
            "momento topic publish t",
            "momento topic publish t v --stdin",
            "momento topic subscribe t --page 3",
            "momento cache set k v --stdin",
            "momento configure --json",
            "momento dictionary set d f",
            "momento dictionary set-fields d f",
            "momento list push-front l a b",
            "momento list push-front l a --truncate-to 0",
            "momento set add s",
            "momento set add s a --stdin",
            "momento sorted-set put z v",
            "momento sorted-set fetch z --start 1 --min 2",
            "momento sorted-set fetch z --min 1 --above 2",
            "momento leaderboard upsert b x=1",
            "momento configure --local -q",
        ] {
            assert_eq!(Args::try_parse_from(line.split(' ')).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
