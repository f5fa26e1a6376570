//! The paths that are compared, with whom, and what is asked of them.

use kura_load::workload::WorkloadSpec;

use crate::ratio::{Contest, Goal, Shape};
use crate::server::Kind;

fn goal(connections: usize, inflight: usize, ratio: f64, expected_us: Option<f64>) -> Goal {
    Goal { shape: Shape { connections, inflight }, ratio: Some(ratio), expected_us }
}

/// gRPC with a server that answers a constant.
pub(crate) fn grpc() -> Contest {
    Contest {
        name: "ratio",
        title: "Server CPU per operation over bare tonic",
        subject: Kind::Kura { memory: None },
        yardstick: Kind::Yardstick,
        rows: vec![goal(8, 8, 0.95, Some(12.9)), goal(64, 1, 0.95, None)],
        spec: WorkloadSpec::default(),
        note: "The same headers to both.".to_owned(),
    }
}

/// gRPC over TLS with gRPC in plaintext.
pub(crate) fn tls() -> Contest {
    Contest {
        name: "tls",
        title: "Server CPU per operation over TLS, over that in plaintext",
        subject: Kind::KuraTls,
        yardstick: Kind::Kura { memory: None },
        rows: vec![goal(8, 8, 1.35, None), goal(64, 1, 1.35, None)],
        spec: WorkloadSpec::default(),
        note: "TLS 1.3 with what rustls and the loader agree on; connections stay open.".to_owned(),
    }
}

/// Protosocket with a server that answers a constant.
pub(crate) fn protosocket() -> Contest {
    Contest {
        name: "protosocket",
        title: "Server CPU per operation over bare protosocket-rpc",
        subject: Kind::KuraProtosocket,
        yardstick: Kind::Protosocket,
        rows: vec![goal(8, 8, 1.25, None), goal(64, 1, 1.15, None)],
        spec: WorkloadSpec::default(),
        note: "A connection sends its requests in flight with one write, and the next when all are answered. The \
               yardstick, on the machines the goals were set on: 1.21 µs at 8×8, 7.2 µs at 64×1."
            .to_owned(),
    }
}

/// RESP with Redis, if there is one, of this version.
pub(crate) fn resp(version: &str) -> Contest {
    Contest {
        name: "resp",
        title: "RESP: server CPU per operation over Redis",
        subject: Kind::KuraResp,
        yardstick: Kind::Redis,
        rows: vec![goal(50, 16, 0.80, None), goal(64, 1, 1.00, None)],
        // SET without a time to live, as everybody measures Redis; one with costs it a second table.
        spec: WorkloadSpec { ttl_milliseconds: 0, ..WorkloadSpec::default() },
        note: format!(
            "{version}, no persistence, one thread, its own allocator. 50×16: sixteen commands a write, the next \
             sixteen when all are answered. SET without a time to live; Kura gives it its longest. Redis, on the \
             machines the goals were set on: 1.91 µs at 50×16, 8.2 µs at 64×1."
        ),
    }
}
