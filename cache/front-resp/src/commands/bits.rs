//! Commands on the bits of strings. A string's first bit is the highest of its first byte.

use bytes::Bytes;
use kura_commands::{Action, Error, Value};

use super::lists::span;
use crate::call::{Answer, Call};
use crate::reply::{Failure, Out, Reply};
use crate::task::weighed;

fn not_an_offset() -> Failure {
    Failure::said("ERR bit offset is not an integer or out of range")
}

/// The number of a bit, within the longest string that may be stored.
fn offset(call: &Call<'_>, text: &[u8]) -> Result<u64, Failure> {
    let offset = crate::numbers::integer(text).and_then(|offset| u64::try_from(offset).ok());
    let most = call.commands.limits().max_item_bytes as u64 * 8;
    offset.filter(|offset| *offset < most).ok_or_else(not_an_offset)
}

fn bit(bytes: &[u8], at: u64) -> bool {
    let byte = usize::try_from(at / 8).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}

fn set_bit(bytes: &mut [u8], at: u64, on: bool) {
    if let Some(byte) = usize::try_from(at / 8).ok().and_then(|at| bytes.get_mut(at)) {
        let mask = 1 << (7 - at % 8);
        if on { *byte |= mask } else { *byte &= !mask }
    }
}

/// Bytes with at least so many bits.
fn with_room(bytes: &[u8], bits: u64) -> Vec<u8> {
    let least = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().max(least), 0);
    bytes
}

pub(crate) fn setbit(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let at = offset(call, call.argument(1))?;
    let on = match call.argument(2) {
        b"0" => false,
        b"1" => true,
        _ => return Err(Failure::said("ERR bit is not an integer or out of range")),
    };
    let latest = call.latest_end();
    let before = call.change_string(|held| {
        let (old, end) = held.as_ref().map_or((&[][..], latest), |(value, end)| (value.as_bytes(), *end));
        let mut bytes = with_room(old, at + 1);
        let before = bit(old, at);
        set_bit(&mut bytes, at, on);
        Ok((Some((bytes, end)), before))
    })?;
    Ok(Reply::truth(before).into())
}

pub(crate) fn getbit(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let at = offset(call, call.argument(1))?;
    let found =
        call.commands.look_at_scalar(&call.cache, call.key(), call.now, |value| bit(value.as_bytes(), at))?;
    Ok(Reply::truth(found.unwrap_or(false)).into())
}

/// A range of bits, from the arguments from `at` on: a start and perhaps an end, in bytes unless
/// said otherwise.
#[derive(Clone, Copy)]
struct Bits {
    start: i64,
    end: Option<i64>,
    in_bits: bool,
}

impl Bits {
    fn of(call: &Call<'_>, at: usize) -> Result<Self, Failure> {
        let given = call.len().saturating_sub(at);
        let in_bits = match given {
            0..=2 => false,
            3 => match call.argument(at + 2).to_ascii_uppercase().as_slice() {
                b"BYTE" => false,
                b"BIT" => true,
                _ => return Err(Failure::syntax()),
            },
            _ => return Err(Failure::syntax()),
        };
        let start = if given > 0 { call.integer(at)? } else { 0 };
        let end = if given > 1 { Some(call.integer(at + 1)?) } else { None };
        Ok(Self { start, end, in_bits })
    }

    /// From which to before which bit, of so many bytes.
    fn span(self, bytes: u64) -> (u64, u64) {
        let unit = if self.in_bits { 1 } else { 8 };
        let (start, end) = (self.start, self.end.unwrap_or(-1));
        let len = bytes * 8 / unit;
        // An end before the first is the first, as in Redis.
        let end = if end < 0 && end.unsigned_abs() > len { 0 } else { end };
        let (from, to) = span(start, end, len);
        (from * unit, to * unit)
    }
}

pub(crate) fn bitcount(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    if call.len() == 2 {
        return Err(Failure::syntax());
    }
    let bits = Bits::of(call, 1)?;
    with_text(call, move |text| {
        let bytes = text.unwrap_or_default();
        let (from, to) = match bits {
            // Nothing, even if both lie before the first: not so in BITPOS.
            Bits { start, end: Some(end), .. } if start < 0 && end < 0 && start > end => (0, 0),
            bits => bits.span(bytes.len() as u64),
        };
        Reply::count(ones(&bytes, from, to))
    })
}

