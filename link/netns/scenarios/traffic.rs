//! Packets, from inside of namespaces only.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use kura_netns::Fabric;

use crate::world::name;

/// Long enough for a packet that passes, many times over.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// How long a packet that must not pass is waited for.
pub const SILENCE: Duration = Duration::from_millis(400);

/// Connects from a namespace.
pub fn connect(fabric: &Fabric, from: &str, to: &str, patience: Duration) -> std::io::Result<TcpStream> {
    let to: SocketAddr = to.parse().unwrap();
    fabric
        .inside(&name(from), || {
            Ok(TcpStream::connect_timeout(&to, patience).inspect(|stream| {
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
            }))
        })
        .unwrap()
}

pub fn reaches(fabric: &Fabric, from: &str, to: &str) -> bool {
    connect(fabric, from, to, PATIENCE).is_ok_and(|mut stream| ping(&mut stream).is_ok())
}

pub fn silent(fabric: &Fabric, from: &str, to: &str) -> bool {
    match connect(fabric, from, to, SILENCE) {
        Err(error) => error.kind() == std::io::ErrorKind::TimedOut,
        Ok(_) => false,
    }
}

pub fn ping(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"ping")?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"ping");
    Ok(())
}

/// Echoes in a namespace as long as the process lives. Each connection's peer is told to `seen`.
pub fn echo(fabric: &Fabric, namespace: &str, address: &str) -> std::sync::mpsc::Receiver<SocketAddr> {
    let listener = fabric.tcp_listener(&name(namespace), address.parse().unwrap()).unwrap();
    let (seen, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        while let Ok((stream, peer)) = listener.accept() {
            let _ = seen.send(peer);
            thread::spawn(move || {
                let mut stream = stream;
                let mut buffer = [0; 4096];
                stream.set_nodelay(true).unwrap();
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    receiver
}

/// Accepts one connection.
pub fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    for _ in 0..400 {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            return stream;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("nobody connected within two seconds");
}
