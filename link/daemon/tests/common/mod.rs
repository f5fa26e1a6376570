//! A daemon of the test's own, as root and as an unprivileged user, and two instances with traffic between them.

pub mod traffic;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What an unprivileged user is called where root runs the tests.
const NOBODY: u32 = 65534;
pub const PROVIDER: &str = "111111111111";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    Root,
    Nobody,
}

/// The program, and this test itself, where an unprivileged user can run them too.
fn programs() -> &'static (tempfile::TempDir, PathBuf, PathBuf) {
    static PROGRAMS: OnceLock<(tempfile::TempDir, PathBuf, PathBuf)> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (link, test) = (dir.path().join("kura-link"), dir.path().join("test"));
        fs::copy(env!("CARGO_BIN_EXE_kura-link"), &link).unwrap();
        fs::copy(std::env::current_exe().unwrap(), &test).unwrap();
        (dir, link, test)
    })
}

pub struct Daemon {
    pub who: As,
    home: tempfile::TempDir,
}

impl Daemon {
    /// A daemon that runs; `None`, said aloud, where this machine forbids what it needs.
    pub fn start(who: As) -> Option<Self> {
        let daemon = Self::prepare(who)?;
        let up = daemon.up();
        let text = String::from_utf8_lossy(&up.stderr).into_owned();
        if text.contains("may not make namespaces here") {
            eprintln!("SKIPPED as {who:?}: {text}");
            return None;
        }
        assert!(up.status.success(), "{text}");
        Some(daemon)
    }

    /// A state directory without a daemon.
    pub fn prepare(who: As) -> Option<Self> {
        let is_root = rustix::process::geteuid().is_root();
        if who == As::Root && !is_root {
            eprintln!("SKIPPED as root: the tests run as an unprivileged user");
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        if who == As::Nobody && is_root {
            chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Some(Self { who, home })
    }

    pub fn dir(&self) -> PathBuf {
        self.home.path().join("state")
    }

    pub fn up(&self) -> Output {
        self.run(&["up", "--detach", "--listen", "127.0.0.1:0", "--upstream", "none", "--accept-any-key"])
    }

    pub fn command(&self) -> Command {
        let (_, link, _) = programs();
        let mut command = match self.who {
            As::Nobody if rustix::process::geteuid().is_root() => {
                let mut command = Command::new("setpriv");
                let ids = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
                command.args(ids).args(["--clear-groups", "--"]).arg(link);
                command
            }
            _ => Command::new(link),
        };
        command.arg("--state-dir").arg(self.dir()).current_dir("/").stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// What a command that must succeed prints.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that must fail says, in one line.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?} did not fail");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        said
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir().join("kura-link.log")).unwrap_or_default()
    }

    pub fn pid(&self) -> i32 {
        fs::read_to_string(self.dir().join("lock")).unwrap().trim().parse().unwrap()
    }

    /// Kills the daemon and returns once it is gone.
    pub fn kill(&self) {
        kill_and_wait(self.pid());
    }

    pub fn anchor_pid(&self) -> i32 {
        self.process("anchor").unwrap()
    }

    /// The process with this role.
    pub fn process(&self, role: &str) -> Option<i32> {
        processes().into_iter().find(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            words.nth(1).is_some_and(|word| word == role)
                && words.next().is_some_and(|word| Path::new(&*word) == self.dir())
        })
    }

    fn environment(&self, name: &str) -> String {
        let text = fs::read_to_string(self.dir().join("aws.env")).unwrap();
        let prefix = format!("export {name}='");
        let line = text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
        line.trim_end_matches('\'').to_owned()
    }

    /// Asks the wire API as an account; the whole answer must be a success.
    pub fn api(&self, account: &str, service: &str, body: &str) -> String {
        let address = self.environment("AWS_ENDPOINT_URL").replace("http://", "");
        let key = self.environment(&format!("AWS_ACCESS_KEY_ID_{account}"));
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nAuthorization: AWS4-HMAC-SHA256 Credential={key}/20260101/\
             ap-northeast-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{body}: {answer}");
        answer
    }

    /// An instance of an account.
    pub fn instance(&self, account: &str) -> String {
        let run =
            "Action=RunInstances&Version=2016-11-15&ImageId=ami-00000000000000000&MinCount=1&MaxCount=1";
        let answer = self.api(account, "ec2", run);
        element(&answer, "instanceId")
    }

    /// A part of this test, run in an instance.
    pub fn inside(&self, instance: &str, role: &str) -> Command {
        let (_, _, test) = programs();
        let mut command = self.command();
        command.args(["exec", instance, "--"]).arg(test);
        command.args(["part_that_runs_in_an_instance", "--exact", "--ignored", "--nocapture", "-q"]);
        command.env("KURA_TEST_PART", role);
        command
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let down = self.run(&["down"]);
        let said = String::from_utf8_lossy(&down.stderr).into_owned();
        if std::thread::panicking() {
            eprintln!("log:\n{}\ndown: {said}", self.log());
        } else {
            assert!(down.status.success(), "{said}");
        }
    }
}

/// The text of the first element of a name.
pub fn element(xml: &str, name: &str) -> String {
    let rest = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}")).1;
    rest.split('<').next().unwrap().to_owned()
}

pub fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

pub fn kill_and_wait(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    eventually("it ends", || !alive(pid.as_raw_nonzero().get()));
}

/// Whether a process runs; a zombie does not.
pub fn alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

/// Waits, at most twenty seconds, until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
