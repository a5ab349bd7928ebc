//! `/metrics`, `/healthz` and `/readyz`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use nodemend_core::time::Time;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;

use crate::watch::World;

/// What the tasks count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauges {
    /// When a round of decisions was carried out in full, in seconds since the Unix epoch: the dead-man signal.
    last_decision: Gauge<i64, AtomicI64>,
    /// The epoch of this process; 0 before it has one.
    epoch: Gauge<i64, AtomicI64>,
    /// Whether this process leads: 1, or 0 on standby.
    leader: Gauge<i64, AtomicI64>,
    /// Remediations that ended, by outcome.
    ended: Family<Vec<(String, String)>, Counter<u64, AtomicU64>>,
}

impl Gauges {
    pub(crate) fn decided(&self, at: Time) {
        self.last_decision.set(at.0 / 1000);
    }

    pub(crate) fn epoch(&self, epoch: u64) {
        self.epoch.set(i64::try_from(epoch).unwrap_or(i64::MAX));
    }

    pub(crate) fn leads(&self) {
        self.leader.set(1);
    }

    pub(crate) fn ended(&self, outcome: &str) {
        self.ended.get_or_create(&vec![("outcome".to_owned(), outcome.to_owned())]).inc();
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("nodemend");
        let age = "When decisions were last carried out in full, as a Unix time";
        registry.register_with_unit("last_decision", age, Unit::Seconds, self.last_decision.clone());
        registry.register("leader", "Whether this process leads: 1, or 0 on standby", self.leader.clone());
        registry.register("epoch", "The epoch of this process", self.epoch.clone());
        registry.register("remediations_ended", "Remediations that ended, by outcome", self.ended.clone());
        registry
    }
}

/// Opens the port; an address that is taken ends the process before anything else starts.
pub(crate) async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the process ends.
pub(crate) async fn serve(listener: TcpListener, gauges: &Gauges, world: Arc<World>) -> std::io::Result<()> {
    let registry = Arc::new(gauges.registry());
    let ready = move || {
        let complete = world.is_complete();
        async move {
            if complete {
                (StatusCode::OK, "ok")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "first lists are missing")
            }
        }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move || std::future::ready(metrics(&registry))));
    axum::serve(listener, router).await
}

fn metrics(registry: &Registry) -> impl IntoResponse + use<> {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new()),
    }
}
