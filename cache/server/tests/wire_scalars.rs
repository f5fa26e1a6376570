//! Scalars as a client sees them, by every protocol that has them, next to what a plain model says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;
mod scalars_support;

use std::time::Duration;

use fastrand::Rng;
use kura_wire::Code;
use kura_wire::protos::cache_client as protos;
use kura_wire::protos::common as conditions;
use scalars_support::callers::{CACHE, Callers, Way, got};
use scalars_support::{Change, Item, Model, Said, When};

const KEYS: [&[u8]; 5] = [b"a", b"b", b"\0\xff", b"some longer key", &[b'k'; 300]];

/// One cache, and the model of it.
struct World {
    callers: Callers,
    model: Model,
    rng: Rng,
}

impl World {
    async fn new(seed: u64) -> Self {
        Self { callers: Callers::new().await, model: Model::default(), rng: Rng::with_seed(seed) }
    }

    fn key(&mut self) -> Vec<u8> {
        self.rng.choice(KEYS).unwrap().to_vec()
    }

    /// Often one that is there, often a number, seldom long.
    fn value(&mut self) -> Vec<u8> {
        let rng = &mut self.rng;
        match rng.u8(..20) {
            0..8 => rng.i64(-2..3).to_string().into_bytes(),
            8 if rng.bool() => rng.choice(["007", "-0", "+1", " 1", "1.0"]).unwrap().as_bytes().to_vec(),
            8 => rng.choice([i64::MAX, i64::MIN]).unwrap().to_string().into_bytes(),
            9..15 => vec![b'v'; rng.usize(..3)],
            15..19 => format!("value {}", rng.u8(..)).into_bytes(),
            _ => vec![rng.u8(..); rng.usize(4090..60_000)],
        }
    }

    /// So short that it ends while the test runs, or so long that it does not.
    fn ttl(&mut self) -> u64 {
        match self.rng.u8(..8) {
            0..3 => self.rng.u64(1..60),
            3 => self.rng.u64(60..2000),
            4 => *self.rng.choice(&[u64::MAX, i64::MAX as u64, 0]).unwrap(),
            _ => self.rng.u64(600_000..900_000),
        }
    }

    fn way(&mut self) -> Way {
        *self.rng.choice(&[Way::Grpc, Way::Http1, Way::Http2, Way::Protosocket]).unwrap()
    }

    /// The value that a key had when it was last heard of, or another.
    fn value_near(&mut self, key: &[u8]) -> Vec<u8> {
        let there = self.model.last_known(key).and_then(|item| item.value.clone());
        there.filter(|_| self.rng.u8(..3) > 0).unwrap_or_else(|| self.value())
    }

    /// One random command.
    async fn step(&mut self) {
        let key = self.key();
        match self.rng.u8(..40) {
            0..5 => self.get(&key).await,
            5..11 => self.set(&key).await,
            11..13 => self.delete(&key).await,
            13..16 => self.get_with_hash(&key).await,
            16..21 => self.set_if(&key).await,
            21..26 => self.set_if_hash(&key).await,
            26 => self.set_if_not_exists(&key).await,
            27..30 => self.increment(&key).await,
            30..33 => self.update_ttl(&key).await,
            33 => self.item_get_ttl(&key).await,
            34 => self.item_get_type(&key).await,
            35 => self.keys_exist().await,
            36 => self.get_batch().await,
            37 => self.set_batch().await,
            38 => self.make_a_set(&key).await,
            _ if self.rng.u8(..8) == 0 => {
                self.callers.server.client("").flush_cache(CACHE).await.unwrap();
                self.model.clear();
            }
            _ => tokio::time::sleep(Duration::from_millis(self.rng.u64(1..50))).await,
        }
    }

    async fn get(&mut self, key: &[u8]) {
        let way = self.way();
        let began = When::now();
        let said = self.callers.get(way, key).await;
        self.model.heard(&format!("Get by {way:?}"), key, When(began, When::now()), &said, read);
    }

