//! YAML whose bytes depend on the content alone, so that generated files can be compared.

use serde::Serialize;
use serde_json::{Map, Number, Value};

/// An object that cannot be written as YAML.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// It is no JSON value.
    #[error("cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The YAML writer refused it.
    #[error("cannot be written as YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// Objects as YAML documents, each ended by a line break and separated by `---`.
pub fn documents<T: Serialize>(objects: &[T]) -> Result<String, YamlError> {
    let documents = objects.iter().map(document).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.join("---\n"))
}

/// One object as YAML, members in byte order.
pub fn document<T: Serialize>(object: &T) -> Result<String, YamlError> {
    let value = sorted(serde_json::to_value(object)?);
    let text = serde_saphyr::to_string(&value)?;
    Ok(if text.ends_with('\n') { text } else { text + "\n" })
}

/// The value with its members in order, whatever order `serde_json` was built to keep, and `0` for `0.0`.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Number(number) => Value::Number(whole(number)),
        other => other,
    }
}

fn whole(number: Number) -> Number {
    match number.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "only where nothing is lost")]
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
            Number::from(float as i64)
        }
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_sorted_and_whole_numbers_have_no_fraction() {
        let text = documents(&[json!({"b": 0.0, "a": {"d": 1.5, "c": "true"}}), json!({"e": []})]).unwrap();
        assert_eq!(text, "a:\n  c: \"true\"\n  d: 1.5\nb: 0\n---\ne: []\n");
    }
}
