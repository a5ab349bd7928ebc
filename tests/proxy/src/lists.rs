//! Answers to lists that were given before: what a cache that has fallen behind would say.

use std::collections::BTreeMap;

use http::Uri;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;

/// The oldest answer to each question.
#[derive(Debug, Default)]
pub(crate) struct Lists(BTreeMap<String, Bytes>);

/// What is answered: pieces of unknown length.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

impl Lists {
    /// Remembers an answer, unless an older one to the same question is known.
    pub(crate) fn remember(&mut self, uri: &Uri, answer: &Bytes) {
        self.0.entry(question(uri)).or_insert_with(|| answer.clone());
    }

    /// The oldest answer to this question.
    pub(crate) fn oldest(&self, uri: &Uri) -> Option<Bytes> {
        self.0.get(&question(uri)).cloned()
    }
}

/// The address without what says how fresh the answer has to be.
fn question(uri: &Uri) -> String {
    let kept = |pair: &&str| !pair.starts_with("resourceVersion") && !pair.starts_with("timeoutSeconds");
    let query: Vec<_> = uri.query().unwrap_or_default().split('&').filter(kept).collect();
    format!("{}?{}", uri.path(), query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answer_to_the_same_question_is_kept() {
        let mut lists = Lists::default();
        let uri = |text: &'static str| Uri::from_static(text);
        lists.remember(&uri("/api/v1/nodes?limit=500"), &Bytes::from_static(b"old"));
        lists.remember(&uri("/api/v1/nodes?limit=500&resourceVersion=7"), &Bytes::from_static(b"new"));
        assert_eq!(
            lists.oldest(&uri("/api/v1/nodes?resourceVersion=9&limit=500")),
            Some(Bytes::from_static(b"old"))
        );
        assert_eq!(lists.oldest(&uri("/api/v1/nodes?labelSelector=a")), None);
    }
}
