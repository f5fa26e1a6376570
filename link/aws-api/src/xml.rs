//! A writer of XML elements. AWS's answers need elements and text, no attributes but the root's namespace.

use std::fmt::{Display, Write as _};

use kura_model::Tags;

/// Elements written so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xml {
    text: String,
    /// What an element of a list is called: `item` in EC2, `member` elsewhere.
    item: &'static str,
}

impl Xml {
    /// Nothing yet, in EC2's way of writing lists.
    pub fn ec2() -> Self {
        Self { text: String::new(), item: "item" }
    }

    /// Nothing yet, in the query protocol's way of writing lists.
    pub fn query() -> Self {
        Self { text: String::new(), item: "member" }
    }

    /// What was written.
    pub fn into_text(self) -> String {
        self.text
    }

    /// `<name>value</name>`
    pub fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "<{name}>{}</{name}>", Escaped(&value.to_string()));
        self
    }

    /// [`Xml::text`], if there is a value.
    pub fn maybe(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// `<name>…</name>`
    pub fn within(&mut self, name: &str, inside: impl FnOnce(&mut Self)) -> &mut Self {
        let _ = write!(self.text, "<{name}>");
        inside(self);
        let _ = write!(self.text, "</{name}>");
        self
    }

    /// `<name><item>…</item>…</name>`
    pub fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        let item = self.item;
        self.within(name, |x| {
            for value in items {
                x.within(item, |x| each(x, value));
            }
        })
    }

    /// `<name><item>value</item>…</name>`
    pub fn texts(&mut self, name: &str, values: impl IntoIterator<Item = impl Display>) -> &mut Self {
        let item = self.item;
        self.within(name, |x| {
            for value in values {
                x.text(item, value);
            }
        })
    }

    /// EC2's `tagSet`.
    pub fn tags(&mut self, tags: &Tags) -> &mut Self {
        self.list("tagSet", tags, |x, (key, value)| {
            x.text("key", key).text("value", value);
        })
    }
}

/// Text as it may stand in an element. Characters XML has no place for become U+FFFD.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                // A reader would turn a bare one into a line feed.
                '\r' => f.write_str("&#13;")?,
                '\t' | '\n' => f.write_char(c)?,
                c if (c as u32) < 0x20 || matches!(c as u32, 0xFFFE | 0xFFFF) => f.write_char('\u{FFFD}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lists_are_named_by_protocol() {
        let mut ec2 = Xml::ec2();
        ec2.text("a", "<&>\r\u{1}ü").texts("s", ["x"]).maybe("n", None::<&str>);
        assert_eq!(ec2.into_text(), "<a>&lt;&amp;&gt;&#13;\u{FFFD}ü</a><s><item>x</item></s>");
        let mut query = Xml::query();
        query.list("L", [1, 2], |x, n| {
            x.text("N", n);
        });
        assert_eq!(query.into_text(), "<L><member><N>1</N></member><member><N>2</N></member></L>");
    }
}
