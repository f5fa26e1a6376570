//! The messages of the calls on leaderboards.

use bytes::Bytes;
use kura_commands::LeaderboardCommand;
use kura_front_grpc::{Method, decode_leaderboard};
use kura_wire::Code;

use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    // More than 8192 ids.
    max_input_bytes: 10_000,
    pieces: &[
        b"\x12\x01b",
        b"\x0a\x01b",
        b"\x1a\x0b\x08\x01\x19\x00\x00\x00\x00\x00\x00\xf0\x3f",
        b"\x1a\x0b\x08\x01\x19\x00\x00\x00\x00\x00\x00\xf0\x7f",
        b"\x1a\x03\x01\x02\x03",
        b"\x12\x03\x01\x02\x03",
        b"\x1a\x04\x08\x01\x10\x05",
        b"\x1a\x05\x08\x00\x10\x80\x40",
        b"\x1a\x12\x29\x00\x00\x00\x00\x00\x00\xf0\x3f\x31\x00\x00\x00\x00\x00\x00\xf0\x3f",
        b"\x20\x01",
        b"\x28\x80\x40",
        b"\x30\x01",
        b"\x18\x01",
    ],
    ..Target::new("leaderboard", "decodes to a command within the limits, or refuses for a reason", check)
};

pub(super) const METHODS: [Method; 8] = [
    Method::UpsertElements,
    Method::RemoveElements,
    Method::DeleteLeaderboard,
    Method::GetByRank,
    Method::GetByScore,
    Method::GetRank,
    Method::GetCompetitionRank,
    Method::GetLeaderboardLength,
];

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let method = input.one_of(&METHODS);
    let message = Bytes::copy_from_slice(input.rest());
    match decode_leaderboard(method, &message) {
        Ok((name, command)) => {
            trace.note((method, name.is_empty(), std::mem::discriminant(&command)));
            assert!(is_within_limits(&command), "{method:?}: {command:?}");
        }
        Err(status) => {
            trace.note((method, status.message.replace(|c: char| c.is_ascii_digit(), "")));
            assert_eq!(status.code, Code::InvalidArgument, "{status}");
        }
    }
}

fn is_within_limits(command: &LeaderboardCommand) -> bool {
    let finite = |score: Option<f64>| score.is_none_or(f64::is_finite);
    match command {
        LeaderboardCommand::Upsert(elements) => {
            (1..=8192).contains(&elements.len()) && elements.iter().all(|element| element.score.is_finite())
        }
        LeaderboardCommand::Remove(ids) => (1..=8192).contains(&ids.len()),
        LeaderboardCommand::Rank { ids, .. } => ids.len() <= 8192,
        LeaderboardCommand::ByRank { start, end, .. } => start < end && end - start <= 8192,
        LeaderboardCommand::ByScore { range, limit, .. } => {
            *limit <= 8192 && finite(range.min) && finite(range.max)
        }
        LeaderboardCommand::Delete | LeaderboardCommand::Length => true,
    }
}
