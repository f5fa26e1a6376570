//! YAML with positions and CloudFormation's short tags.
//!
//! The parser's events are put together here, because a tree builder would drop what is needed: where a value stood,
//! its tag, and whether a key came twice. Aliases are copies, so what they add up to is bounded.

use std::{borrow::Cow, collections::BTreeMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::node::{DEPTH, Key, Node, Position, Value};
use crate::Error;

/// Nodes of a whole template, copies by aliases included. 51,200 bytes cannot hold as many without aliases.
const NODES: usize = 60_000;

/// Reads a text as YAML.
pub(super) fn read(text: &str) -> Result<Node, Error> {
    let mut composer = Composer {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        nodes: 0,
        last: Position::default(),
    };
    let node = composer.document()?;
    Ok(node)
}

struct Composer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// Complete nodes by their anchor, and how many nodes each is.
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    last: Position,
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Position), Error> {
        match self.parser.next_event() {
            Some(Ok((event, Span { start, .. }))) => {
                self.last = place(&start);
                Ok((event, self.last))
            }
            Some(Err(error)) => Err(malformed(&error)),
            None => Ok((Event::StreamEnd, self.last)),
        }
    }

    fn document(&mut self) -> Result<Node, Error> {
        let mut found = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, at) => {
                    return found.ok_or_else(|| at.error("the template is empty."));
                }
                (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
                (_, at) if found.is_some() => {
                    return Err(at.error("a template is one YAML document, and here a second one begins."));
                }
                (event, at) => found = Some(self.node(event, at, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, at: Position, depth: usize) -> Result<Node, Error> {
        if depth > DEPTH {
            return Err(at.error(format_args!("YAML is nested more than {DEPTH} levels deep.")));
        }
        self.count(1, at)?;
        let before = self.nodes;
        let (node, anchor) = match event {
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(at.error("an alias stands inside what it is an alias of."));
                };
                let (node, size) = (node.clone(), *size);
                self.count(size, at)?;
                return Ok(Node { at, value: node.value });
            }
            Event::Scalar(text, style, anchor, tag) => (scalar(text, style, tag.as_deref(), at)?, anchor),
            Event::SequenceStart(anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => items.push(self.node(event, at, depth + 1)?),
                    }
                }
                (tagged(Node { at, value: Value::List(items) }, tag.as_deref())?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                let entries = self.mapping(depth)?;
                (tagged(Node { at, value: Value::Map(entries) }, tag.as_deref())?, anchor)
            }
            _ => return Err(at.error("YAML not well-formed.")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Error> {
        let mut entries = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            let (name, at) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                (Event::Scalar(text, _, _, None), at) => (text.into_owned(), at),
                (_, at) => return Err(at.error("a key is plain text.")),
            };
            if !seen.insert(name.clone()) {
                return Err(at.error(format_args!("duplicate key '{name}'.")));
            }
            let (event, value_at) = self.next()?;
            entries.push((Key { at, name }, self.node(event, value_at, depth + 1)?));
        }
    }

    fn count(&mut self, more: usize, at: Position) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > NODES {
            return Err(at.error(format_args!("aliases make more than {NODES} values of this template.")));
        }
        Ok(())
    }
}

/// Plain text becomes what YAML 1.1 reads in it, as AWS's parser does; quoted text stays text.
fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> Result<Node, Error> {
    let untagged = |text: &str| match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        text if serde_json::from_str::<serde_json::Number>(text).is_ok() => Value::Number(text.to_owned()),
        text => Value::String(text.to_owned()),
    };
    let value = match tag {
        None if style == ScalarStyle::Plain => untagged(&text),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix != "str" => untagged(&text),
        _ => Value::String(text.into_owned()),
    };
    tagged(Node { at, value }, tag)
}

/// `!Sub x` is `{"Fn::Sub": x}`; AWS's own list of short forms.
fn tagged(node: Node, tag: Option<&Tag>) -> Result<Node, Error> {
    let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) else { return Ok(node) };
    let at = node.at;
    let name = match tag.suffix.as_str() {
        short @ ("Ref" | "Condition") => short.to_owned(),
        short @ ("Base64" | "Cidr" | "FindInMap" | "GetAtt" | "GetAZs" | "ImportValue" | "Join"
        | "Select" | "Split" | "Sub" | "And" | "Equals" | "If" | "Not" | "Or") => format!("Fn::{short}"),
        // `!` alone says "not resolved": the value as it stands.
        "" => return Ok(node),
        other => return Err(at.error(format_args!("the tag !{other} is not known."))),
    };
    let node = match (&node.value, name.as_str()) {
        (Value::String(text), "Fn::GetAtt") => match text.split_once('.') {
            Some((resource, attribute)) => {
                let part = |text: &str| Node { at, value: Value::String(text.to_owned()) };
                Node { at, value: Value::List(vec![part(resource), part(attribute)]) }
            }
            None => node,
        },
        _ => node,
    };
    Ok(Node { at, value: Value::Map(vec![(Key { at, name }, node)]) })
}

fn place(marker: &Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

fn malformed(error: &ScanError) -> Error {
    let at = place(error.marker());
    Error::validation(format!("Template format error: YAML not well-formed. {at}: {}", error.info()))
}
