//! A disk without room: a small file system of its own, mounted where nobody else sees it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::process::{Command, Stdio};

use common::kura;

/// Runs a shell script in its own user and mount namespace, where `$D` is the mount point for a
/// file system that the script makes and `$KURA` the program. None, and loudly so, where the
/// kernel or the machine's settings forbid such namespaces.
fn in_namespace(script: &str, arguments: &[&str]) -> Option<String> {
    let may = Command::new("unshare").args(["-Urm", "true"]).output();
    if !may.as_ref().is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: unshare -Urm does not work here: {may:?}");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["-Urm", "sh", "-euc", script, "sh"])
        .args(arguments)
        .env("D", dir.path())
        .env("KURA", kura().get_program())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

/// Starts a server where `$1` KiB are free; then gives it room and uses what it left.
const START: &str = r#"
mount -t tmpfs -o size=$1k,mode=700 none "$D"
set -- timeout 2 "$KURA" serve --data-dir "$D/data" --tls-listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --protosocket-listen off
code=0; said=$("$@" 2>&1) || code=$?
echo "code $code"; echo "$said" | sed 's/^/said /'
mount -o remount,size=64m "$D"
"$KURA" cache create after --data-dir "$D/data"
"$KURA" key create --name after --data-dir "$D/data" >/dev/null 2>&1
"$KURA" cache list --data-dir "$D/data"
shift 2; timeout --kill-after=5 20 "$@" 2>"$D/log" & server=$!
n=0; while [ $n -lt 750 ] && ! grep -o 'kura ready' "$D/log"; do sleep 0.02; n=$((n + 1)); done
kill $server; wait $server || true
ls "$D/data"
"#;

#[test]
fn a_start_without_room_says_so_and_the_next_completes_it() {
    for (failed, room) in (4..4096).step_by(4).enumerate() {
        let kib = room.to_string();
        let Some(said) = in_namespace(START, &[&kib]) else {
            return;
        };
        let lines: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("said ")).collect();
        if said.starts_with("code 124\n") || lines.iter().any(|line| line.starts_with("kura ready")) {
            println!("{room} KiB are enough");
            assert!(failed >= 5, "{room} KiB were enough");
            return;
        }
        println!("{room} KiB: {lines:?}");
        assert!(said.starts_with("code 1\n"), "{room} KiB: {said}");
        assert_eq!(lines.len(), 1, "{room} KiB: {said}");
        let named = lines[0].contains("/data");
        let full = lines[0].contains("the disk is full") || lines[0].contains("No space left on device");
        assert!(named && full, "{room} KiB: {said}");
        assert!(said.contains("\nafter\n") && said.contains("\nkura ready\n"), "{room} KiB: {said}");
        assert_eq!(lines[0].matches("No space left").count() + lines[0].matches("disk is full").count(), 1);
        let left = said.lines().filter(|line| !line.starts_with("said ")).any(|line| line.contains("-new-"));
        assert!(!left, "{room} KiB: a half-written file is left: {said}");
    }
    panic!("4 MiB were not enough for an empty server");
}

/// Creates caches through a running server until the disk is full, then gives it room.
const FILL: &str = r#"
mount -t tmpfs -o size=16m,mode=700 none "$D"
"$KURA" serve --local --local-listen 127.0.0.1:0 --data-dir "$D/data" 2>"$D/log" &
server=$!
trap 'kill $server' EXIT
n=0; while ! grep -q 'kura ready' "$D/log"; do n=$((n + 1)); [ $n -lt 300 ] || { cat "$D/log"; exit 1; }; sleep 0.05; done
for name in a b c; do "$KURA" cache create $name --data-dir "$D/data"; done
dd if=/dev/zero of="$D/rest" bs=4k 2>/dev/null || true
made=0; said=
while [ $made -lt 2000 ]; do
    said=$("$KURA" cache create "cache-$made" --data-dir "$D/data" 2>&1) || break
    made=$((made + 1))
done
echo "made $made"; echo "said $said"
"$KURA" cache list --data-dir "$D/data" | wc -l
rm "$D/rest"
"$KURA" cache create after --data-dir "$D/data"
"$KURA" cache list --data-dir "$D/data" | wc -l
kill -9 $server; wait $server || true
"$KURA" cache list --data-dir "$D/data" | wc -l
trap - EXIT
"#;

#[test]
fn a_change_without_room_is_refused_and_room_is_used_again() {
    let Some(said) = in_namespace(FILL, &[]) else { return };
    println!("{said}");
    let lines: Vec<&str> = said.lines().collect();
    let made: usize = lines[0].strip_prefix("made ").unwrap().parse().unwrap();
    assert!(lines[1].starts_with("said kura: ") && lines[1].contains("the disk is full"), "{said}");
    let counts: Vec<usize> = lines[2..].iter().map(|line| line.trim().parse().unwrap()).collect();
    assert_eq!(counts, [3 + made, 4 + made, 4 + made]);
}
