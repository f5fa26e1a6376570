//! What a crash, a full disk and damage do.

use std::path::PathBuf;
use std::time::Instant;

use kura_model::{AccountId, Change, Cloud, GatewayId, Stack, StackId};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use super::*;
use crate::world::{World, WorldError, open_account};

const REGION: &str = "ap-northeast-1";

fn open(dir: &Path) -> Result<World, WorldError> {
    World::open(dir, REGION)
}

fn account() -> AccountId {
    AccountId::new("000000000000")
}

fn gateway(number: u32) -> Change {
    Change::CreateInternetGateway {
        id: GatewayId::new(format!("igw-{number:017x}")),
        tags: Default::default(),
    }
}

/// A state directory with an account and two gateways in it.
fn written() -> (tempfile::TempDir, PathBuf, State) {
    let dir = tempfile::tempdir().unwrap();
    let mut world = open(dir.path()).unwrap();
    world.together(|cloud| open_account(cloud, &account())).unwrap();
    for number in 0..2 {
        world.change(&account(), gateway(number), None).unwrap();
    }
    world.sync().unwrap();
    let path = dir.path().join(FILE);
    let state = world.state().clone();
    (dir, path, state)
}

#[test]
fn what_was_synced_is_there_again() {
    let (dir, _, state) = written();
    assert_eq!(open(dir.path()).unwrap().state(), &state);
}

