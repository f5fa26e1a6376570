//! The API over a model in memory, for tests: no kernel, nothing written down.
//!
//! `serve REGION KEY:SECRET:ACCOUNT… [--accept-any-key]` prints the address it listens on and answers until its
//! standard input ends. `serve --actions` lists every service and action.
#![allow(clippy::expect_used, reason = "a server for tests, where a surprise must be loud")]

use std::{
    convert::Infallible,
    fs::File,
    io::{Read as _, Write as _},
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kura_aws_api::{Api, Keys, Settings};
use kura_base::Clock as _;
use kura_model::{
    AccountId, Change, Cloud, Error, Event, State, Timestamp, account_changes, apply, plan::Health,
};

struct Memory {
    state: State,
    random: File,
}

impl Cloud for Memory {
    fn state(&self) -> &State {
        &self.state
    }

    fn now(&self) -> Timestamp {
        kura_base::SystemClock.now().0
    }

    fn hex(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.random.read_exact(&mut bytes).expect("the kernel has random bytes");
        bytes.iter().map(|byte| format!("{:x}", byte & 15)).collect()
    }

    fn commit(&mut self, event: Event) -> Result<(), Error> {
        self.state = apply(&self.state, &event)?;
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let region = arguments.next().ok_or("a region, please")?;
    if region == "--actions" {
        for (service, action) in Api::actions() {
            println!("{service} {action}");
        }
        return Ok(());
    }
    let mut keys = Vec::new();
    let mut accept_any_key = false;
    for argument in arguments {
        match argument.splitn(3, ':').collect::<Vec<_>>()[..] {
            [id, secret, account] => keys.push((id.into(), secret.into(), AccountId::from(account))),
            _ => accept_any_key = argument == "--accept-any-key",
        }
    }
    let mut cloud = Memory { state: State::new(&region)?, random: File::open("/dev/urandom")? };
    let mut accounts: Vec<AccountId> = keys.iter().map(|(_, _, account)| account.clone()).collect();
    accounts.dedup();
    for account in &accounts {
        let zones = cloud.state.zones.clone();
        for change in account_changes(&zones, |count| cloud.hex(count)) {
            cloud.change(account, change, None)?;
        }
    }

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let listen = listener.local_addr()?;
    let api = Arc::new(Api::new(Settings { region, listen, accept_any_key }, Keys::new(keys)));
    let cloud = Arc::new(Mutex::new(cloud));
    println!("{listen}");
    std::io::stdout().flush()?;
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    tokio::pin!(ended);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = &mut ended => return Ok(()),
        };
        let (api, cloud) = (Arc::clone(&api), Arc::clone(&cloud));
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (api, cloud) = (Arc::clone(&api), Arc::clone(&cloud));
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let mut cloud = cloud.lock().expect("no request panics");
                publish_proofs(&mut cloud);
                let answer =
                    api.answer(hyper::Request::from_parts(parts, body), &mut *cloud, &Health::default());
                Ok::<_, Infallible>(answer.map(Full::new))
            }
        });
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Plays the owner of `example.com`: puts the TXT record there that each of its names asks for.
fn publish_proofs(cloud: &mut Memory) {
    let services = cloud.state.services.values().cloned().collect::<Vec<_>>();
    for service in services {
        let Some(name) = service.private_dns else { continue };
        if name.name.ends_with(".example.com") && !cloud.state.has_proof(&name) {
            let record = format!("{}.{}", name.record_name, name.name);
            let change = Change::PublicText { name: record, values: [name.record_value].into() };
            cloud.change(&service.owner, change, None).expect("a record of a name that was taken");
        }
    }
}
