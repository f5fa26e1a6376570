//! What every EC2 `Describe…` does: identifiers, filters, pages.

use std::borrow::Borrow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kura_model::{State, Tags};

use crate::{
    call::Call,
    query::Params,
    refusal::{Answer, Refusal},
};

/// A filter by name, and the values it looks at: one of them must match.
pub type Filter<T> = (&'static str, fn(&State, &T) -> Vec<String>);

/// A kind of resource, as its `Describe…` sees it.
pub struct Kind<T: 'static> {
    /// The parameter with identifiers, such as `VpcId`; empty if there is none.
    pub parameter: &'static str,
    /// Its `….NotFound` code.
    pub not_found: &'static str,
    /// What AWS calls it: `vpc ID`.
    pub noun: &'static str,
    /// How its identifiers begin.
    pub prefix: &'static str,
    pub id: fn(&T) -> &str,
    pub tags: Option<fn(&T) -> &Tags>,
    pub filters: &'static [Filter<T>],
    /// The least and the most `MaxResults`.
    pub page: (i64, i64),
}

/// One page of an answer.
pub struct Page<R> {
    pub items: Vec<R>,
    /// What to ask the next page with.
    pub next: Option<String>,
}

impl<T> Kind<T> {
    /// Those of `items` that were asked for.
    ///
    /// # Errors
    /// Unknown identifiers, filters and page tokens.
    pub fn page<R: Borrow<T>>(&self, call: &Call<'_>, items: impl IntoIterator<Item = R>) -> Answer<Page<R>> {
        let mut items: Vec<R> = items.into_iter().collect();
        if !self.parameter.is_empty() {
            items = self.named(call.params, items)?;
        }
        items = self.filtered(call, items)?;
        items.sort_by(|a, b| (self.id)(a.borrow()).cmp((self.id)(b.borrow())));
        let most = call.params.number("MaxResults", self.page.0, self.page.1)?;
        if let Some(token) = call.params.text("NextToken").filter(|token| !token.is_empty()) {
            let after = URL_SAFE_NO_PAD.decode(&token).ok().and_then(|id| String::from_utf8(id).ok());
            let after =
                after.and_then(|text| text.strip_prefix("after ").map(str::to_owned)).ok_or_else(|| {
                    Refusal::new("InvalidNextToken", format!("The token '{token}' is invalid."))
                })?;
            items.retain(|item| (self.id)(item.borrow()) > after.as_str());
        }
        let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        let last = items.last().filter(|_| more).map(|item| (self.id)(item.borrow()));
        let next = last.map(|id| URL_SAFE_NO_PAD.encode(format!("after {id}")));
        Ok(Page { items, next })
    }

    /// The items whose identifiers were given; all of them if none was.
    fn named<R: Borrow<T>>(&self, params: &Params, items: Vec<R>) -> Answer<Vec<R>> {
        let ids = params.texts(self.parameter);
        if ids.is_empty() {
            return Ok(items);
        }
        if params.text("MaxResults").is_some() {
            let name = self.parameter;
            return Err(Refusal::combination(format!(
                "The parameter {name} cannot be used with the parameter MaxResults"
            )));
        }
        let mut unknown: Vec<&str> = Vec::new();
        for id in &ids {
            check_form(id, self.prefix, self.not_found)?;
            if !items.iter().any(|item| (self.id)(item.borrow()) == id) {
                unknown.push(id);
            }
        }
        match unknown.as_slice() {
            [] => Ok(items
                .into_iter()
                .filter(|item| ids.iter().any(|id| id == (self.id)(item.borrow())))
                .collect()),
            [id] => Err(Refusal::new(self.not_found, format!("The {} '{id}' does not exist", self.noun))),
            many => {
                let (noun, many) = (self.noun, many.join(", "));
                Err(Refusal::new(self.not_found, format!("The {noun}s '{many}' do not exist")))
            }
        }
    }

