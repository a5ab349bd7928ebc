//! One byte form for a value, so that a digest means the same in every version of every library.

use serde::Serialize;
use serde_json::Value;

use crate::ids::Digest;

/// A value that cannot be written as JSON (a map with keys that are not text, say).
#[derive(Debug, thiserror::Error)]
#[error("cannot be written in canonical form: {0}")]
pub struct CanonicalError(#[from] serde_json::Error);

/// The digest over the canonical form of `value`: JSON without spaces, keys in byte order, `null` members left out.
pub fn digest<T: Serialize>(value: &T) -> Result<Digest, CanonicalError> {
    let value = serde_json::to_value(value)?;
    let mut text = String::new();
    write(&value, &mut text);
    Ok(Digest::of(text.as_bytes()))
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|(_, v)| !v.is_null()).collect();
            members.sort_by(|a, b| a.0.cmp(b.0));
            list(out, '{', '}', &members, |(key, value), out| {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(value, out);
            });
        }
        Value::Array(items) => list(out, '[', ']', items, write),
        other => out.push_str(&other.to_string()),
    }
}

fn list<T>(out: &mut String, open: char, close: char, items: &[T], each: impl Fn(&T, &mut String)) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        each(item, out);
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_of_keys_and_null_members_do_not_count() {
        let a = digest(&json!({"b": [1, {"y": "é\n", "x": true}], "a": null})).unwrap();
        let b = digest(&json!({"b": [1, {"x": true, "y": "é\n"}]})).unwrap();
        assert_eq!(a, b);
        assert_ne!(a, digest(&json!({"b": [{"x": true, "y": "é\n"}, 1]})).unwrap());
    }
}
