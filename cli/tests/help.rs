//! The grammar as `--help` tells it, and clap's own errors.

mod common;

use common::User;

#[test]
fn help_tells_the_grammar() {
    let user = User::new();
    for name in [
        "",
        "cache",
        "cache create",
        "cache delete",
        "cache list",
        "cache flush",
        "cache set",
        "cache get",
        "cache delete-item",
        "topic",
        "topic publish",
        "topic subscribe",
        "configure",
        "dictionary",
        "dictionary set",
        "list",
        "list push-front",
        "set",
        "set add",
        "sorted-set",
        "sorted-set fetch",
        "sorted-set union-store",
        "leaderboard",
        "leaderboard by-score",
    ] {
        let help = user.run(&format!("{name} --help")).ok();
        insta::assert_snapshot!(format!("help {name}").trim().replace(' ', "_"), help);
    }
}

#[test]
fn mistyped_commands_exit_with_2() {
    let user = User::new();
    let mut errors = String::new();
    for args in ["cache", "cache create", "cache get k --key k", "cache set k v --ttl soon", "cache list -p"]
    {
        let ran = user.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        errors += &format!("$ momento {args}\n{}\n", ran.stderr);
    }
    insta::assert_snapshot!(errors);
}

#[test]
fn version_and_completions() {
    let user = User::new();
    assert!(user.run("-V").ok().starts_with("momento "));
    for shell in ["bash", "zsh", "fish"] {
        let script = user.run(&format!("completions {shell}")).ok();
        assert!(script.contains("delete-item"), "{shell}");
        assert!(!script.is_empty());
    }
}