    fn filtered<R: Borrow<T>>(&self, call: &Call<'_>, mut items: Vec<R>) -> Answer<Vec<R>> {
        for filter in call.params.list("Filter") {
            let name = filter.need("Name")?;
            let patterns = filter.texts("Value");
            if patterns.is_empty() {
                return Err(Refusal::invalid(format!("The filter '{name}' must have at least one value.")));
            }
            if patterns.len() > 200 {
                let message =
                    format!("The filter '{name}' has {} values, at most 200 are allowed", patterns.len());
                return Err(Refusal::new("FilterLimitExceeded", message));
            }
            let fits = |values: Vec<String>| {
                values.iter().any(|value| patterns.iter().any(|pattern| matches(pattern, value)))
            };
            let state = call.state();
            if let Some((_, values)) = self.filters.iter().find(|(known, _)| *known == name) {
                items.retain(|item| fits(values(state, item.borrow())));
            } else if let (Some(tags), Some(key)) = (self.tags, name.strip_prefix("tag:")) {
                items.retain(|item| fits(tags(item.borrow()).get(key).cloned().into_iter().collect()));
            } else if let (Some(tags), "tag-key") = (self.tags, name.as_str()) {
                items.retain(|item| fits(tags(item.borrow()).keys().cloned().collect()));
            } else {
                return Err(Refusal::invalid(format!("The filter '{name}' is invalid")));
            }
        }
        Ok(items)
    }
}

/// Whether an identifier can be one at all.
///
/// # Errors
/// The `….Malformed` that goes with a `….NotFound`.
pub fn check_form(id: &str, prefix: &str, not_found: &'static str) -> Answer<()> {
    let tail = id.strip_prefix(prefix).unwrap_or("");
    if !tail.is_empty()
        && tail.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || prefix.is_empty())
    {
        return Ok(());
    }
    let code =
        not_found.strip_suffix("NotFound").map_or(not_found.to_owned(), |code| format!("{code}Malformed"));
    Err(Refusal::new(code, format!("Invalid id: \"{id}\" (expecting \"{prefix}...\")")))
}

/// Whether a value is what a filter's pattern says: `*` stands for any characters, `?` for one, `\` before either
/// takes that away.
pub fn matches(pattern: &str, value: &str) -> bool {
    enum Part {
        Any,
        One,
        Just(char),
    }
    let mut parts = Vec::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        parts.push(match c {
            '*' => Part::Any,
            '?' => Part::One,
            '\\' => Part::Just(characters.next().unwrap_or('\\')),
            c => Part::Just(c),
        });
    }
    let value: Vec<char> = value.chars().collect();
    let (mut p, mut v) = (0, 0);
    // Where the last `*` was, and up to where it has eaten.
    let mut star: Option<(usize, usize)> = None;
    while v < value.len() {
        match parts.get(p) {
            Some(Part::Any) => {
                star = Some((p, v));
                p += 1;
            }
            Some(Part::One) => {
                p += 1;
                v += 1;
            }
            Some(Part::Just(c)) if *c == value[v] => {
                p += 1;
                v += 1;
            }
            _ => match star {
                Some((at, eaten)) => {
                    star = Some((at, eaten + 1));
                    p = at + 1;
                    v = eaten + 1;
                }
                None => return false,
            },
        }
    }
    parts[p..].iter().all(|part| matches!(part, Part::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_what_they_say() {
        for (pattern, value) in [
            ("*", ""),
            ("a*", "abc"),
            ("*c", "abc"),
            ("a?c", "abc"),
            ("*b*b*", "abcb"),
            ("a\\*", "a*"),
            ("", ""),
        ] {
            assert!(matches(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in [("a", "ab"), ("a\\*", "ab"), ("?", ""), ("*b", "ba"), ("A", "a")] {
            assert!(!matches(pattern, value), "{pattern} {value}");
        }
    }

    #[test]
    fn what_cannot_be_an_identifier_is_malformed() {
        assert!(check_form("vpc-0a1", "vpc-", "InvalidVpcID.NotFound").is_ok());
        let error = check_form("subnet-1", "vpc-", "InvalidVpcID.NotFound").unwrap_err();
        assert_eq!(error.code, "InvalidVpcID.Malformed");
        assert!(check_form("vpc-", "vpc-", "InvalidVpcID.NotFound").is_err());
    }
}
