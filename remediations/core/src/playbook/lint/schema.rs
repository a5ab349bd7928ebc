//! A tree held against a JSON schema, as far as schemas made from our types go: all faults, not only the first.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::Value as Json;

use super::Fault;
use super::tree::{Node, Value};

/// Forms that have a better description than their pattern.
const FORMS: [(&str, &str); 2] = [
    ("^([0-9]+(ms|s|m|h))+$", "a duration such as 90s, 10m or 1h30m"),
    ("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a name of lower-case letters, digits and `-`"),
];

/// Everything in `root` that `schema` does not allow.
pub(super) fn faults(root: &Node, schema: &Json) -> Vec<Fault> {
    let mut faults = Vec::new();
    check("the document", root, schema, &mut faults);
    faults
}

/// A value with the least that `schema` asks for.
pub(super) fn smallest(schema: &Json) -> Json {
    let required = list(schema, "required").into_iter().flatten().filter_map(Json::as_str);
    match schema["type"].as_str() {
        Some("object") => {
            required.map(|name| (name.to_owned(), smallest(&schema["properties"][name]))).collect()
        }
        Some("array") => Json::Array(Vec::new()),
        Some("string") => Json::from("x"),
        Some("boolean") => Json::Bool(false),
        Some("integer" | "number") => Json::from(0),
        _ => Json::Null,
    }
}

