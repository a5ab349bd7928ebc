//! Answers that the API server did not give, in the form in which it gives them.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use serde_json::json;

use crate::lists::Body;

/// A failure of this status. A 409 says `Conflict`, which is also what a quota says to a creation.
pub(crate) fn failure(code: u16) -> Response<Body> {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        504 => "Timeout",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": format!("the fault proxy was told to answer {code}"),
    });
    let mut response = object(Bytes::from(status.to_string()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if code == 429 {
        response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
    }
    response
}

/// An object, as JSON.
pub(crate) fn object(text: Bytes) -> Response<Body> {
    let mut response = Response::new(whole(text));
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

/// A body that is there as a whole.
pub(crate) fn whole(text: Bytes) -> Body {
    Full::new(text).map_err(|never| match never {}).boxed_unsync()
}
