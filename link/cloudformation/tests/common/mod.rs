//! A cloud in memory: the model itself, a clock that ticks, and numbers in place of chance.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;

use kura_cloudformation::{CreateStack, Error, ParameterInput, UpdateStack};
use kura_model::{AccountId, Change, Cloud, Event, StackId, State, Timestamp};

pub struct Memory {
    pub state: State,
    pub account: AccountId,
    now: Timestamp,
    drawn: u64,
    /// Commits until the next one fails, as when the disk is full.
    pub commits_left: Option<u32>,
}

impl Memory {
    /// An account as AWS gives it: a default VPC with a subnet in each of three zones.
    pub fn new() -> Self {
        let state = State::new("ap-northeast-1").unwrap();
        let account = AccountId::new("000000000000");
        let mut cloud =
            Self { state, account: account.clone(), now: 1_795_445_260_000, drawn: 0, commits_left: None };
        let zones = cloud.state.zones.clone();
        let mut drawn = 0_u64;
        let changes = kura_model::account_changes(&zones, |count| {
            drawn += 1;
            format!("{:0>count$x}", drawn + 0xd000)
        });
        for change in changes {
            cloud.change(&account, change, None).unwrap();
        }
        cloud
    }

    pub fn default_vpc(&self) -> String {
        self.state.default_vpc(&self.account).unwrap().id.to_string()
    }

    pub fn default_subnets(&self, count: usize) -> String {
        let vpc = self.default_vpc();
        let own = self.state.subnets.values().filter(|subnet| subnet.vpc.as_str() == vpc);
        own.take(count).map(|subnet| subnet.id.to_string()).collect::<Vec<_>>().join(",")
    }

    pub fn create(&mut self, name: &str, template: &str, given: &[(&str, &str)]) -> Result<StackId, Error> {
        let account = self.account.clone();
        let request = CreateStack {
            stack_name: name.to_owned(),
            template_body: Some(template.to_owned()),
            parameters: parameters(given),
            ..CreateStack::default()
        };
        kura_cloudformation::create_stack(self, &account, request)
    }

    pub fn update(&mut self, name: &str, template: &str, given: &[(&str, &str)]) -> Result<StackId, Error> {
        let account = self.account.clone();
        let request = UpdateStack {
            stack_name: name.to_owned(),
            template_body: Some(template.to_owned()),
            parameters: parameters(given),
            ..UpdateStack::default()
        };
        kura_cloudformation::update_stack(self, &account, request)
    }

    pub fn delete(&mut self, name: &str) -> Result<(), Error> {
        let account = self.account.clone();
        let request = kura_cloudformation::DeleteStack { stack_name: name.to_owned(), ..Default::default() };
        kura_cloudformation::delete_stack(self, &account, request)
    }

    pub fn stack(&self, name: &str) -> &kura_model::Stack {
        let mut found =
            self.state.stacks.values().filter(|stack| stack.name == name || stack.id.as_str() == name);
        found.next_back().unwrap()
    }

    pub fn status(&self, name: &str) -> &str {
        &self.stack(name).status
    }

    pub fn physical(&self, stack: &str, resource: &str) -> String {
        self.stack(stack).resources[resource].physical_id.clone().unwrap()
    }

    pub fn output(&self, stack: &str, key: &str) -> String {
        self.stack(stack).outputs.iter().find(|output| output.key == key).unwrap().value.clone()
    }

    /// The state without what outlives every stack: stacks themselves, counters, terminated instances.
    pub fn rest(&self) -> State {
        let mut state = self.state.clone();
        state.stacks.clear();
        state.client_tokens.clear();
        state.next_number = 0;
        state.last_public_address = None;
        state.instances.retain(|_, instance| instance.state != kura_model::InstanceState::Terminated);
        for subnet in state.subnets.values_mut() {
            subnet.last_address = None;
        }
        state
    }

    /// Events oldest first from the given one on: what, status, whether it has a physical id, why. Identifiers become
    /// numbers in the order they come.
    pub fn events(&self, name: &str, from: usize) -> String {
        let mut names = BTreeMap::new();
        let lines = self.stack(name).events.iter().skip(from).map(|event| {
            let id = if event.physical_id.is_some() { "id" } else { "--" };
            let reason = event.reason.as_deref().unwrap_or_default();
            format!("{} {} {id} {}", event.logical_id, event.status, plain(reason, &mut names))
                .trim_end()
                .to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Replaces UUIDs: they are random on AWS.
fn plain(text: &str, names: &mut BTreeMap<String, usize>) -> String {
    text.split_inclusive([' ', ')', ',', ':'])
        .map(|word| {
            let bare = word.trim_end_matches([' ', ')', ',', ':']);
            if bare.len() == 36 && bare.matches('-').count() == 4 {
                let next = names.len() + 1;
                let number = *names.entry(bare.to_owned()).or_insert(next);
                word.replace(bare, &format!("uuid-{number}"))
            } else {
                word.to_owned()
            }
        })
        .collect()
}

pub fn parameters(given: &[(&str, &str)]) -> Vec<ParameterInput> {
    let input = |(key, value): &(&str, &str)| ParameterInput {
        key: (*key).to_owned(),
        value: Some((*value).to_owned()),
        use_previous_value: false,
    };
    given.iter().map(input).collect()
}

impl Cloud for Memory {
    fn state(&self) -> &State {
        &self.state
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn hex(&mut self, count: usize) -> String {
        // Scattered, so that order by identifier is not order of making.
        self.drawn += 1;
        let scattered = self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let text = format!("{scattered:016x}{:016x}", scattered.rotate_left(17));
        text.chars().take(count).collect()
    }

    fn commit(&mut self, event: Event) -> Result<(), kura_model::Error> {
        if let Some(left) = self.commits_left.as_mut() {
            if *left == 0 {
                return Err(kura_model::Error::new("InternalError", "the disk is full"));
            }
            *left -= 1;
        }
        self.now += 1;
        // What is stored must come back as it was.
        if let Change::PutStack(stack) = &event.change {
            let text = serde_json::to_string(stack).unwrap();
            let again: kura_model::Stack = serde_json::from_str(&text).unwrap();
            assert_eq!(again, **stack);
        }
        self.state = kura_model::apply(&self.state, &event)?;
        Ok(())
    }
}