    async fn set(&mut self, key: &[u8]) {
        let (way, value, mut ttl) = (self.way(), self.value(), self.ttl());
        if matches!(way, Way::Http1 | Way::Http2) {
            // In whole seconds; the longest is written with more digits than a number holds.
            ttl = ttl.min(1 << 60) / 1000 * 1000;
        }
        let began = When::now();
        let said = self.callers.set(way, key, &value, ttl).await;
        let when = When(began, When::now());
        self.model.heard(&format!("Set for {ttl} by {way:?}"), key, when, &said, |there| {
            vec![if ttl == 0 {
                (Said::Refused(Code::InvalidArgument), there.cloned())
            } else {
                (Said::Done, Some(when.item(Some(value.clone()), ttl)))
            }]
        });
    }

    async fn delete(&mut self, key: &[u8]) {
        let way = self.way();
        let began = When::now();
        let said = self.callers.delete(way, key).await;
        let when = When(began, When::now());
        self.model.heard(&format!("Delete by {way:?}"), key, when, &said, |_| vec![(Said::Done, None)]);
    }

    async fn get_with_hash(&mut self, key: &[u8]) {
        use protos::get_with_hash_response::Result as Got;
        let began = When::now();
        let request = protos::GetWithHashRequest { cache_key: key.to_vec() };
        let said = match self.callers.ask::<protos::GetWithHashResponse>("GetWithHash", &request).await {
            Ok(answer) => match answer.result.unwrap() {
                Got::Found(found) => {
                    self.model.learn(&found.value, &found.hash);
                    Said::Value(Some(found.value))
                }
                Got::Missing(_) => Said::Value(None),
            },
            Err(code) => Said::Refused(code),
        };
        self.model.heard("GetWithHash", key, When(began, When::now()), &said, read);
    }

    async fn set_if(&mut self, key: &[u8]) {
        use protos::set_if_request::Condition;
        let (value, ttl, operand) = (self.value(), self.ttl(), self.value_near(key));
        let value_to_check = operand.clone();
        let (name, condition) = match self.rng.u8(..6) {
            0 => ("present", Condition::Present(conditions::Present {})),
            1 => ("absent", Condition::Absent(conditions::Absent {})),
            2 => ("equal", Condition::Equal(conditions::Equal { value_to_check })),
            3 => ("not equal", Condition::NotEqual(conditions::NotEqual { value_to_check })),
            4 => (
                "present and not equal",
                Condition::PresentAndNotEqual(conditions::PresentAndNotEqual { value_to_check }),
            ),
            _ => ("absent or equal", Condition::AbsentOrEqual(conditions::AbsentOrEqual { value_to_check })),
        };
        let request = protos::SetIfRequest {
            cache_key: key.to_vec(),
            cache_body: value.clone(),
            ttl_milliseconds: ttl,
            condition: Some(condition),
        };
        let began = When::now();
        let answer = self.callers.ask::<protos::SetIfResponse>("SetIf", &request).await;
        let stored = |answer: protos::SetIfResponse| {
            Said::Stored(matches!(answer.result.unwrap(), protos::set_if_response::Result::Stored(_)))
        };
        let said = answer.map_or_else(Said::Refused, stored);
        let when = When(began, When::now());
        let holds = |there: Option<&[u8]>| match name {
            "present" => there.is_some(),
            "absent" => there.is_none(),
            "equal" => there == Some(&operand),
            "not equal" => there != Some(&operand),
            "present and not equal" => there.is_some_and(|there| there != operand),
            _ => there.is_none_or(|there| there == operand),
        };
        self.model.heard(&format!("SetIf {name}"), key, when, &said, |there| {
            conditional(there, ttl, holds, || (Said::Stored(true), when.item(Some(value.clone()), ttl)))
        });
    }