/// Checks one value; `name` is what people call it.
fn check(name: &str, node: &Node, schema: &Json, faults: &mut Vec<Fault>) {
    if let Some(variants) = list(schema, "oneOf") {
        return check_enum(name, node, variants, faults);
    }
    if let Some(variants) = list(schema, "anyOf") {
        // An optional value: nothing, or the variant that is not nothing.
        let is_null = |variant: &&Json| variant["type"] == "null";
        if !matches!(node.value, Value::Null) || !variants.iter().any(|variant| is_null(&variant)) {
            variants
                .iter()
                .filter(|variant| !is_null(variant))
                .for_each(|variant| check(name, node, variant, faults));
        }
        return;
    }
    if !types(schema).contains(kind(&node.value)) {
        let wanted: Vec<_> = types(schema).into_iter().filter(|kind| *kind != "null").map(in_words).collect();
        let reason = format!("{name} is {}, not {}", in_words(kind(&node.value)), wanted.join(" or "));
        return faults.push(Fault::new(node.at, with_hint(reason, node)));
    }
    match &node.value {
        Value::Text(text) => check_text(name, node, text, schema, faults),
        Value::List(items) => check_list(name, node, items, schema, faults),
        Value::Map(_) => check_map(name, node, schema, faults),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An enum: one of several texts, or a map with one of several members.
fn check_enum(name: &str, node: &Node, variants: &[Json], faults: &mut Vec<Fault>) {
    let members: Vec<_> =
        variants.iter().filter_map(|variant| variant["properties"].as_object()?.iter().next()).collect();
    if members.is_empty() {
        let texts: Vec<_> = variants.iter().filter_map(|variant| variant["const"].as_str()).collect();
        if !node.as_text().is_some_and(|text| texts.contains(&text)) {
            let found = node
                .as_text()
                .map_or_else(|| in_words(kind(&node.value)).to_owned(), |text| format!("`{text}`"));
            faults.push(Fault::new(node.at, format!("{name} is {found}, not {}", choice(&texts))));
        }
        return;
    }
    let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
    let [(key, value)] = node.members() else {
        let found = match node.members().len() {
            0 => in_words(kind(&node.value)).to_owned(),
            count => format!("a map with {count} members"),
        };
        return faults.push(Fault::new(
            node.at,
            format!("{name} is {found}, not a map with one member: {}", choice(&names)),
        ));
    };
    match members.iter().find(|(member, _)| **member == key.name) {
        Some((_, schema)) => check(&format!("`{}`", key.name), value, schema, faults),
        None => faults
            .push(Fault::new(key.at, format!("{name} knows no `{}`; it is {}", key.name, choice(&names)))),
    }
}

fn check_text(name: &str, node: &Node, text: &str, schema: &Json, faults: &mut Vec<Fault>) {
    let length = text.chars().count() as u64;
    if schema["minLength"].as_u64().is_some_and(|min| length < min) {
        faults.push(Fault::new(
            node.at,
            format!("{name} is too short: it has at least {} characters", schema["minLength"]),
        ));
    } else if schema["maxLength"].as_u64().is_some_and(|max| length > max) {
        faults.push(Fault::new(
            node.at,
            format!("{name} is too long: it has at most {} characters", schema["maxLength"]),
        ));
    } else if let Some(pattern) = schema["pattern"].as_str()
        && !Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
    {
        let form = FORMS.iter().find(|(known, _)| *known == pattern);
        let wanted = form.map_or_else(|| format!("of the form {pattern}"), |(_, words)| (*words).to_owned());
        faults.push(Fault::new(node.at, with_hint(format!("{name} `{text}` is not {wanted}"), node)));
    }
}

fn check_list(name: &str, node: &Node, items: &[Node], schema: &Json, faults: &mut Vec<Fault>) {
    let count = items.len() as u64;
    if schema["minItems"].as_u64().is_some_and(|min| count < min) {
        faults.push(Fault::new(
            node.at,
            format!("{name} has too few entries: at least {}", schema["minItems"]),
        ));
    } else if schema["maxItems"].as_u64().is_some_and(|max| count > max) {
        faults.push(Fault::new(
            node.at,
            format!("{name} has too many entries: at most {}", schema["maxItems"]),
        ));
    }
    for item in items {
        check(&format!("an entry of {name}"), item, &schema["items"], faults);
    }
}

fn check_map(name: &str, node: &Node, schema: &Json, faults: &mut Vec<Fault>) {
    let mut seen = BTreeSet::new();
    for (key, value) in node.members() {
        let label = format!("`{}`", key.name);
        if !seen.insert(key.name.as_str()) {
            faults.push(Fault::new(key.at, format!("{label} is there twice in {name}")));
        }
        let further = Some(&schema["additionalProperties"]).filter(|further| further.is_object());
        match schema["properties"].get(&key.name).or(further) {
            Some(schema) => check(&label, value, schema, faults),
            None => faults.push(Fault::new(key.at, unknown_field(&label, name, schema))),
        }
    }
    for required in list(schema, "required").into_iter().flatten().filter_map(Json::as_str) {
        if !seen.contains(required) {
            faults.push(Fault::new(node.at, format!("`{required}` is missing in {name}")));
        }
    }
}

fn unknown_field(label: &str, name: &str, schema: &Json) -> String {
    let known: Vec<_> =
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    if known.is_empty() {
        return format!("unknown field {label} in {name}, which has no fields");
    }
    format!("unknown field {label} in {name}; it has {}", known.join(", "))
}

/// The types that a schema allows; one without `type` allows none of ours.
fn types(schema: &Json) -> BTreeSet<&str> {
    match &schema["type"] {
        Json::Array(types) => types.iter().filter_map(Json::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Text(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}

fn in_words(kind: &str) -> &str {
    match kind {
        "null" => "empty",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "array" => "a list",
        "object" => "a map",
        other => other,
    }
}

/// What helps with the two faults that people make without a wrong word: a missing quote, a parameter in a field
/// that is not a text.
fn with_hint(reason: String, node: &Node) -> String {
    match &node.value {
        Value::Text(text) if text.contains("${") => {
            format!("{reason}; a parameter can only stand for a text")
        }
        Value::Bool(_) | Value::Number(_) => format!("{reason}; put it into quotes if it is meant as a text"),
        _ => reason,
    }
}

fn choice(names: &[&str]) -> String {
    names.join(", ")
}

fn list<'a>(schema: &'a Json, keyword: &str) -> Option<&'a Vec<Json>> {
    schema.get(keyword).and_then(Json::as_array)
}
