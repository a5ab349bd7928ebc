//! What goes over the wire: a verb, `key=BASE64` lines and a closing `end`, in both directions.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The most that is kept of one value of an answer, in bytes: the program's own cap on output, and a host may lie.
pub(crate) const VALUE_BYTES: usize = 64 * 1024;

/// A request: arguments are data, never part of a command line.
#[derive(Debug)]
pub(crate) struct Request(String);

impl Request {
    pub(crate) fn new(verb: &str) -> Self {
        Self(format!("{verb}\n"))
    }

    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        for part in [key, "=", &STANDARD.encode(value), "\n"] {
            self.0.push_str(part);
        }
        self
    }

    /// The whole request. The program does nothing before it has read the closing line.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        (self.0 + "end\n").into_bytes()
    }
}

/// A complete answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer(BTreeMap<String, String>);

/// An answer that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The closing line is missing: the connection was cut, or the program was ended.
    #[error("the answer was cut off")]
    Cut,
    /// A line is not `key=BASE64`.
    #[error("the answer has a line that is not of the program's form")]
    Malformed,
}

impl Answer {
    /// Reads an answer. Values become UTF-8, whatever they were, and only their end is kept if they are too long.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, AnswerError> {
        let text = String::from_utf8_lossy(bytes);
        let body = text.strip_suffix("end\n").ok_or(AnswerError::Cut)?;
        if !(body.is_empty() || body.ends_with('\n')) {
            return Err(AnswerError::Cut);
        }
        body.lines().map(decode_line).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(crate) fn into_values(self) -> BTreeMap<String, String> {
        self.0
    }

    /// The values whose keys begin with `prefix`, without it.
    pub(crate) fn under(&self, prefix: &str) -> BTreeMap<String, String> {
        self.0.iter().filter_map(|(k, v)| Some((k.strip_prefix(prefix)?.to_owned(), v.clone()))).collect()
    }
}

fn decode_line(line: &str) -> Result<(String, String), AnswerError> {
    let (key, value) = line.split_once('=').ok_or(AnswerError::Malformed)?;
    let value = STANDARD.decode(value).map_err(|_| AnswerError::Malformed)?;
    let tail = &value[value.len().saturating_sub(VALUE_BYTES)..];
    Ok((key.to_owned(), String::from_utf8_lossy(tail).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_whatever_they_hold() {
        let request = Request::new("launch").with("name", "a b\n'end\n").into_bytes();
        let text = String::from_utf8(request).unwrap();
        let (verb, rest) = text.split_once('\n').unwrap();
        assert_eq!(verb, "launch");
        assert_eq!(Answer::decode(rest.as_bytes()).unwrap().get("name"), Some("a b\n'end\n"));
    }

    #[test]
    fn an_answer_cut_anywhere_is_recognised() {
        let whole = Request::new("x").with("state", "running").with("seconds", "12").into_bytes();
        let whole = &whole[2..];
        assert!(Answer::decode(whole).is_ok());
        for length in 0..whole.len() {
            assert_eq!(Answer::decode(&whole[..length]), Err(AnswerError::Cut), "{length} bytes");
        }
    }

    #[test]
    fn a_line_of_another_form_is_refused() {
        assert_eq!(Answer::decode(b"Welcome!\nend\n"), Err(AnswerError::Malformed));
        assert_eq!(Answer::decode(b"key=not base64\nend\n"), Err(AnswerError::Malformed));
    }

    #[test]
    fn the_end_of_a_long_value_is_kept() {
        let long = format!("{}tail", "x".repeat(VALUE_BYTES));
        let bytes = Request::new("x").with("output", &long).into_bytes();
        let answer = Answer::decode(&bytes[2..]).unwrap();
        let kept = answer.get("output").unwrap();
        assert_eq!(kept.len(), VALUE_BYTES);
        assert!(kept.ends_with("tail"));
    }
}
