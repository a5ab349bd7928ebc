//! The questions of gates as they go over the wire, and what counts as a yes: `Ok` and `Err` carry what was said.

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use nodemend_core::rollout::{Asked, PrometheusQuery, Webhook};
use serde_json::{Value, json};

/// What is read of an answer at most, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Asks over HTTP and HTTPS, trusting the authorities that the machine trusts.
pub(super) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<axum::body::Bytes>>;

pub(super) fn http_client() -> std::io::Result<HttpClient> {
    let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// An instant query: yes if it gives samples of which none is 0 or not a number.
pub(super) async fn prometheus(http: &HttpClient, asked: &PrometheusQuery) -> Result<String, String> {
    let url = format!("{}/api/v1/query", asked.url.trim_end_matches('/'));
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("query", &asked.query).finish();
    let (status, body) = post(http, &url, "application/x-www-form-urlencoded", form).await?;
    if status != StatusCode::OK {
        return Err(format!("{url} answered {status}: {}", text(&body)));
    }
    let body: Value =
        serde_json::from_slice(&body).map_err(|error| format!("{url} answered no JSON: {error}"))?;
    samples(&body).and_then(|samples| judged(&samples))
}

/// The values of an instant vector or of a scalar.
fn samples(body: &Value) -> Result<Vec<f64>, String> {
    let (kind, result) = (&body["data"]["resultType"], &body["data"]["result"]);
    let value = |sample: &Value| {
        let text = sample.get(1).and_then(Value::as_str);
        text.and_then(|text| text.parse::<f64>().ok()).ok_or_else(|| format!("{sample} is no sample"))
    };
    match (kind.as_str(), result.as_array()) {
        (Some("vector"), Some(series)) => series.iter().map(|series| value(&series["value"])).collect(),
        (Some("scalar"), Some(_)) => Ok(vec![value(result)?]),
        _ => Err(format!("the query gives {kind}, wanted is an instant vector or a scalar")),
    }
}

fn judged(samples: &[f64]) -> Result<String, String> {
    if samples.is_empty() {
        return Err("the query gives nothing, and nothing is known from that".to_owned());
    }
    match samples.iter().find(|sample| sample.is_nan() || **sample == 0.0) {
        Some(no) => Err(format!("the query gives {no}")),
        None => Ok(format!("{} samples, none of them 0", samples.len())),
    }
}

/// A POST that says what is about to begin: yes if it is answered with 200.
pub(super) async fn webhook(http: &HttpClient, asked: &Webhook, about: &Asked) -> Result<String, String> {
    let body = json!({"run": about.run, "runUID": about.run_uid, "batch": about.batch, "node": about.node});
    let (status, body) = post(http, &asked.url, "application/json", body.to_string()).await?;
    let said = format!("{} answered {status}: {}", asked.url, text(&body));
    if status == StatusCode::OK { Ok(said) } else { Err(said) }
}

/// A condition in the status of an object: yes if it is True.
pub(super) fn condition(object: &Value, kind: &str) -> Result<String, String> {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
    let found = found.ok_or_else(|| format!("the object has no condition {kind}"))?;
    let said = format!("condition {kind} is {}", found["status"].as_str().unwrap_or("missing"));
    if found["status"] == "True" { Ok(said) } else { Err(said) }
}

async fn post(
    http: &HttpClient,
    url: &str,
    content: &str,
    body: String,
) -> Result<(StatusCode, Vec<u8>), String> {
    let request = Request::post(url).header(header::CONTENT_TYPE, content).body(Full::from(body));
    let request = request.map_err(|error| format!("{url} is no URL that can be asked: {error}"))?;
    let answer =
        http.request(request).await.map_err(|error| format!("{url} cannot be asked: {}", whole(&error)))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|error| format!("the answer of {url} cannot be read: {error}"))?;
    Ok((status, body.to_bytes().to_vec()))
}

/// An error with its causes: the outermost one says only that a connection failed.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The beginning of an answer, for people; data, never interpreted.
fn text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(values: &[&str]) -> Value {
        let series: Vec<_> =
            values.iter().map(|value| json!({"metric": {}, "value": [1_790_000_000, value]})).collect();
        json!({"status": "success", "data": {"resultType": "vector", "result": series}})
    }

    fn said(body: &Value) -> Result<String, String> {
        samples(body).and_then(|samples| judged(&samples))
    }

    #[test]
    fn only_samples_that_are_not_zero_are_a_yes() {
        assert!(said(&vector(&["1", "0.5"])).is_ok());
        assert!(said(&json!({"data": {"resultType": "scalar", "result": [1_790_000_000, "1"]}})).is_ok());
        for no in [&["1", "0"][..], &["NaN"], &[]] {
            assert!(said(&vector(no)).is_err(), "{no:?}");
        }
        assert!(said(&json!({"data": {"resultType": "matrix", "result": []}})).is_err());
        assert!(said(&json!({"status": "error"})).is_err());
    }

    #[test]
    fn only_a_condition_that_is_true_is_a_yes() {
        let object = json!({"status": {"conditions": [
            {"type": "Available", "status": "True"}, {"type": "Progressing", "status": "Unknown"},
        ]}});
        assert!(condition(&object, "Available").is_ok());
        assert!(condition(&object, "Progressing").is_err());
        assert!(condition(&object, "Degraded").is_err());
        assert!(condition(&json!({}), "Available").is_err());
    }
}