    async fn set_if_hash(&mut self, key: &[u8]) {
        use protos::set_if_hash_request::Condition;
        let (value, ttl, near) = (self.value(), self.ttl(), self.value_near(key));
        // The hash of that value if it is known, or of none at all.
        let known = self.model.hashes.iter().find(|(_, of)| **of == near);
        let hash_to_check = known.map_or_else(|| b"no hash".to_vec(), |(hash, _)| hash.clone());
        let operand = known.map(|_| near.clone());
        let (name, condition) = match self.rng.u8(..5) {
            0 => ("unconditional", Condition::Unconditional(conditions::Unconditional {})),
            1 => (
                "present and equal",
                Condition::PresentAndHashEqual(conditions::PresentAndHashEqual { hash_to_check }),
            ),
            2 => (
                "present and not equal",
                Condition::PresentAndNotHashEqual(conditions::PresentAndNotHashEqual { hash_to_check }),
            ),
            3 => (
                "absent or equal",
                Condition::AbsentOrHashEqual(conditions::AbsentOrHashEqual { hash_to_check }),
            ),
            _ => (
                "absent or not equal",
                Condition::AbsentOrNotHashEqual(conditions::AbsentOrNotHashEqual { hash_to_check }),
            ),
        };
        // A value whose hash is not known is told from no hash at all only by the server.
        let request = protos::SetIfHashRequest {
            cache_key: key.to_vec(),
            cache_body: value.clone(),
            ttl_milliseconds: ttl,
            condition: Some(condition),
        };
        let began = When::now();
        let answer = self.callers.ask::<protos::SetIfHashResponse>("SetIfHash", &request).await;
        let when = When(began, When::now());
        use protos::set_if_hash_response::Result as Ended;
        let said = match answer.map(|answer| answer.result.unwrap()) {
            Ok(Ended::Stored(stored)) => {
                self.model.learn(&value, &stored.new_hash);
                Said::Stored(true)
            }
            Ok(Ended::NotStored(_)) => Said::Stored(false),
            Err(code) => Said::Refused(code),
        };
        let holds = |there: Option<&[u8]>| match name {
            "unconditional" => true,
            "present and equal" => there.is_some() && there == operand.as_deref(),
            "present and not equal" => there.is_some() && there != operand.as_deref(),
            "absent or equal" => there.is_none() || there == operand.as_deref(),
            _ => there.is_none() || there != operand.as_deref(),
        };
        self.model.heard(&format!("SetIfHash {name}"), key, when, &said, |there| {
            conditional(there, ttl, holds, || (Said::Stored(true), when.item(Some(value.clone()), ttl)))
        });
    }

    async fn set_if_not_exists(&mut self, key: &[u8]) {
        let (value, ttl) = (self.value(), self.ttl());
        let request = protos::SetIfNotExistsRequest {
            cache_key: key.to_vec(),
            cache_body: value.clone(),
            ttl_milliseconds: ttl,
        };
        let began = When::now();
        let answer = self.callers.ask::<protos::SetIfNotExistsResponse>("SetIfNotExists", &request).await;
        let when = When(began, When::now());
        use protos::set_if_not_exists_response::Result as Ended;
        let said = answer.map_or_else(Said::Refused, |answer| {
            Said::Stored(matches!(answer.result.unwrap(), Ended::Stored(_)))
        });
        self.model.heard("SetIfNotExists", key, when, &said, |there| {
            let stored = || (Said::Stored(true), when.item(Some(value.clone()), ttl));
            conditional(there, ttl, |there| there.is_none(), stored)
        });
    }

    async fn increment(&mut self, key: &[u8]) {
        let (amount, ttl) = (*self.rng.choice(&[1, -1, 0, 7, i64::MAX, i64::MIN]).unwrap(), self.ttl());
        let request = protos::IncrementRequest { cache_key: key.to_vec(), amount, ttl_milliseconds: ttl };
        let began = When::now();
        let answer = self.callers.ask::<protos::IncrementResponse>("Increment", &request).await;
        let said = answer.map_or_else(Said::Refused, |answer| Said::Sum(answer.value));
        let when = When(began, When::now());
        self.model.heard(&format!("Increment by {amount}"), key, when, &said, |there| {
            if ttl == 0 {
                return vec![(Said::Refused(Code::InvalidArgument), there.cloned())];
            }
            // Zeros may stand before it, a plus sign may not.
            let number = |value: &Vec<u8>| {
                let text = std::str::from_utf8(value).ok().filter(|text| !text.starts_with('+'))?;
                text.parse::<i64>().ok()
            };
            let sum = match there {
                None => Some(amount),
                Some(item) => {
                    item.value.as_ref().and_then(number).and_then(|number| number.checked_add(amount))
                }
            };
            vec![match sum {
                Some(sum) => (Said::Sum(sum), Some(when.item(Some(sum.to_string().into_bytes()), ttl))),
                None => (Said::Refused(Code::FailedPrecondition), there.cloned()),
            }]
        });
    }

