//! `kura key`, `kura cache` and `kura hosts` as users type them, while no server runs.

#![expect(clippy::unwrap_used, reason = "test code outside of test functions")]

use std::path::Path;
use std::process::{Command, Output};

struct Kura {
    home: tempfile::TempDir,
}

impl Kura {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn data_dir(&self) -> std::path::PathBuf {
        self.home.path().join("data")
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kura"))
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("KURA_DATA_DIR", self.data_dir())
            .output()
            .unwrap()
    }

    /// Standard output of a command that succeeds.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The exit code and standard error of a command that fails.
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        assert_eq!(text(&output.stdout), "", "{args:?}");
        (output.status.code().unwrap(), text(&output.stderr))
    }

    fn keys(&self) -> Vec<serde_json::Value> {
        serde_json::from_str(&self.ok(&["key", "list", "--json"])).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn files_with(directory: &Path, needle: &[u8]) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &std::path::PathBuf| {
        std::fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
    };
    entries.filter(holds).map(|path| path.display().to_string()).collect()
}

#[test]
fn a_key_is_alone_on_standard_output_and_kept_nowhere() {
    let kura = Kura::new();
    let output = kura.run(&["key", "create", "--name", "admin"]);
    let key = text(&output.stdout);
    let key = key.strip_suffix('\n').unwrap();
    assert_eq!(key.split('.').count(), 3, "{key}");
    assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{key}");
    let words = text(&output.stderr);
    assert!(words.contains("admin") && words.contains("shown only now") && !words.contains(key), "{words}");
    let signature = key.rsplit('.').next().unwrap();
    assert_eq!(files_with(&kura.data_dir(), signature.as_bytes()), Vec::<String>::new());
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let kura = Kura::new();
    kura.ok(&["key", "create", "--name", "admin"]);
    kura.ok(&["key", "create", "--name", "rw", "--role", "readwrite", "--expires", "30d"]);
    kura.ok(&["key", "create", "--name", "ro", "--role", "readonly", "--format", "v1"]);
    kura.ok(&["key", "create", "--name", "app", "--cache", "a:readwrite", "--cache", "b:readonly"]);
    let mut keys = kura.keys();
    // Made within one second, they are in the order of their ids.
    keys.sort_by_key(|key| ["admin", "rw", "ro", "app"].iter().position(|name| key["name"] == *name));
    let roles: Vec<_> = keys.iter().map(|key| key["role"].clone()).collect();
    assert_eq!(roles, ["superuser".into(), "readwrite".into(), "readonly".into(), serde_json::Value::Null]);
    assert_eq!(keys[1]["expires"].as_u64(), keys[1]["created"].as_u64().map(|at| at + 30 * 24 * 3600));
    assert_eq!(keys[2]["format"], "v1");
    assert_eq!(keys[3]["caches"][1]["cache"], "b");
    assert!(keys.iter().all(|key| key["state"] == "live"));

    let id = keys[1]["id"].as_str().unwrap();
    kura.ok(&["key", "revoke", id]);
    kura.ok(&["key", "revoke", id]);
    let states: Vec<_> = kura.keys().iter().filter(|key| key["state"] == "revoked").cloned().collect();
    assert_eq!(states.len(), 1);
    assert_eq!(states[0]["id"], id);
    let table = kura.ok(&["key", "list"]);
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.contains("a:readwrite,b:readonly"), "{table}");

    let (code, words) = kura.fails(&["key", "revoke", "key-none"]);
    assert_eq!(code, 1);
    assert!(words.contains("key-none"), "{words}");
}

#[test]
fn a_v1_key_carries_the_endpoint_that_was_named() {
    let kura = Kura::new();
    let create = ["key", "create", "--json", "--name", "n", "--format", "v1"];
    let made = |more: &[&str]| -> serde_json::Value {
        serde_json::from_str(&kura.ok(&[&create[..], more].concat())).unwrap()
    };
    for (more, endpoint) in [
        (&[][..], "cell-1.kura.internal"),
        (&["--cell", "c.test"], "c.test"),
        (&["--endpoint", "e.test:8443"], "e.test:8443"),
    ] {
        let key = made(more);
        let (found, token) = kura_tokens::unwrap_v1(key["api_key"].as_str().unwrap()).unwrap();
        assert_eq!(found, endpoint);
        assert_eq!(key["endpoint"], endpoint);
        assert_eq!(token.split('.').count(), 3);
    }
}