/// Goes through the string at the first key, if there is one: outside of any lock, and where blocking
/// is allowed if it is long.
fn with_text(
    call: &Call<'_>,
    read: impl FnOnce(Option<Bytes>) -> Reply + Send + 'static,
) -> Result<Answer, Failure> {
    let text = call.commands.look_at_scalar(&call.cache, call.key(), call.now, |value| value.to_bytes())?;
    let bytes = text.as_ref().map_or(0, |text| text.len() as u64);
    weighed((1, bytes), move || Ok(read(text)))
}

/// How many bits from one up to but without another are set.
fn ones(bytes: &[u8], from: u64, to: u64) -> u64 {
    if from >= to {
        return 0;
    }
    let (first, last) = ((from / 8) as usize, ((to - 1) / 8) as usize);
    let within = bytes.get(first..=last).unwrap_or_default();
    let all: u64 = within.iter().map(|byte| u64::from(byte.count_ones())).sum();
    let before = bytes.get(first).map_or(0, |byte| (u16::from(*byte) >> (8 - from % 8)).count_ones());
    let behind = bytes.get(last).map_or(0, |byte| (byte & (0x7f >> ((to - 1) % 8)) as u8).count_ones());
    all - u64::from(before) - u64::from(behind)
}

pub(crate) fn bitpos(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let wanted = match call.integer(1)? {
        0 => false,
        1 => true,
        _ => return Err(Failure::said("ERR The bit argument must be 1 or 0.")),
    };
    let bits = Bits::of(call, 2)?;
    with_text(call, move |text| {
        let Some(bytes) = text else { return Reply::Integer(if wanted { -1 } else { 0 }) };
        let (from, to) = bits.span(bytes.len() as u64);
        match first(&bytes, from, to, wanted) {
            Some(at) => Reply::count(at),
            // Behind a string that is all ones come zeros, unless the end was said.
            None if !wanted && bits.end.is_none() && from < to => Reply::count(bytes.len() as u64 * 8),
            None => Reply::Integer(-1),
        }
    })
}