    async fn update_ttl(&mut self, key: &[u8]) {
        use protos::update_ttl_request::UpdateTtl as To;
        use protos::update_ttl_response::Result as Ended;
        let ttl = self.ttl();
        let change = *self.rng.choice(&[Change::Increase, Change::Decrease, Change::Overwrite]).unwrap();
        let to = match change {
            Change::Increase => To::IncreaseToMilliseconds(ttl),
            Change::Decrease => To::DecreaseToMilliseconds(ttl),
            Change::Overwrite => To::OverwriteToMilliseconds(ttl),
        };
        let request = protos::UpdateTtlRequest { cache_key: key.to_vec(), update_ttl: Some(to) };
        let began = When::now();
        let answer = self.callers.ask::<protos::UpdateTtlResponse>("UpdateTtl", &request).await;
        let when = When(began, When::now());
        let said = answer.map_or_else(Said::Refused, |answer| match answer.result.unwrap() {
            Ended::Set(_) => Said::TtlSet,
            Ended::NotSet(_) => Said::TtlNotSet,
            Ended::Missing(_) => Said::Missing,
        });
        self.model.heard(&format!("UpdateTtl, {change:?} to {ttl}"), key, when, &said, |there| match there {
            _ if ttl == 0 => vec![(Said::Refused(Code::InvalidArgument), there.cloned())],
            Some(item) => item.change(change, ttl, when),
            None => vec![(Said::Missing, None)],
        });
    }

    async fn item_get_ttl(&mut self, key: &[u8]) {
        use protos::item_get_ttl_response::Result as Got;
        let request = protos::ItemGetTtlRequest { cache_key: key.to_vec() };
        let began = When::now();
        let answer = self.callers.ask::<protos::ItemGetTtlResponse>("ItemGetTtl", &request).await;
        let when = When(began, When::now());
        let said = answer.map_or_else(Said::Refused, |answer| match answer.result.unwrap() {
            Got::Found(found) => Said::Remaining(found.remaining_ttl_millis),
            Got::Missing(_) => Said::Missing,
        });
        self.model.heard("ItemGetTtl", key, when, &said, |there| match (there, &said) {
            (Some(item), Said::Remaining(left)) => {
                item.with_left(*left, when).map(|item| (said.clone(), Some(item))).into_iter().collect()
            }
            (Some(_), _) => vec![],
            (None, _) => vec![(Said::Missing, None)],
        });
    }

    async fn item_get_type(&mut self, key: &[u8]) {
        use protos::item_get_type_response::Result as Got;
        let request = protos::ItemGetTypeRequest { cache_key: key.to_vec() };
        let began = When::now();
        let answer = self.callers.ask::<protos::ItemGetTypeResponse>("ItemGetType", &request).await;
        let said = answer.map_or_else(Said::Refused, |answer| match answer.result.unwrap() {
            Got::Found(found) => Said::Kind(Some(found.item_type)),
            Got::Missing(_) => Said::Kind(None),
        });
        self.model.heard("ItemGetType", key, When(began, When::now()), &said, |there| {
            let kind = there.map(|item| if item.value.is_some() { 0 } else { 2 });
            vec![(Said::Kind(kind), there.cloned())]
        });
    }

    fn some_keys(&mut self) -> Vec<Vec<u8>> {
        (0..self.rng.usize(..8)).map(|_| self.key()).collect()
    }

    async fn keys_exist(&mut self) {
        let cache_keys = self.some_keys();
        let began = When::now();
        let request = protos::KeysExistRequest { cache_keys: cache_keys.clone() };
        let answer: protos::KeysExistResponse = self.callers.ask("KeysExist", &request).await.unwrap();
        let when = When(began, When::now());
        assert_eq!(answer.exists.len(), cache_keys.len());
        for (key, exists) in cache_keys.iter().zip(answer.exists) {
            self.model.heard("KeysExist", key, when, &Said::Exists(exists), |there| {
                vec![(Said::Exists(there.is_some()), there.cloned())]
            });
        }
    }