#[test]
fn mistakes_of_usage_exit_with_two_and_change_nothing() {
    let kura = Kura::new();
    for args in [
        &["key", "create"][..],
        &["key", "create", "--name", "n", "--role", "readonly", "--cache", "a:readonly"],
        &["key", "create", "--name", "n", "--role", "root"],
        &["key", "create", "--name", "n", "--cache", "a"],
        &["key", "create", "--name", "n", "--expires", "3y"],
        &["key", "create", "--name", "n", "--cell", "not a host"],
        &["hosts", "nowhere"],
    ] {
        assert_eq!(kura.fails(args).0, 2, "{args:?}");
    }
    assert!(!kura.data_dir().exists());
    let (code, words) = kura.fails(&["key", "list"]);
    assert_eq!(code, 1);
    assert!(words.contains("there is no data directory"), "{words}");
}

#[test]
fn caches_are_created_listed_and_deleted() {
    let kura = Kura::new();
    assert_eq!(kura.ok(&["cache", "create", "b"]), "");
    kura.ok(&["cache", "create", "a"]);
    let again = kura.run(&["cache", "create", "a"]);
    assert!(again.status.success() && text(&again.stderr).contains("exists already"));
    assert_eq!(kura.ok(&["cache", "list"]), "a\nb\n");
    assert_eq!(kura.ok(&["cache", "delete", "a"]), "");
    assert_eq!(kura.fails(&["cache", "delete", "a"]), (1, "kura: there is no cache named a\n".to_owned()));
    assert_eq!(kura.ok(&["cache", "list", "--json"]), "[\n  \"b\"\n]\n");
}

#[test]
fn nothing_is_flushed_where_no_server_runs() {
    let kura = Kura::new();
    let (code, words) = kura.fails(&["cache", "flush", "a"]);
    assert_eq!(code, 1);
    assert!(words.contains("there is no data directory"), "{words}");
    assert!(!kura.data_dir().exists());
    kura.ok(&["cache", "create", "a"]);
    let (code, words) = kura.fails(&["cache", "flush", "a"]);
    assert_eq!(code, 1);
    assert!(words.contains("no kura server runs on") && words.contains("nothing to flush"), "{words}");
    assert_eq!(kura.ok(&["cache", "list"]), "a\n");
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let kura = Kura::new();
    std::thread::scope(|scope| {
        let create = |n: usize| kura.ok(&["cache", "create", &format!("cache-{n}")]);
        let threads: Vec<_> = (0..6).map(|n| scope.spawn(move || create(n))).collect();
        threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
    });
    assert_eq!(kura.ok(&["cache", "list"]).lines().count(), 6);
}

#[test]
fn a_data_directory_locked_by_something_silent_is_said_to_be_in_use() {
    let kura = Kura::new();
    kura.ok(&["cache", "create", "a"]);
    let _held = kura_store::Registry::open(&kura.data_dir().join("registry.redb")).unwrap();
    let (code, words) = kura.fails(&["cache", "list"]);
    assert_eq!(code, 1);
    assert!(words.contains("registry.redb") && words.contains("a kura server runs"), "{words}");
}

#[test]
fn hosts_prints_one_line_for_the_cell() {
    let kura = Kura::new();
    let web = |cell: &str| format!("web.cache.{cell} web.control.{cell} web.token.{cell}\n");
    let names = |cell: &str| {
        format!("{cell} cache.{cell} control.{cell} token.{cell} api.cache.{cell} {}", web(cell))
    };
    assert_eq!(kura.ok(&["hosts"]), format!("127.0.0.1 {}", names("cell-1.kura.internal")));
    let other = kura.ok(&["hosts", "10.0.0.7", "--cell", "c.test"]);
    assert_eq!(other, format!("10.0.0.7 {}", names("c.test")));
}
