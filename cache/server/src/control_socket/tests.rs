use std::io::{BufRead, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use kura_control_socket::MAX_CONNECTIONS;

use super::*;
use crate::admin::tests::{Bench, new_key};

/// A server on a control socket.
struct Served {
    dir: tempfile::TempDir,
    bench: Bench,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Served {
    fn start() -> Self {
        Self::start_in("")
    }

    fn start_in(below: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join(below);
        std::fs::create_dir_all(&data_dir).unwrap();
        let bench = Bench::new();
        let listener = bind(&data_dir).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let server = tokio::spawn(serve(listener, data_dir, Arc::clone(&bench.admin), shutdown));
        Self { dir, bench, stop, server }
    }

    async fn ask(&self, request: Request) -> Result<Option<Answer>, AskError> {
        let data_dir = self.dir.path().to_owned();
        tokio::task::spawn_blocking(move || ask(&data_dir, &request)).await.unwrap()
    }

    /// Sends bytes on one connection and returns the lines that come back.
    async fn send(&self, bytes: Vec<u8>) -> Vec<String> {
        let path = self.dir.path().join(FILE);
        let talk = move || {
            let mut stream = BlockingStream::connect(path).unwrap();
            // The server may answer and hang up before it has read everything.
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            std::io::BufReader::new(stream).lines().map_while(Result::ok).collect()
        };
        tokio::task::spawn_blocking(talk).await.unwrap()
    }
}

#[tokio::test]
async fn what_is_asked_is_done_by_the_server() {
    let served = Served::start();
    let created = served.ask(Request::CreateKey(new_key())).await.unwrap().unwrap();
    let Answer::KeyCreated(key) = created else { panic!("{created:?}") };
    let record = served.bench.registry.key(&key.id).unwrap();
    assert_eq!(record.fingerprint, kura_tokens::fingerprint(&key.api_key.0));
    let generation = served.bench.registry.generation();
    let revoked = served.ask(Request::RevokeKey { id: key.id.clone() }).await.unwrap();
    assert_eq!(revoked, Some(Answer::Changed { changed: true }));
    assert!(served.bench.registry.generation() > generation, "before the answer is sent");
    let refused = served.ask(Request::RevokeKey { id: "key-none".to_owned() }).await.unwrap_err();
    assert!(matches!(&refused, AskError::Refused(reason) if reason.contains("key-none")), "{refused}");
}

#[tokio::test]
async fn the_socket_is_private_and_goes_with_the_server() {
    let served = Served::start();
    let socket = served.dir.path().join(FILE);
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    served.stop.send(()).unwrap();
    served.server.await.unwrap();
    assert!(!socket.exists());
    assert!(ask(served.dir.path(), &Request::ListCaches).unwrap().is_none());
    assert!(ask(&served.dir.path().join("none"), &Request::ListCaches).unwrap().is_none());
}

#[tokio::test]
async fn a_socket_left_behind_by_a_killed_server_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    drop(bind(dir.path()).unwrap());
    assert!(dir.path().join(FILE).exists(), "as after kill -9");
    assert!(ask(dir.path(), &Request::ListCaches).unwrap().is_none());
    let _listener = bind(dir.path()).unwrap();
    BlockingStream::connect(dir.path().join(FILE)).unwrap();
}

#[tokio::test]
async fn a_data_directory_with_a_long_path_works() {
    let below = "a-directory-with-a-long-name/".repeat(8);
    let served = Served::start_in(&below);
    let data_dir = served.dir.path().join(&below);
    assert!(data_dir.as_os_str().len() > 200);
    let answer = tokio::task::spawn_blocking(move || ask(&data_dir, &Request::ListCaches)).await.unwrap();
    assert_eq!(answer.unwrap(), Some(Answer::Caches(vec![])));
}

#[tokio::test]
async fn nonsense_is_refused_and_does_not_end_the_server() {
    let served = Served::start();
    let lines = served.send(b"what\n\n{\"fly\":{}}\n\"list_caches\"\n".to_vec()).await;
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[..3].iter().all(|line| line.contains("does not know this request")), "{lines:?}");
    assert_eq!(lines[3], r#"{"done":{"caches":[]}}"#);

    let too_long = served.send(vec![b'x'; 1 << 20]).await;
    assert!(too_long.is_empty() || too_long[0].contains("65536 bytes at most"), "{too_long:?}");
    let unfinished = served.send(b"\"list_caches\"".to_vec()).await;
    assert!(unfinished[0].contains("refused"), "{unfinished:?}");
    assert!(served.send(Vec::new()).await.is_empty());
    assert_eq!(served.ask(Request::ListCaches).await.unwrap(), Some(Answer::Caches(vec![])));
}

#[tokio::test]
async fn more_connections_than_slots_wait_their_turn() {
    let served = Served::start();
    let socket = served.dir.path().join(FILE);
    let idle: Vec<_> = (0..MAX_CONNECTIONS).map(|_| BlockingStream::connect(&socket).unwrap()).collect();
    let data_dir = served.dir.path().to_owned();
    let waiting = tokio::task::spawn_blocking(move || ask(&data_dir, &Request::ListCaches));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    drop(idle);
    assert_eq!(waiting.await.unwrap().unwrap(), Some(Answer::Caches(vec![])));
}