    async fn get_batch(&mut self) {
        let mut keys = self.some_keys();
        // A collection ends a batch; it is the others' turn here.
        keys.retain(|key| self.model.last_known(key).is_none_or(|item| item.value.is_some()));
        let items = keys.iter().map(|key| protos::GetRequest { cache_key: key.clone() }).collect();
        let began = When::now();
        let request = protos::GetBatchRequest { items };
        let answers: Vec<protos::GetResponse> = self.callers.messages("GetBatch", &request).await.unwrap();
        let when = When(began, When::now());
        assert_eq!(answers.len(), keys.len());
        for (key, answer) in keys.iter().zip(&answers) {
            self.model.heard("GetBatch", key, when, &got(answer), read);
        }
    }

    async fn set_batch(&mut self) {
        let keys = self.some_keys();
        let items: Vec<_> = keys.iter().map(|key| (key.clone(), self.value(), self.ttl())).collect();
        let request = protos::SetBatchRequest {
            items: items
                .iter()
                .cloned()
                .map(|(cache_key, cache_body, ttl_milliseconds)| protos::SetRequest {
                    cache_key,
                    cache_body,
                    ttl_milliseconds,
                })
                .collect(),
        };
        let began = When::now();
        let answers = self.callers.messages::<protos::SetResponse>("SetBatch", &request).await;
        let when = When(began, When::now());
        if items.iter().any(|(_, _, ttl)| *ttl == 0) {
            // None of them is written then.
            assert_eq!(answers, Err(Code::InvalidArgument));
            return;
        }
        let answers = answers.unwrap();
        assert_eq!(answers.len(), items.len());
        for ((key, value, ttl), answer) in items.iter().zip(answers) {
            assert_eq!(answer.result(), protos::ECacheResult::Ok);
            self.model.heard("SetBatch", key, when, &Said::Done, |_| {
                vec![(Said::Done, Some(when.item(Some(value.clone()), *ttl)))]
            });
        }
    }

    /// A collection, in the way of every call that looks at a scalar's value. Where one is there, it gets one
    /// more element and keeps its time.
    async fn make_a_set(&mut self, key: &[u8]) {
        let ttl = self.rng.u64(1..5000);
        let request = protos::SetUnionRequest {
            set_name: key.to_vec(),
            elements: vec![b"element".to_vec()],
            ttl_milliseconds: ttl,
            refresh_ttl: false,
        };
        let began = When::now();
        let answer = self.callers.ask::<protos::SetUnionResponse>("SetUnion", &request).await;
        let when = When(began, When::now());
        let said = answer.map_or_else(Said::Refused, |_| Said::Done);
        self.model.heard("SetUnion", key, when, &said, |there| {
            vec![match there {
                None => (Said::Done, Some(when.item(None, ttl))),
                Some(set) if set.value.is_none() => (Said::Done, Some(set.clone())),
                Some(scalar) => (Said::Refused(Code::FailedPrecondition), Some(scalar.clone())),
            }]
        });
    }
}

/// What reading says.
fn read(there: Option<&Item>) -> Vec<(Said, Option<Item>)> {
    vec![match there {
        None => (Said::Value(None), None),
        Some(item) => match &item.value {
            Some(value) => (Said::Value(Some(value.clone())), Some(item.clone())),
            None => (Said::Refused(Code::FailedPrecondition), Some(item.clone())),
        },
    }]
}

/// What a write says that depends on what is there.
fn conditional(
    there: Option<&Item>,
    ttl: u64,
    holds: impl Fn(Option<&[u8]>) -> bool,
    stored: impl Fn() -> (Said, Item),
) -> Vec<(Said, Option<Item>)> {
    let refused = |code| vec![(Said::Refused(code), there.cloned())];
    if ttl == 0 {
        return refused(Code::InvalidArgument);
    }
    let value = match there {
        Some(Item { value: None, .. }) => return refused(Code::FailedPrecondition),
        there => there.and_then(|item| item.value.as_deref()),
    };
    if holds(value) {
        let (said, item) = stored();
        vec![(said, Some(item))]
    } else {
        vec![(Said::Stored(false), there.cloned())]
    }
}

#[tokio::test]
async fn scalars_do_what_a_plain_model_does_by_every_protocol() {
    let mut world = World::new(common::seed()).await;
    for _ in 0..4000 {
        world.step().await;
    }
}
