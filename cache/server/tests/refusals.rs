//! What keeps a server from starting is told in one line that names the thing, and leaves
//! nothing half-made behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Server, failure, kura};

/// `kura serve` in secured mode on a data directory.
fn serve(data_dir: &Path) -> Command {
    let mut command = kura();
    command.args([
        "serve",
        "--tls-listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--protosocket-listen",
        "off",
        "--data-dir",
    ]);
    command.arg(data_dir);
    command
}

/// Fails the test unless the command fails with one line that has all these parts.
#[track_caller]
fn refused(command: Command, code: i32, parts: &[&str]) {
    let shown = format!("{command:?}");
    let (found, said) = failure(command);
    assert_eq!(found, Some(code), "{shown}: {said}");
    assert_eq!(said.lines().count(), 1, "{shown}: {said}");
    assert!(said.starts_with("kura: "), "{said}");
    assert!(said.matches("(os error").count() <= 1, "told twice: {said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn a_wrong_flag_is_named_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for (arguments, parts) in [
        (&["--colour"][..], &["'--colour'"][..]),
        (&["--memori", "1GiB"], &["'--memori'", "'--memory'"]),
        (&["--workers"], &["--workers", "value is required"]),
        (&["--memory", "much"], &["--memory is \"much\"", "8MiB"]),
        (&["--cell", "a b"], &["--cell is \"a b\""]),
    ] {
        let mut command = serve(&data);
        command.args(arguments);
        refused(command, 2, parts);
    }
    let mut command = kura();
    command.arg("sevre");
    refused(command, 2, &["'sevre'", "'serve'"]);
    assert!(!data.exists());
}

#[test]
fn all_mistakes_of_a_configuration_are_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (dir.path().join("data"), dir.path().join("kura.toml"));
    fs::write(&file, "memory = \"lots\"\ncolour = 1\nmax-ttl = \"1y\"\n").unwrap();
    let mut command = serve(&data);
    command.args(["--config", file.to_str().unwrap(), "--workers", "0", "--tls-key", "k.pem"]);
    command.env("KURA_MAX_CACHES", "none");
    let (code, said) = failure(command);
    assert_eq!(code, Some(2), "{said}");
    for part in [
        "--memory (in ",
        "colour is no setting",
        "--max-ttl (in ",
        "--workers is \"0\"",
        "--tls-cert is missing",
        "--max-caches is \"none\"",
    ] {
        assert_eq!(said.lines().filter(|line| line.contains(part)).count(), 1, "{part:?} in:\n{said}");
    }
    assert_eq!(said.lines().count(), 6, "{said}");
    fs::write(&file, "workers = 2\nmemory = \n").unwrap();
    let mut command = serve(&data);
    command.arg("--config").arg(&file);
    refused(command, 2, &[file.to_str().unwrap(), "line 2 is not TOML"]);
    let mut command = serve(&data);
    command.args(["--config", "/no/such.toml"]);
    refused(command, 2, &["/no/such.toml", "cannot be read"]);
    assert!(!data.exists());
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let made = dir.path().join("made");
    drop(Server::secured(&made, &[]));
    let (cert, key) = (made.join("cert.pem"), made.join("key.pem"));
    fs::write(path("garbage.pem"), "no pem").unwrap();
    let other = made.join("ca-key.pem");
    for (n, (cert_file, key_file, named, why)) in [
        (&path("none.pem"), &key, &path("none.pem"), "cannot read"),
        (&path("garbage.pem"), &key, &path("garbage.pem"), "no certificate"),
        (&cert, &path("none.pem"), &path("none.pem"), "cannot read"),
        (&cert, &path("garbage.pem"), &path("garbage.pem"), "no private key"),
        (&cert, &dir.path().to_owned(), &dir.path().to_owned(), "cannot read"),
        (&cert, &other, &other, "not the key of the certificate"),
    ]
    .into_iter()
    .enumerate()
    {
        let data = path(&format!("data-{n}"));
        let mut command = serve(&data);
        command.arg("--tls-cert").arg(cert_file).arg("--tls-key").arg(key_file);
        refused(command, 1, &[named.to_str().unwrap(), why]);
        // What is there is whole: the next start completes it.
        drop(Server::secured_with(&data, &cert, &key, &made));
    }
}

#[test]
fn a_file_that_may_not_be_read_is_named_and_left() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    drop(Server::secured(&data, &[]));
    for name in ["key.pem", "ca-key.pem", "signing.key"] {
        let file = data.join(name);
        let before = fs::read(&file).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        refused(serve(&data), 1, &[file.to_str().unwrap(), "open to other users", "chmod 0600"]);
        fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
        refused(
            unprivileged(serve(&data), &dir, &data),
            1,
            &["cannot read", file.to_str().unwrap(), "denied"],
        );
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(fs::read(&file).unwrap(), before);
    }
    let file = data.join("signing.key");
    fs::write(&file, "short").unwrap();
    refused(serve(&data), 1, &[file.to_str().unwrap(), "5 bytes in place of 32"]);
}

/// The same command as somebody whom modes of files bind, which they do not bind root.
fn unprivileged(command: Command, dir: &tempfile::TempDir, data: &Path) -> Command {
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        return command;
    }
    for path in [dir.path(), data] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    let program = dir.path().join("kura");
    if !program.exists() {
        // Not by this process: another test could start a program while the copy is open for writing here, and that
        // would keep it busy.
        assert!(Command::new("cp").arg(command.get_program()).arg(&program).status().unwrap().success());
    }
    std::os::unix::fs::chown(data, Some(NOBODY), Some(NOBODY)).unwrap();
    for file in fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()) {
        std::os::unix::fs::chown(file, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut again = Command::new(program);
    again.args(command.get_args()).uid(NOBODY).gid(NOBODY);
    again
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file: PathBuf = dir.path().join("file");
    fs::write(&file, "").unwrap();
    refused(serve(&file.join("data")), 1, &["cannot create", file.join("data").to_str().unwrap()]);
    refused(serve(&file), 1, &[file.to_str().unwrap()]);
    assert_eq!(fs::read(&file).unwrap(), b"");
}
