//! The models, one for each kind, with commands drawn at random.

use std::collections::{BTreeMap, BTreeSet};

use kura_store::{
    Aggregate, Element, LeaderboardCommand, LeaderboardReply, ListSpan, Order, ScoreBound, ScoreRange, Side,
    SortedSetFetch, Source,
};
use proptest::prelude::*;

use super::*;

const NAMES: [&[u8]; 2] = [b"one", b"two"];

fn element() -> impl Strategy<Value = Bytes> {
    // Few enough to meet again, of lengths from 0 on, a few of them large.
    let len = prop_oneof![20 => 0_usize..8, 2 => 100_usize..300, 1 => 3000_usize..5000];
    (0_u16..400, len).prop_map(|(number, len)| {
        let mut bytes = if len == 0 { Vec::new() } else { number.to_be_bytes().to_vec() };
        bytes.resize(bytes.len() + len.saturating_sub(1), b'x');
        bytes.into()
    })
}

fn elements() -> impl Strategy<Value = Vec<Bytes>> {
    let count = prop_oneof![6 => 0_usize..6, 2 => 50_usize..120, 1 => 129_usize..300];
    count.prop_flat_map(|count| prop::collection::vec(element(), count..=count))
}

fn lives() -> impl Strategy<Value = CollectionTtl> {
    (1_000_u64..20_000, any::<bool>())
        .prop_map(|(millis, refresh)| CollectionTtl { ttl: ttl(millis), refresh })
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-5_i8..5).prop_map(f64::from),
        any::<f32>().prop_filter("a number", |s| !s.is_nan()).prop_map(f64::from)
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Ascending), Just(Order::Descending)]
}

/// What a model holds of each name, and until when.
#[derive(Default)]
struct Models<T>(BTreeMap<usize, (T, Millis)>);

impl<T: Clone + Default> Models<T> {
    fn get(&mut self, name: usize, now: Millis) -> Option<&mut T> {
        if self.0.get(&name).is_some_and(|(_, expires)| now >= *expires) {
            self.0.remove(&name);
        }
        self.0.get_mut(&name).map(|(model, _)| model)
    }

    /// Writes to the model of a name, which is then there unless it has become empty.
    fn write<R>(
        &mut self,
        name: usize,
        lives: CollectionTtl,
        now: Millis,
        write: impl FnOnce(&mut T) -> R,
    ) -> R {
        let fresh = self.get(name, now).is_none();
        let (model, expires) = self.0.entry(name).or_insert((T::default(), Millis(0)));
        if fresh || lives.refresh {
            *expires = lives.ttl.expires(now);
        }
        write(model)
    }
}

macro_rules! drop_empty {
    ($models:expr, $name:expr) => {
        if $models.0.get(&$name).is_some_and(|(model, _)| model.is_empty()) {
            $models.0.remove(&$name);
        }
    };
}

fn steps<C: std::fmt::Debug>(
    command: impl Strategy<Value = C>,
) -> impl Strategy<Value = Vec<(usize, u64, C)>> {
    prop::collection::vec((0_usize..2, prop_oneof![5 => Just(0_u64), 2 => 0_u64..4000], command), 1..60)
}

// === dictionaries ===

