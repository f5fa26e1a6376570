//! The control socket of a daemon: lines of JSON, cut in any way, on a real socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kura_control_socket::{bind, serve};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::input::{Input, pieces};
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_memory_bytes: 2 << 20,
    pieces: &[b"\n", b"null\n", b"1\n", b"{\"flush_cache\":{\"name\":\"c\"}}\n", b"[", b"\"", b"\xff\n"],
    ..Target::new(
        "control_socket",
        "each line is answered once, in its order, and the rest is refused",
        check,
    )
};

/// Longest line that is taken.
const MAX_LINE: usize = 64 * 1024;

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let cuts = input.line();
    // Lines around the longest that is taken.
    let many = match input.byte() {
        255 => MAX_LINE,
        254 => MAX_LINE - 16,
        _ => 0,
    };
    let mut sent = vec![b' '; many];
    sent.extend_from_slice(input.rest());
    let (answered, performed) = hear(&pieces(&sent, cuts));

    // Lines up to the first that is too long, or has no end.
    let (mut expected, mut sound) = (0, 0);
    for line in sent.split_inclusive(|byte| *byte == b'\n') {
        expected += 1;
        if line.last() != Some(&b'\n') || line.len() > MAX_LINE {
            break;
        }
        sound += usize::from(serde_json::from_slice::<Value>(line).is_ok());
    }
    let replies: Vec<Value> = answered
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).expect("answers are JSON, a line each"))
        .collect();
    trace.note((replies.len().min(4), sound.min(4), many > 0));
    assert_eq!(replies.len(), expected);
    let done = replies.iter().filter(|reply| reply.get("done").is_some()).count();
    let refused = replies.iter().filter(|reply| reply.get("refused").is_some_and(Value::is_string)).count();
    assert_eq!((done, done + refused, performed), (sound, expected, sound));
}

/// What a daemon answers, and how many requests it performed.
fn hear(pieces: &[&[u8]]) -> (Vec<u8>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let performed = Arc::new(AtomicUsize::new(0));
    let count = performed.clone();
    let perform = move |request: Value| -> Result<Value, String> {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(request)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answered = runtime.block_on(async {
        let listener = bind(&path).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, path.clone(), Arc::new(perform), async {
            let _ = stopped.await;
        }));
        let (mut read, mut write) = UnixStream::connect(&path).await.unwrap().into_split();
        let send = async move {
            for piece in pieces {
                // The daemon may have ended before.
                if write.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let _ = write.shutdown().await;
        };
        let mut answered = Vec::new();
        let receive = async {
            // Bytes of ours that it did not read may reset the connection behind its answers.
            let _ = read.read_to_end(&mut answered).await;
        };
        tokio::join!(send, receive);
        drop(stop);
        server.await.expect("serving does not panic");
        answered
    });
    (answered, performed.load(Ordering::Relaxed))
}