/// The first bit of this kind from one up to but without another.
fn first(bytes: &[u8], from: u64, to: u64, wanted: bool) -> Option<u64> {
    let skipped = if wanted { 0 } else { 0xff };
    let mut at = from;
    while at < to {
        if at.is_multiple_of(8) && at + 8 <= to && bytes.get((at / 8) as usize) == Some(&skipped) {
            at += 8;
        } else if bit(bytes, at) == wanted {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

/// Reads strings, one after the other, and writes what is made of them.
pub(crate) fn bitop(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let join: Option<fn(u8, u8) -> u8> = match call.key().to_ascii_uppercase().as_slice() {
        b"AND" => Some(|one, other| one & other),
        b"OR" => Some(|one, other| one | other),
        b"XOR" => Some(|one, other| one ^ other),
        b"NOT" if call.len() == 3 => None,
        b"NOT" => return Err(Failure::said("ERR BITOP NOT must be called with a single source key.")),
        _ => return Err(Failure::syntax()),
    };
    let (target, latest) = (call.owned(1), call.latest_end());
    let sources = call.arguments.from(2).to_owned();
    call.authorize(sources.iter().map(|key| &key[..]).chain([&target[..]]))?;
    call.with_all(
        sources,
        |task, key| Ok(task.commands.look_at_scalar(&task.cache, key, task.now, |value| value.to_bytes())?),
        |value| (1, value.as_ref().map_or(0, |value| value.len() as u64)),
        move |task, values| {
            let values: Vec<_> = values.into_iter().map(Option::unwrap_or_default).collect();
            let length = values.iter().map(|value| value.len()).max().unwrap_or(0);
            let mut values = values.iter();
            let mut result = values.next().map_or_else(Vec::new, |first| first.to_vec());
            result.resize(length, 0);
            match join {
                None => result.iter_mut().for_each(|byte| *byte = !*byte),
                Some(join) => values.for_each(|value| {
                    for (at, byte) in result.iter_mut().enumerate() {
                        *byte = join(*byte, value.get(at).copied().unwrap_or(0));
                    }
                }),
            }
            task.change(&target, |_| match length {
                0 => (Action::Remove, ()),
                _ => (Action::Put { value: Value::Shared(result.into()), expires: latest }, ()),
            })?;
            Ok(Reply::count(length as u64))
        },
    )
}

/// An integer within a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    signed: bool,
    bits: u32,
    offset: u64,
}

impl Field {
    fn of(call: &Call<'_>, at: usize) -> Result<Self, Failure> {
        let wrong = || {
            Failure::said(
                "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            )
        };
        let (signed, bits) = match call.argument(at) {
            [b'i', bits @ ..] => (true, bits),
            [b'u', bits @ ..] => (false, bits),
            _ => return Err(wrong()),
        };
        let bits = crate::numbers::integer(bits).and_then(|bits| u32::try_from(bits).ok());
        let most = if signed { 64 } else { 63 };
        let bits = bits.filter(|bits| (1..=most).contains(bits)).ok_or_else(wrong)?;
        let offset = match call.argument(at + 1) {
            [b'#', number @ ..] => {
                let number = crate::numbers::integer(number).ok_or_else(not_an_offset)?;
                let offset = number.checked_mul(i64::from(bits)).ok_or_else(not_an_offset)?;
                self::offset(call, offset.to_string().as_bytes())?
            }
            text => offset(call, text)?,
        };
        Ok(Self { signed, bits, offset })
    }

    fn read(self, bytes: &[u8]) -> i64 {
        let raw = (0..u64::from(self.bits))
            .fold(0_u64, |sum, at| sum << 1 | u64::from(bit(bytes, self.offset + at)));
        if self.signed { (raw << (64 - self.bits)) as i64 >> (64 - self.bits) } else { raw as i64 }
    }

    fn write(self, bytes: &mut [u8], value: i64) {
        for at in 0..u64::from(self.bits) {
            let on = value as u64 >> (u64::from(self.bits) - 1 - at) & 1 == 1;
            set_bit(bytes, self.offset + at, on);
        }
    }

    fn end(self) -> u64 {
        self.offset + u64::from(self.bits)
    }

    /// What a value becomes that may not fit; none if the write is to fail.
    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (low, high) = match self.signed {
            true => (-(1_i128 << (self.bits - 1)), (1_i128 << (self.bits - 1)) - 1),
            false => (0, (1_i128 << self.bits) - 1),
        };
        if (low..=high).contains(&value) {
            return i64::try_from(value).ok();
        }
        match overflow {
            Overflow::Fail => None,
            Overflow::Saturate => i64::try_from(value.clamp(low, high)).ok(),
            Overflow::Wrap => i64::try_from((value - low).rem_euclid(1_i128 << self.bits) + low).ok(),
        }
    }
}

/// What happens to values that do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Get(Field),
    Set(Field, i64, Overflow),
    Increase(Field, i64, Overflow),
}

fn operations(call: &Call<'_>, reads_only: bool) -> Result<Vec<Operation>, Failure> {
    let (mut operations, mut overflow, mut at) = (Vec::new(), Overflow::Wrap, 1);
    while at < call.len() {
        let left = call.len() - at - 1;
        match call.argument(at).to_ascii_uppercase().as_slice() {
            b"GET" if left >= 2 => {
                operations.push(Operation::Get(Field::of(call, at + 1)?));
                at += 3;
            }
            b"OVERFLOW" if left >= 1 && !reads_only => {
                overflow = match call.argument(at + 1).to_ascii_uppercase().as_slice() {
                    b"WRAP" => Overflow::Wrap,
                    b"SAT" => Overflow::Saturate,
                    b"FAIL" => Overflow::Fail,
                    _ => return Err(Failure::said("ERR Invalid OVERFLOW type specified")),
                };
                at += 2;
            }
            name @ (b"SET" | b"INCRBY") if left >= 3 && !reads_only => {
                let (field, value) = (Field::of(call, at + 1)?, call.integer(at + 3)?);
                operations.push(match name {
                    b"SET" => Operation::Set(field, value, overflow),
                    _ => Operation::Increase(field, value, overflow),
                });
                at += 4;
            }
            b"SET" | b"INCRBY" if reads_only => {
                return Err(Failure::said("ERR BITFIELD_RO only supports the GET subcommand"));
            }
            _ => return Err(Failure::syntax()),
        }
    }
    Ok(operations)
}

pub(crate) fn bitfield_ro(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let operations = operations(call, true)?;
    read_fields(call, &operations)
}

fn read_fields(call: &Call<'_>, operations: &[Operation]) -> Result<Answer, Failure> {
    let read = |bytes: &[u8]| {
        let fields = operations.iter().map(|operation| match operation {
            Operation::Get(field) | Operation::Set(field, ..) | Operation::Increase(field, ..) => {
                Reply::Integer(field.read(bytes))
            }
        });
        Reply::Array(fields.collect())
    };
    let found =
        call.commands.look_at_scalar(&call.cache, call.key(), call.now, |value| read(value.as_bytes()))?;
    Ok(found.unwrap_or_else(|| read(&[])).into())
}

pub(crate) fn bitfield(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let operations = operations(call, false)?;
    let written = operations.iter().filter_map(|operation| match operation {
        Operation::Get(_) => None,
        Operation::Set(field, ..) | Operation::Increase(field, ..) => Some(field.end()),
    });
    let Some(bits) = written.max() else { return read_fields(call, &operations) };
    let (latest, limit) = (call.latest_end(), call.commands.limits().max_item_bytes as u64);
    if bits.div_ceil(8) > limit {
        return Err(Error::ItemTooLarge { bytes: bits.div_ceil(8), limit }.into());
    }
    let replies = call.change_string(|held| {
        let (old, end) = held.as_ref().map_or((&[][..], latest), |(value, end)| (value.as_bytes(), *end));
        let mut bytes = with_room(old, bits);
        let replies = operations.iter().map(|operation| match *operation {
            Operation::Get(field) => Reply::Integer(field.read(&bytes)),
            Operation::Set(field, value, overflow) => {
                let old = field.read(&bytes);
                // One without a sign takes a negative value for a very large one.
                let value = if field.signed { i128::from(value) } else { i128::from(value as u64) };
                field.fit(value, overflow).map_or(Reply::Null, |value| {
                    field.write(&mut bytes, value);
                    Reply::Integer(old)
                })
            }
            Operation::Increase(field, amount, overflow) => {
                let sum = i128::from(field.read(&bytes)) + i128::from(amount);
                field.fit(sum, overflow).map_or(Reply::Null, |sum| {
                    field.write(&mut bytes, sum);
                    Reply::Integer(sum)
                })
            }
        });
        let replies = replies.collect();
        Ok((Some((bytes, end)), replies))
    })?;
    Ok(Reply::Array(replies).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_and_found_one_by_one_as_all_at_once() {
        let bytes = [0b1010_0001, 0xff, 0, 0b0110_0000];
        for from in 0..32 {
            for to in from..=32 {
                let one_by_one = (from..to).filter(|at| bit(&bytes, *at)).count() as u64;
                assert_eq!(ones(&bytes, from, to), one_by_one, "{from}..{to}");
                for wanted in [false, true] {
                    let found = (from..to).find(|at| bit(&bytes, *at) == wanted);
                    assert_eq!(first(&bytes, from, to, wanted), found, "{from}..{to}");
                }
            }
        }
    }

    #[test]
    fn values_that_do_not_fit_wrap_saturate_or_fail() {
        let field = |signed, bits| Field { signed, bits, offset: 3 };
        for (field, value, overflow, fits) in [
            (field(true, 8), 127, Overflow::Wrap, Some(127)),
            (field(true, 8), 128, Overflow::Wrap, Some(-128)),
            (field(true, 8), -129, Overflow::Wrap, Some(127)),
            (field(true, 8), 500, Overflow::Saturate, Some(127)),
            (field(false, 2), -1, Overflow::Wrap, Some(3)),
            (field(false, 2), -1, Overflow::Saturate, Some(0)),
            (field(false, 2), 4, Overflow::Fail, None),
            (field(true, 64), i128::from(i64::MAX) + 1, Overflow::Wrap, Some(i64::MIN)),
        ] {
            assert_eq!(field.fit(value, overflow), fits, "{field:?} {value}");
            if let Some(fits) = fits {
                let mut bytes = [0xaa; 16];
                field.write(&mut bytes, fits);
                assert_eq!(field.read(&bytes), fits);
            }
        }
    }
}