fn dictionary_command() -> impl Strategy<Value = DictionaryCommand> {
    let items = elements().prop_flat_map(|fields| {
        let count = fields.len();
        let values = prop::collection::vec(element(), count..=count);
        values.prop_map(move |values| fields.iter().cloned().zip(values).collect::<Vec<_>>())
    });
    prop_oneof![
        4 => (items, lives()).prop_map(|(items, ttl)| DictionaryCommand::Set { items, ttl }),
        2 => elements().prop_map(DictionaryCommand::Get),
        2 => Just(DictionaryCommand::Fetch),
        1 => Just(DictionaryCommand::Length),
        2 => elements().prop_map(DictionaryCommand::Remove),
        2 => (0_u16..3, -9_i64..9, lives()).prop_map(|(field, amount, ttl)| {
            let field = bytes(&format!("counter-{field}"));
            DictionaryCommand::Increment { field, amount, ttl }
        }),
        1 => Just(DictionaryCommand::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn dictionaries(steps in steps(dictionary_command())) {
        let mut store = Store::new();
        let mut models = Models::<BTreeMap<Bytes, Bytes>>::default();
        for (name, wait, command) in steps {
            store.now.0 += wait;
            let now = store.now;
            let reply = store.dictionary(NAMES[name], command.clone()).unwrap();
            let there = models.get(name, now).cloned();
            match (command, reply) {
                (DictionaryCommand::Set { items, ttl }, DictionaryReply::Done) => {
                    models.write(name, ttl, now, |model| model.extend(items));
                }
                (DictionaryCommand::Increment { field, amount, ttl }, DictionaryReply::Integer(sum)) => {
                    models.write(name, ttl, now, |model| {
                        let before = model.get(&field).map_or(0, |value| {
                            std::str::from_utf8(value).unwrap().parse::<i64>().unwrap()
                        });
                        assert_eq!(sum, before + amount);
                        model.insert(field, Bytes::from(sum.to_string()));
                    });
                }
                (DictionaryCommand::Remove(fields), DictionaryReply::Done) => {
                    if let Some(model) = models.get(name, now) {
                        model.retain(|field, _| !fields.contains(field));
                    }
                }
                (DictionaryCommand::Delete, DictionaryReply::Done) => {
                    models.0.remove(&name);
                }
                (_, DictionaryReply::Missing) => prop_assert!(there.is_none()),
                (DictionaryCommand::Get(fields), DictionaryReply::Values(found, asked)) => {
                    let there = there.unwrap();
                    prop_assert_eq!(&fields, &asked);
                    let same = |field: &Bytes| found.get(field) == there.get(field).map(|value| &value[..]);
                    prop_assert!(fields.iter().all(same));
                }
                (DictionaryCommand::Fetch, DictionaryReply::Found(fields)) => {
                    let found: BTreeMap<_, _> = fields
                        .iter_from(0)
                        .map(|(f, v)| (Bytes::copy_from_slice(f), Bytes::copy_from_slice(v)))
                        .collect();
                    prop_assert_eq!(fields.len(), found.len() as u64);
                    prop_assert_eq!(Some(found), there);
                }
                (DictionaryCommand::Length, DictionaryReply::Length(length)) => {
                    prop_assert_eq!(length, there.unwrap().len() as u64);
                }
                other => panic!("{other:?}"),
            }
            drop_empty!(models, name);
        }
    }
}

// === sets ===

fn set_command() -> impl Strategy<Value = SetCommand> {
    let count = || prop_oneof![0_u64..5, 0_u64..400];
    prop_oneof![
        5 => (elements(), lives()).prop_map(|(elements, ttl)| SetCommand::Add { elements, ttl }),
        2 => elements().prop_map(SetCommand::Remove),
        1 => elements().prop_map(SetCommand::SubtractFrom),
        1 => Just(SetCommand::Delete),
        2 => Just(SetCommand::Fetch),
        2 => elements().prop_map(SetCommand::Contains),
        1 => Just(SetCommand::Length),
        2 => (count(), any::<u64>()).prop_map(|(count, seed)| SetCommand::Pop { count, seed }),
        2 => (count(), any::<u64>()).prop_map(|(limit, seed)| SetCommand::Sample { limit, seed }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn sets(steps in steps(set_command())) {
        let mut store = Store::new();
        let mut models = Models::<BTreeSet<Bytes>>::default();
        for (name, wait, command) in steps {
            store.now.0 += wait;
            let now = store.now;
            let reply = store.set(NAMES[name], command.clone()).unwrap();
            let there = models.get(name, now).cloned();
            let found = |elements: &kura_store::Elements| {
                let found: BTreeSet<_> = elements.iter_from(0).map(Bytes::copy_from_slice).collect();
                assert_eq!(elements.len(), found.len() as u64, "none twice");
                found
            };
            match (command, reply) {
                (SetCommand::Add { elements, ttl }, SetReply::Done) => {
                    models.write(name, ttl, now, |model| model.extend(elements));
                }
                (_, SetReply::Missing) => prop_assert!(there.is_none()),
                (SetCommand::Remove(elements), SetReply::Done) => {
                    models.get(name, now).unwrap().retain(|element| !elements.contains(element));
                }
                (SetCommand::SubtractFrom(minuend), SetReply::Done) => {
                    let there = there.unwrap();
                    *models.get(name, now).unwrap() =
                        minuend.into_iter().filter(|element| !there.contains(element)).collect();
                }
                (SetCommand::Delete, SetReply::Done) => {
                    prop_assert!(models.0.remove(&name).is_some());
                }
                (SetCommand::Fetch, SetReply::Found(elements)) => {
                    prop_assert_eq!(Some(found(&elements)), there);
                }
                (SetCommand::Contains(elements), SetReply::Contains(contains)) => {
                    let there = there.unwrap();
                    prop_assert!(elements.iter().map(|element| there.contains(element)).eq(contains));
                }
                (SetCommand::Length, SetReply::Length(length)) => {
                    prop_assert_eq!(length, there.unwrap().len() as u64);
                }
                (SetCommand::Pop { count, .. }, SetReply::Found(elements)) => {
                    let (popped, there) = (found(&elements), there.unwrap());
                    prop_assert_eq!(popped.len() as u64, count.min(there.len() as u64));
                    prop_assert!(popped.is_subset(&there));
                    models.get(name, now).unwrap().retain(|element| !popped.contains(element));
                }
                (SetCommand::Sample { limit, .. }, SetReply::Found(elements)) => {
                    let (sample, there) = (found(&elements), there.unwrap());
                    prop_assert_eq!(sample.len() as u64, limit.min(there.len() as u64));
                    prop_assert!(sample.is_subset(&there));
                }
                other => panic!("{other:?}"),
            }
            drop_empty!(models, name);
        }
    }
}

#[test]
fn samples_reach_every_element() {
    let store = Store::new();
    let elements: Vec<_> = (0..20).map(|n| bytes(&n.to_string())).collect();
    store.set(b"s", SetCommand::Add { elements: elements.clone(), ttl: for_long() }).unwrap();
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let SetReply::Found(found) = store.set(b"s", SetCommand::Sample { limit: 1, seed }).unwrap() else {
            panic!("it is there");
        };
        seen.extend(found.iter_from(0).map(Bytes::copy_from_slice));
    }
    assert_eq!(seen, elements.into_iter().collect());
}

// === lists ===

fn span() -> impl Strategy<Value = ListSpan> {
    let end = || prop_oneof![1 => Just(None), 3 => (-12_i64..12).prop_map(Some), 2 => (-500_i64..500).prop_map(Some)];
    (end(), end()).prop_map(|(start, end)| ListSpan { start, end })
}

fn list_command() -> impl Strategy<Value = ListCommand> {
    let side = || prop_oneof![Just(Side::Front), Just(Side::Back)];
    let size = prop_oneof![3 => Just(0_u32), 1 => 1_u32..20, 1 => 100_u32..500];
    let range = (0_u64..40, prop_oneof![0_u64..5, Just(u64::MAX), 0_u64..300]);
    prop_oneof![
        6 => (side(), elements(), size, lives()).prop_map(|(side, values, truncate_to, ttl)| {
            ListCommand::Push { side, values, truncate_to, ttl }
        }),
        3 => side().prop_map(ListCommand::Pop),
        1 => element().prop_map(ListCommand::RemoveValue),
        2 => prop::collection::vec(range, 0..4).prop_map(ListCommand::Erase),
        1 => Just(ListCommand::Delete),
        4 => span().prop_map(ListCommand::Fetch),
        1 => (span(), lives()).prop_map(|(span, ttl)| ListCommand::Retain { span, ttl }),
        1 => Just(ListCommand::Length),
    ]
}

/// What a span means in a list, said in another way than the store does.
fn in_span(span: ListSpan, len: usize) -> impl Fn(usize) -> bool {
    let len = len as i64;
    let from_front = move |index: i64| if index < 0 { index + len } else { index };
    move |index| {
        let index = index as i64;
        span.start.is_none_or(|start| index >= from_front(start))
            && span.end.is_none_or(|end| index < from_front(end))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn lists(steps in steps(list_command())) {
        let mut store = Store::new();
        let mut models = Models::<Vec<Bytes>>::default();
        for (name, wait, command) in steps {
            store.now.0 += wait;
            let now = store.now;
            let reply = store.list(NAMES[name], command.clone()).unwrap();
            let there = models.get(name, now).cloned();
            let removed = matches!(command, ListCommand::Erase(_) | ListCommand::RemoveValue(_));
            match (command, reply) {
                (ListCommand::Push { side, values, truncate_to, ttl }, ListReply::Length(length)) => {
                    models.write(name, ttl, now, |model| {
                        let most = if truncate_to == 0 { usize::MAX } else { truncate_to as usize };
                        match side {
                            Side::Front => {
                                model.splice(0..0, values);
                                model.truncate(most);
                            }
                            Side::Back => {
                                model.extend(values);
                                model.drain(..model.len().saturating_sub(most));
                            }
                        }
                        assert_eq!(length as usize, model.len());
                    });
                }
                (ListCommand::Fetch(span), ListReply::Missing) => {
                    let inside = there.map(|list| (0..list.len()).filter(|i| in_span(span, list.len())(*i)).count());
                    prop_assert_eq!(inside.unwrap_or(0), 0);
                }
                (_, ListReply::Missing) => prop_assert!(there.is_none()),
                (ListCommand::Pop(side), ListReply::Popped(value, left)) => {
                    let model = models.get(name, now).unwrap();
                    let expected = if side == Side::Front { model.remove(0) } else { model.pop().unwrap() };
                    prop_assert_eq!((value, left as usize), (expected, model.len()));
                }
                (command, ListReply::Length(left)) if removed => {
                    let model = models.get(name, now).unwrap();
                    let gone = |index: u64, value: &Bytes| match &command {
                        ListCommand::Erase(ranges) => {
                            ranges.iter().any(|(begin, count)| (*begin..begin.saturating_add(*count)).contains(&index))
                        }
                        ListCommand::RemoveValue(gone) => gone == value,
                        _ => unreachable!(),
                    };
                    let mut index = 0;
                    model.retain(|value| {
                        index += 1;
                        !gone(index - 1, value)
                    });
                    prop_assert_eq!(left as usize, model.len());
                }
                (ListCommand::Delete, ListReply::Done) => {
                    models.0.remove(&name);
                }
                (ListCommand::Fetch(span), ListReply::Found(found)) => {
                    let list = there.unwrap();
                    let inside = in_span(span, list.len());
                    let expected: Vec<_> = list.iter().enumerate().filter(|(i, _)| inside(*i)).map(|(_, v)| v).collect();
                    prop_assert_eq!(found.len() as usize, expected.len());
                    prop_assert!(found.iter_from(0).eq(expected.iter().copied()));
                    prop_assert!(found.iter_from(1).eq(expected.iter().skip(1).copied()));
                }
                (ListCommand::Retain { span, ttl }, ListReply::Length(length)) => {
                    models.write(name, ttl, now, |model| {
                        let inside = in_span(span, model.len());
                        let mut index = 0;
                        model.retain(|_| {
                            index += 1;
                            inside(index - 1)
                        });
                        assert_eq!(length as usize, model.len());
                    });
                }
                (ListCommand::Length, ListReply::Length(length)) => {
                    prop_assert_eq!(length as usize, there.unwrap().len());
                }
                other => panic!("{other:?}"),
            }
            drop_empty!(models, name);
        }
    }
}

// === sorted sets ===

fn bound() -> impl Strategy<Value = ScoreBound> {
    prop_oneof![
        score().prop_map(ScoreBound::Inclusive),
        score().prop_map(ScoreBound::Exclusive),
        Just(ScoreBound::Unbounded),
    ]
}

fn scored() -> impl Strategy<Value = Vec<(Bytes, f64)>> {
    elements().prop_flat_map(|values| {
        let count = values.len();
        prop::collection::vec(score(), count..=count)
            .prop_map(move |scores| values.iter().cloned().zip(scores).collect())
    })
}

fn which() -> impl Strategy<Value = SortedSetFetch> {
    let by_index = span().prop_map(|ListSpan { start, end }| SortedSetFetch::ByIndex { start, end });
    let count = prop_oneof![Just(None), (0_u64..10).prop_map(Some)];
    let by_score = (bound(), bound(), prop_oneof![Just(0), 0_u64..20], count)
        .prop_map(|(min, max, offset, count)| SortedSetFetch::ByScore { min, max, offset, count });
    prop_oneof![by_index, by_score]
}

fn sorted_set_command() -> impl Strategy<Value = SortedSetCommand> {
    let source = (0_usize..2, prop_oneof![Just(0.0), Just(1.0), Just(-1.5)])
        .prop_map(|(name, weight)| Source { name: Bytes::from_static(NAMES[name]), weight });
    let aggregate = prop_oneof![Just(Aggregate::Sum), Just(Aggregate::Min), Just(Aggregate::Max)];
    prop_oneof![
        6 => (scored(), lives()).prop_map(|(elements, ttl)| SortedSetCommand::Put { elements, ttl }),
        6 => (which(), order()).prop_map(|(which, order)| SortedSetCommand::Fetch { which, order }),
        2 => elements().prop_map(SortedSetCommand::GetScore),
        3 => (element(), order()).prop_map(|(value, order)| SortedSetCommand::GetRank { value, order }),
        3 => (element(), -9_i8..9, lives()).prop_map(|(value, amount, ttl)| {
            SortedSetCommand::Increment { value, amount: amount.into(), ttl }
        }),
        2 => elements().prop_map(SortedSetCommand::Remove),
        1 => Just(SortedSetCommand::Delete),
        1 => Just(SortedSetCommand::Length),
        2 => (bound(), bound()).prop_map(|(min, max)| SortedSetCommand::LengthByScore { min, max }),
        1 => (prop::collection::vec(source, 1..4), aggregate, 1_000_u64..20_000).prop_map(
            |(sources, aggregate, millis)| SortedSetCommand::UnionStore { sources, aggregate, ttl: ttl(millis) }
        ),
    ]
}

fn in_bounds(score: f64, min: ScoreBound, max: ScoreBound) -> bool {
    let above = match min {
        ScoreBound::Inclusive(min) => score >= min,
        ScoreBound::Exclusive(min) => score > min,
        ScoreBound::Unbounded => true,
    };
    above
        && match max {
            ScoreBound::Inclusive(max) => score <= max,
            ScoreBound::Exclusive(max) => score < max,
            ScoreBound::Unbounded => true,
        }
}

/// The elements in order, the score first.
fn in_order(model: &BTreeMap<Bytes, f64>, order: Order) -> Vec<(f64, Bytes)> {
    let mut all: Vec<_> = model.iter().map(|(value, score)| (*score, value.clone())).collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    if order == Order::Descending {
        all.reverse();
    }
    all
}

fn expected(model: &BTreeMap<Bytes, f64>, which: SortedSetFetch, order: Order) -> Vec<(f64, Bytes)> {
    let all = in_order(model, order);
    match which {
        SortedSetFetch::ByIndex { start, end } => {
            let inside = in_span(ListSpan { start, end }, all.len());
            all.into_iter().enumerate().filter(|(i, _)| inside(*i)).map(|(_, element)| element).collect()
        }
        SortedSetFetch::ByScore { min, max, offset, count } => all
            .into_iter()
            .filter(|(score, _)| in_bounds(*score, min, max))
            .skip(offset as usize)
            .take(count.unwrap_or(u64::MAX) as usize)
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn sorted_sets(steps in steps(sorted_set_command())) {
        let mut store = Store::new();
        let mut models = Models::<BTreeMap<Bytes, f64>>::default();
        for (name, wait, command) in steps {
            store.now.0 += wait;
            let now = store.now;
            let reply = store.sorted_set(NAMES[name], command.clone());
            let there = models.get(name, now).cloned();
            match (command, reply.unwrap()) {
                (SortedSetCommand::Put { elements, ttl }, SortedSetReply::Done) => {
                    models.write(name, ttl, now, |model| model.extend(elements));
                }
                (SortedSetCommand::Increment { value, amount, ttl }, SortedSetReply::Score(score)) => {
                    models.write(name, ttl, now, |model| {
                        let sum = model.get(&value).copied().unwrap_or(0.0) + amount;
                        assert_eq!(score, sum);
                        model.insert(value, sum);
                    });
                }
                (SortedSetCommand::Remove(values), SortedSetReply::Done) => {
                    if let Some(model) = models.get(name, now) {
                        model.retain(|value, _| !values.contains(value));
                    }
                }
                (SortedSetCommand::Delete, SortedSetReply::Done) => {
                    models.0.remove(&name);
                }
                (SortedSetCommand::UnionStore { sources, aggregate, ttl }, SortedSetReply::Length(length)) => {
                    let mut union: BTreeMap<Bytes, f64> = BTreeMap::new();
                    for source in sources {
                        let from = usize::from(source.name == NAMES[1]);
                        for (value, score) in models.get(from, now).cloned().unwrap_or_default() {
                            let product = score * source.weight;
                            let score = if product.is_nan() { 0.0 } else { product };
                            let joined = match (union.get(&value), aggregate) {
                                (None, _) => score,
                                (Some(other), Aggregate::Sum) if (other + score).is_nan() => 0.0,
                                (Some(other), Aggregate::Sum) => other + score,
                                (Some(other), Aggregate::Min) => other.min(score),
                                (Some(other), Aggregate::Max) => other.max(score),
                            };
                            union.insert(value, joined);
                        }
                    }
                    prop_assert_eq!(length, union.len() as u64);
                    models.0.insert(name, (union, ttl.expires(now)));
                }
                (_, SortedSetReply::Missing) => prop_assert!(there.is_none()),
                (SortedSetCommand::Fetch { which, order }, SortedSetReply::Found(found)) => {
                    let expected = expected(&there.unwrap(), which, order);
                    let read = |from| {
                        found.iter_from(from).map(|(v, s)| (s, Bytes::copy_from_slice(v))).collect::<Vec<_>>()
                    };
                    prop_assert_eq!(found.len(), expected.len() as u64);
                    prop_assert_eq!(&read(2), &expected.get(2..).unwrap_or_default());
                    prop_assert_eq!(read(0), expected);
                }
                (SortedSetCommand::GetScore(values), SortedSetReply::Scores(scores)) => {
                    let there = there.unwrap();
                    prop_assert!(values.iter().map(|value| there.get(value).copied()).eq(scores));
                }
                (SortedSetCommand::GetRank { value, order }, SortedSetReply::Rank(rank)) => {
                    let all = in_order(&there.unwrap(), order);
                    prop_assert_eq!(rank.map(|rank| rank as usize), all.iter().position(|(_, v)| *v == value));
                }
                (SortedSetCommand::Length, SortedSetReply::Length(length)) => {
                    prop_assert_eq!(length, there.unwrap().len() as u64);
                }
                (SortedSetCommand::LengthByScore { min, max }, SortedSetReply::Length(length)) => {
                    let inside = there.unwrap().values().filter(|score| in_bounds(**score, min, max)).count();
                    prop_assert_eq!(length, inside as u64);
                }
                other => panic!("{other:?}"),
            }
            drop_empty!(models, name);
        }
    }
}

// === leaderboards ===

fn board_command() -> impl Strategy<Value = LeaderboardCommand> {
    let id = || prop_oneof![4 => 0_u32..400, 1 => any::<u32>()];
    let count = || prop_oneof![6 => 1_usize..6, 1 => 100_usize..300];
    let ids = move || count().prop_flat_map(move |count| prop::collection::vec(id(), count..=count));
    let elements = count().prop_flat_map(move |count| prop::collection::vec((id(), score()), count..=count));
    let range = (prop::option::of(score()), prop::option::of(score()));
    prop_oneof![
        5 => elements.prop_map(|elements| {
            let element = |(id, score)| Element { id, score, rank: 0 };
            LeaderboardCommand::Upsert(elements.into_iter().map(element).collect())
        }),
        2 => ids().prop_map(LeaderboardCommand::Remove),
        1 => Just(LeaderboardCommand::Delete),
        1 => Just(LeaderboardCommand::Length),
        5 => (0_u32..50, 1_u32..400, order()).prop_map(|(start, span, order)| {
            LeaderboardCommand::ByRank { start, end: start + span, order }
        }),
        5 => (range, 0_u32..9, prop_oneof![0_u32..9, Just(8192)], order()).prop_map(|((min, max), offset, limit, order)| {
            LeaderboardCommand::ByScore { range: ScoreRange { min, max }, offset, limit, order }
        }),
        5 => (ids(), order(), any::<bool>()).prop_map(|(ids, order, competition)| {
            LeaderboardCommand::Rank { ids, order, competition }
        }),
    ]
}

/// A board in order: by score, in this order, then by the id's decimal text, always ascending.
fn board_in_order(model: &BTreeMap<u32, f64>, order: Order) -> Vec<Element> {
    let mut all: Vec<_> = model.iter().map(|(id, score)| (*score, id.to_string(), *id)).collect();
    all.sort_by(|a, b| {
        let by_score = a.0.partial_cmp(&b.0).unwrap();
        let by_score = if order == Order::Ascending { by_score } else { by_score.reverse() };
        by_score.then_with(|| a.1.cmp(&b.1))
    });
    (0..).zip(all).map(|(rank, (score, _, id))| Element { id, score, rank }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn leaderboards(steps in steps(board_command())) {
        let store = Store::new();
        let mut models = [BTreeMap::<u32, f64>::new(), BTreeMap::new()];
        for (name, _, command) in steps {
            let reply = store.data.leaderboard(store.cache, NAMES[name], command.clone(), NOW);
            let reply = finished(reply.unwrap()).unwrap();
            let model = &mut models[name];
            let elements = match command {
                LeaderboardCommand::Upsert(elements) => {
                    model.extend(elements.iter().map(|element| (element.id, element.score)));
                    None
                }
                LeaderboardCommand::Remove(ids) => {
                    model.retain(|id, _| !ids.contains(id));
                    None
                }
                LeaderboardCommand::Delete => {
                    model.clear();
                    None
                }
                LeaderboardCommand::Length => {
                    prop_assert_eq!(reply, LeaderboardReply::Length(model.len() as u32));
                    continue;
                }
                LeaderboardCommand::ByRank { start, end, order } => {
                    let all = board_in_order(model, order).into_iter();
                    Some(all.filter(|element| (start..end).contains(&element.rank)).collect::<Vec<_>>())
                }
                LeaderboardCommand::ByScore { range, offset, limit, order } => {
                    let all = board_in_order(model, order).into_iter();
                    let inside = all.filter(|element| {
                        range.min.is_none_or(|min| element.score >= min)
                            && range.max.is_none_or(|max| element.score < max)
                    });
                    Some(inside.skip(offset as usize).take(limit as usize).collect())
                }
                LeaderboardCommand::Rank { ids, order, competition } => {
                    let all = board_in_order(model, order);
                    let ranked = ids.iter().filter_map(|id| {
                        let element = all.iter().find(|element| element.id == *id)?;
                        let equal = all.iter().find(|other| other.score == element.score)?;
                        Some(Element { rank: if competition { equal.rank } else { element.rank }, ..*element })
                    });
                    Some(ranked.collect())
                }
            };
            let expected = elements.map_or(LeaderboardReply::Done, LeaderboardReply::Elements);
            prop_assert_eq!(reply, expected);
        }
    }
}
