//! Events of a watch, one JSON object a line: passed on, kept back, or reduced to the last about each object.

use std::convert::Infallible;
use std::time::Duration;

use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::lists::Body;
use crate::plan::Kept;

/// Events that may wait for a slow reader.
const BUFFERED: usize = 1024;

/// The events of `body`, kept back as `kept` says. `begun` is called when there is one to be kept back.
pub(crate) fn keep_back(body: Incoming, kept: Kept, begun: impl FnOnce() + Send + 'static) -> Body {
    let (sender, events) = mpsc::channel(BUFFERED);
    tokio::spawn(pass(Lines { body, rest: Vec::new() }, kept, begun, sender));
    let frames = stream::unfold(events, |mut events| async {
        let line: Vec<u8> = events.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(line))), events))
    });
    StreamBody::new(frames).map_err(|never| match never {}).boxed_unsync()
}

/// Ends with the watch, or with its reader.
async fn pass(
    mut lines: Lines,
    kept: Kept,
    begun: impl FnOnce(),
    reader: mpsc::Sender<Vec<u8>>,
) -> Option<()> {
    for _ in 0..kept.after {
        reader.send(lines.next().await?).await.ok()?;
    }
    let first = lines.next().await?;
    begun();
    let mut waiting = vec![first];
    let until = Instant::now() + Duration::from_secs(kept.seconds);
    while let Ok(line) = timeout_at(until, lines.next()).await {
        waiting.push(line?);
    }
    for line in if kept.coalesced { last_of_each(waiting) } else { waiting } {
        reader.send(line).await.ok()?;
    }
    loop {
        reader.send(lines.next().await?).await.ok()?;
    }
}

/// The last event about each object, in the order of these last ones.
fn last_of_each(lines: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut kept: Vec<(Option<String>, Vec<u8>)> = Vec::new();
    for line in lines {
        let about = object_of(&line);
        kept.retain(|(other, _)| about.is_none() || *other != about);
        kept.push((about, line));
    }
    kept.into_iter().map(|(_, line)| line).collect()
}

fn object_of(line: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(line).ok()?;
    event.pointer("/object/metadata/uid")?.as_str().map(str::to_owned)
}

/// A body cut into lines.
struct Lines {
    body: Incoming,
    rest: Vec<u8>,
}

impl Lines {
    /// The next line with its end; none when the body is over. Nothing is lost if it is not waited for to the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                return Some(self.rest.drain(..=end).collect());
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.rest.extend_from_slice(&data);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, uid: &str) -> Vec<u8> {
        format!("{{\"type\":\"{kind}\",\"object\":{{\"metadata\":{{\"uid\":\"{uid}\"}}}}}}\n").into_bytes()
    }

    #[test]
    fn only_the_last_event_about_each_object_is_kept() {
        let lines = vec![event("ADDED", "a"), event("ADDED", "b"), event("MODIFIED", "a"), b"{}\n".to_vec()];
        assert_eq!(last_of_each(lines), vec![event("ADDED", "b"), event("MODIFIED", "a"), b"{}\n".to_vec()]);
    }
}