#[test]
fn a_torn_tail_is_cut_away_wherever_it_is_torn() {
    let (dir, path, state) = written();
    let whole = std::fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in [last + 1, last + 8, last + 9, last + 20, whole.len() - 1] {
        std::fs::write(&path, &whole[..end]).unwrap();
        let mut world = open(dir.path()).unwrap();
        assert_eq!(world.state().gateways.len(), state.gateways.len() - 1, "torn at {end}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), last as u64);
        // What comes after stands on a line of its own.
        world.change(&account(), gateway(9), None).unwrap();
        world.sync().unwrap();
        drop(world);
        assert_eq!(open(dir.path()).unwrap().state().gateways.len(), state.gateways.len());
    }
}

#[test]
fn damage_before_sound_lines_is_refused_and_the_line_named() {
    let (dir, path, _) = written();
    let whole = std::fs::read_to_string(&path).unwrap();
    for line in [1, 2, 4] {
        let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        lines[line - 1] = lines[line - 1].replacen("id", "di", 1);
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let Err(error) = open(dir.path()) else { panic!("line {line} was taken") };
        let text = error.to_string();
        assert!(text.contains(&format!("line {line}: its checksum does not match")), "{text}");
        assert_eq!(text.lines().count(), 1);
        assert_eq!(std::fs::read_to_string(&path).unwrap().len(), whole.len(), "it must not be touched");
    }
    // A beginning alone, damaged, is not an empty journal.
    std::fs::write(&path, "00000000 {}\n").unwrap();
    assert!(open(dir.path()).is_err_and(|error| error.to_string().contains("line 1")));
    // A line that was left out is told by what does not follow.
    let lines: Vec<&str> = whole.lines().collect();
    std::fs::write(&path, [&lines[..2], &lines[3..]].concat().join("\n") + "\n").unwrap();
    assert!(open(dir.path()).is_err_and(|error| error.to_string().contains(", line ")));
}

#[test]
fn a_second_daemon_is_refused_and_the_pid_named() {
    let (dir, ..) = written();
    let first = open(dir.path()).unwrap();
    assert_eq!(holder(dir.path()).unwrap(), Some(std::process::id()));
    let Err(error) = open(dir.path()) else { panic!("two have one state directory") };
    assert!(error.to_string().contains(&format!("(pid {})", std::process::id())), "{error}");
    drop(first);
    assert_eq!(holder(dir.path()).unwrap(), None);
    open(dir.path()).unwrap();
}

#[test]
fn another_region_is_refused() {
    let (dir, ..) = written();
    let Err(error) = World::open(dir.path(), "us-east-1") else { panic!("taken") };
    assert!(error.to_string().contains("give --region ap-northeast-1"), "{error}");
    let Err(error) = World::open(dir.path(), "moon") else { panic!("taken") };
    assert!(error.to_string().contains("moon"), "{error}");
}

/// A file that takes `room` bytes more, and what the journal has written so far.
fn short_of_room(journal: &mut Journal, room: u64) -> File {
    let file = memfd_create("journal", MemfdFlags::ALLOW_SEALING).map(File::from).unwrap();
    let written = std::fs::read(&journal.path).unwrap();
    (&file).write_all(&written).unwrap();
    file.set_len(written.len() as u64 + room).unwrap();
    fcntl_add_seals(&file, SealFlags::GROW).unwrap();
    (&file).seek(SeekFrom::Start(written.len() as u64)).unwrap();
    journal.file = file.try_clone().unwrap();
    file
}

#[test]
fn a_full_disk_refuses_the_change_and_keeps_nothing_of_it() {
    let (dir, _, state) = written();
    let (mut journal, _) = Journal::open(dir.path(), || panic!("it is there")).unwrap();
    let file = short_of_room(&mut journal, 100);
    let event =
        |number| kura_model::Event { at: 1, account: account(), change: gateway(number), token: None };
    let length = journal.bytes;
    let mut refused = 0;
    for number in 0..3 {
        refused += u32::from(journal.append(&event(number)).is_err());
        journal.take_back();
        assert_eq!(file.metadata().unwrap().len(), length, "something is left of it");
    }
    assert!(refused >= 2, "no room was left, and {refused} were refused");
    assert!(!journal.is_broken);
    drop(journal);
    assert_eq!(open(dir.path()).unwrap().state(), &state);
}

#[test]
fn a_request_whose_second_event_finds_no_room_changes_nothing() {
    let (dir, path, state) = written();
    let written = std::fs::read(&path).unwrap();
    let mut world = open(dir.path()).unwrap();
    // Room for one event, not for two.
    let file = short_of_room(world.journal(), 200);
    world.change(&account(), gateway(7), None).unwrap();
    let refused = world.change(&account(), gateway(8), None).unwrap_err();
    assert_eq!(refused.code, "InternalError");
    assert!(refused.message.contains("was not made"), "{}", refused.message);
    // The rest of the request is refused too: it may build on what was not written.
    world.change(&account(), gateway(9), None).unwrap_err();
    world.sync().unwrap_err();
    assert_eq!(world.state(), &state);
    assert_eq!(file.metadata().unwrap().len(), written.len() as u64);
    // Room again: the next request is taken.
    world.journal().file = OpenOptions::new().append(true).open(&path).unwrap();
    world.change(&account(), gateway(7), None).unwrap();
    world.sync().unwrap();
    let state = world.state().clone();
    drop(world);
    assert_eq!(open(dir.path()).unwrap().state(), &state);
}

#[test]
fn a_failed_sync_takes_the_changes_back_and_no_more_are_taken() {
    let (dir, _, state) = written();
    let mut world = open(dir.path()).unwrap();
    // A pipe can be written, and neither synced nor cut.
    let (_reader, writer) = std::io::pipe().unwrap();
    world.journal().file = File::from(std::os::fd::OwnedFd::from(writer));
    world.change(&account(), gateway(7), None).unwrap();
    assert_ne!(world.state(), &state);
    world.sync().unwrap_err();
    assert_eq!(world.state(), &state);
    let refused = world.change(&account(), gateway(7), None).unwrap_err();
    assert!(refused.message.contains("start the daemon anew"), "{}", refused.message);
    assert_eq!(world.state(), &state);
}

fn stack(number: u32, resources: u32) -> Change {
    let resource = |at: u32| kura_model::StackResource {
        logical_id: format!("Resource{at}"),
        physical_id: Some(format!("sg-{at:017x}")),
        resource_type: "AWS::EC2::SecurityGroup".to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        status_reason: None,
        properties: "x".repeat(300),
        deletion_policy: "Delete".to_owned(),
        update_replace_policy: "Delete".to_owned(),
        depends_on: Vec::new(),
        updated: 1,
    };
    let id = StackId::new(format!("arn:aws:cloudformation:{REGION}:000000000000:stack/s{}/1", number % 20));
    Change::PutStack(Box::new(Stack {
        id,
        name: format!("s{}", number % 20),
        owner: account(),
        status: "CREATE_COMPLETE".to_owned(),
        status_reason: None,
        description: None,
        template: "y".repeat(20_000),
        parameters: Default::default(),
        capabilities: Vec::new(),
        disable_rollback: false,
        on_failure: "ROLLBACK".to_owned(),
        termination_protection: false,
        resources: (0..resources).map(|at| (format!("Resource{at}"), resource(at))).collect(),
        outputs: Vec::new(),
        events: Vec::new(),
        change_sets: Default::default(),
        imports: Default::default(),
        previous: None,
        created: 1,
        updated: None,
        deleted: None,
        tags: Default::default(),
    }))
}

#[test]
fn a_long_journal_is_begun_anew_and_read_quickly() {
    let (dir, path, _) = written();
    let mut world = open(dir.path()).unwrap();
    let since = Instant::now();
    let mut longest = 0;
    for number in 0..300 {
        world.change(&account(), stack(number, 200), None).unwrap();
        world.sync().unwrap();
        longest = longest.max(std::fs::metadata(&path).unwrap().len());
    }
    println!("300 changes of stacks with 200 resources: {:?}, at most {longest} bytes", since.elapsed());
    assert!(longest < 32 << 20, "{longest} bytes");
    // Small events beside large stacks.
    let since = Instant::now();
    for number in 0..250 {
        let id = GatewayId::new(format!("igw-{:017x}", 100_000 + number));
        world.change(&account(), gateway(100_000 + number), None).unwrap();
        world.change(&account(), Change::DeleteInternetGateway { id }, None).unwrap();
    }
    world.sync().unwrap();
    println!("500 small changes: {:?}", since.elapsed());
    let state = world.state().clone();
    drop(world);
    let since = Instant::now();
    let again = open(dir.path()).unwrap();
    let took = since.elapsed();
    println!("read again in {took:?}: {} bytes", std::fs::metadata(&path).unwrap().len());
    assert_eq!(again.state(), &state);
    assert!(took.as_secs() < 5, "{took:?}");
}
