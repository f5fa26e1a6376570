//! A request's parameters: a flat form whose names spell a tree, `IpPermissions.1.IpRanges.1.CidrIp`.
//!
//! Every parameter an action looks at is noted; what nobody looked at is refused ([`Params::all_used`]), so that no
//! setting a user believes in is dropped without a word.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    rc::Rc,
    str::FromStr,
};

use kura_model::Tags;
use percent_encoding::percent_decode_str;

use crate::refusal::{Answer, Refusal};

/// Parameters below one prefix of a form.
#[derive(Clone, Debug)]
pub struct Params {
    form: Rc<Form>,
    prefix: String,
}

#[derive(Debug)]
struct Form {
    values: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
}

impl Params {
    /// Reads a form-encoded body.
    ///
    /// # Errors
    /// `MalformedQueryString` for what is not UTF-8, `InvalidParameterCombination` for a name that comes twice.
    pub fn parse(body: &[u8]) -> Answer<Self> {
        let malformed = || Refusal::new("MalformedQueryString", "The query string is not form-encoded UTF-8");
        let body = std::str::from_utf8(body).map_err(|_| malformed())?;
        let mut values = BTreeMap::new();
        for pair in body.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                let text = text.replace('+', " ");
                percent_decode_str(&text).decode_utf8().map(|text| text.into_owned()).map_err(|_| malformed())
            };
            let name = decode(name)?;
            if values.insert(name.clone(), decode(value)?).is_some() {
                return Err(Refusal::combination(format!("The parameter {name} was given more than once")));
            }
        }
        let form = Form { values, used: RefCell::default() };
        Ok(Self { form: Rc::new(form), prefix: String::new() })
    }

    /// Every name and value, for a digest.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.form.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The name a user would have to write for one of these parameters.
    pub fn full_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A value, if there is one.
    pub fn text(&self, name: &str) -> Option<String> {
        let name = self.full_name(name);
        let value = self.form.values.get(&name)?.clone();
        self.form.used.borrow_mut().insert(name);
        Some(value)
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// `MissingParameter`; an empty value is as good as none.
    pub fn need(&self, name: &str) -> Answer<String> {
        self.text(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Refusal::missing(&self.full_name(name)))
    }

    /// A value of a type.
    ///
    /// # Errors
    /// `InvalidParameterValue` when it is none.
    pub fn value<T: FromStr>(&self, name: &str, kind: &str) -> Answer<Option<T>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let name = self.full_name(name);
            Refusal::invalid(format!("Value ({text}) for parameter {name} is invalid. It must be {kind}"))
        })
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for anything else.
    pub fn flag(&self, name: &str) -> Answer<Option<bool>> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("true" | "True") => Ok(Some(true)),
            Some("false" | "False") => Ok(Some(false)),
            Some(other) => {
                let name = self.full_name(name);
                Err(Refusal::invalid(format!(
                    "Value ({other}) for parameter {name} is invalid. It must be true or false"
                )))
            }
        }
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// `InvalidParameterValue` when it is none, or out of bounds.
    pub fn number(&self, name: &str, least: i64, most: i64) -> Answer<Option<i64>> {
        let kind = format!("a number from {least} to {most}");
        let number: Option<i64> = self.value(name, &kind)?;
        match number {
            Some(number) if number < least || number > most => {
                let name = self.full_name(name);
                Err(Refusal::invalid(format!(
                    "Value ({number}) for parameter {name} is invalid. It must be {kind}"
                )))
            }
            number => Ok(number),
        }
    }

    /// The parameters inside a structure.
    pub fn within(&self, name: &str) -> Self {
        Self { form: Rc::clone(&self.form), prefix: format!("{}{name}.", self.prefix) }
    }

    /// Whether any parameter stands below this prefix.
    pub fn is_empty(&self) -> bool {
        !self.below().any(|_| true)
    }

    /// The structures of a list, in the order of their numbers.
    pub fn list(&self, name: &str) -> Vec<Self> {
        self.numbers(name).into_iter().map(|number| self.within(&format!("{name}.{number}"))).collect()
    }

    /// The values of a list of plain values.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.numbers(name).into_iter().filter_map(|number| self.text(&format!("{name}.{number}"))).collect()
    }

    /// A list of plain values that must not be empty.
    ///
    /// # Errors
    /// `MissingParameter`.
    pub fn need_texts(&self, name: &str) -> Answer<Vec<String>> {
        let texts = self.texts(name);
        if texts.is_empty() { Err(Refusal::missing(&self.full_name(name))) } else { Ok(texts) }
    }

    /// A list of `Key` and `Value`.
    ///
    /// # Errors
    /// `MissingParameter` for a tag without a key, `InvalidParameterValue` for a key that comes twice.
    pub fn tags(&self, name: &str) -> Answer<Tags> {
        let mut tags = Tags::new();
        for tag in self.list(name) {
            let key = tag.need("Key")?;
            if key.to_ascii_lowercase().starts_with("aws:") {
                return Err(Refusal::invalid(format!(
                    "Tag keys starting with 'aws:' are reserved for internal use, '{key}' is one"
                )));
            }
            if tags.insert(key.clone(), tag.text("Value").unwrap_or_default()).is_some() {
                return Err(Refusal::invalid(format!("Tag keys must be unique, {key} is not")));
            }
        }
        Ok(tags)
    }

    /// Takes note of parameters that may be there and change nothing of what this is about.
    pub fn without_effect(&self, names: &[&str]) {
        let mut used = self.form.used.borrow_mut();
        for key in self.form.values.keys() {
            if let Some(rest) = key.strip_prefix(&self.prefix) {
                let first = rest.split('.').next().unwrap_or_default();
                if names.contains(&first) {
                    used.insert(key.clone());
                }
            }
        }
    }

    /// Nothing was asked for that nobody looked at.
    ///
    /// # Errors
    /// `UnknownParameter` naming the first one.
    pub fn all_used(&self) -> Answer<()> {
        let used = self.form.used.borrow();
        match self.form.values.keys().find(|name| !used.contains(*name)) {
            None => Ok(()),
            Some(name) => {
                let message =
                    format!("The parameter {name} is not recognized or not supported here; leave it out");
                Err(Refusal::new("UnknownParameter", message))
            }
        }
    }

    fn below(&self) -> impl Iterator<Item = &str> {
        let prefix = self.prefix.clone();
        self.form
            .values
            .range::<str, _>((Bound::Included(self.prefix.as_str()), Bound::Unbounded))
            .map(|(name, _)| name.as_str())
            .take_while(move |name| name.starts_with(&prefix))
    }

    /// The numbers that stand after a name. An empty list arrives as the name alone, without `.member`.
    fn numbers(&self, name: &str) -> Vec<u32> {
        let alone = self.full_name(name.strip_suffix(".member").unwrap_or(name));
        if self.form.values.get(&alone).is_some_and(String::is_empty) {
            self.form.used.borrow_mut().insert(alone);
        }
        let list = self.within(name);
        let numbers: BTreeSet<u32> = list
            .below()
            .filter_map(|full| full[list.prefix.len()..].split('.').next()?.parse().ok())
            .collect();
        numbers.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(body: &str) -> Params {
        Params::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_form_spells_a_tree() {
        let form = params("A.10.B=ten&A.2.B=two&A.2.C.1=x&A.2.C.2=y&Name=a%2Bb+c%C3%BC&Flag=true&N=5");
        let list = form.list("A");
        assert_eq!(list.iter().map(|a| a.text("B").unwrap()).collect::<Vec<_>>(), ["two", "ten"]);
        assert_eq!(list[0].texts("C"), ["x", "y"]);
        assert_eq!(form.text("Name").unwrap(), "a+b cü");
        assert_eq!(form.flag("Flag"), Ok(Some(true)));
        assert_eq!(form.number("N", 1, 5), Ok(Some(5)));
        assert!(form.number("N", 6, 9).unwrap_err().message.contains("from 6 to 9"));
        assert_eq!(form.all_used(), Ok(()));
    }

    #[test]
    fn what_nobody_looked_at_is_named() {
        let form = params("A=1&B.1.C=2&D=3&Tags=");
        form.text("A");
        form.without_effect(&["D"]);
        assert!(form.texts("Tags.member").is_empty());
        assert!(form.all_used().unwrap_err().message.contains("B.1.C"));
    }

    #[test]
    fn a_value_that_is_missing_or_wrong_is_named_in_full() {
        let form = params("Tag.1.Value=v&X=maybe");
        assert_eq!(form.tags("Tag").unwrap_err().message, "The request must contain the parameter Tag.1.Key");
        assert!(form.flag("X").unwrap_err().message.contains("(maybe) for parameter X"));
        assert!(Params::parse(b"A=1&A=2").is_err());
        assert!(Params::parse(b"A=%ff").is_err());
        assert!(params("Tag.1.Key=a&Tag.2.Key=a").tags("Tag").is_err());
    }
}
