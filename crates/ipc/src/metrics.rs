//! What every daemon counts, as Prometheus text.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// The metrics of one daemon. A daemon registers its own beside the shared ones with [`Metrics::build`].
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) connections: Gauge,
    pub(crate) connections_refused: Counter,
    endpoints: Family<EndpointLabel, EndpointMetrics, fn() -> EndpointMetrics>,
    faults: Family<FaultLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabel {
    endpoint: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabel {
    endpoint: &'static str,
    code: String,
}

type EndpointMetrics = Histogram;

fn request_seconds() -> EndpointMetrics {
    // 50 microseconds to 26 seconds.
    Histogram::new(exponential_buckets(0.000_05, 4.0, 10))
}

impl Metrics {
    /// The shared metrics, and what `register` adds to the registry under the daemon's prefix.
    pub fn build(daemon: &str, register: impl FnOnce(&mut Registry)) -> Arc<Self> {
        let mut registry = Registry::with_prefix("osmoda");
        let connections = Gauge::<i64>::default();
        let connections_refused = Counter::<u64, AtomicU64>::default();
        let endpoints = Family::new_with_constructor(request_seconds as fn() -> EndpointMetrics);
        let faults = Family::<FaultLabel, Counter>::default();
        registry.register("ipc_connections", "Open connections", connections.clone());
        registry.register(
            "ipc_connections_refused",
            "Connections refused because too many were open",
            connections_refused.clone(),
        );
        registry.register("ipc_request_seconds", "Time from a request's head to its answer", endpoints.clone());
        registry.register("ipc_faults", "Requests answered by a fault, by code", faults.clone());
        register(registry.sub_registry_with_prefix(daemon));
        Arc::new(Self { registry, connections, connections_refused, endpoints, faults })
    }

    pub(crate) fn endpoint(&self, endpoint: &'static str) -> Histogram {
        self.endpoints.get_or_create(&EndpointLabel { endpoint }).clone()
    }

    pub(crate) fn count_fault(&self, endpoint: &'static str, code: &str) {
        self.faults.get_or_create(&FaultLabel { endpoint, code: code.to_owned() }).inc();
    }

    /// Prometheus text (OpenMetrics 1.0).
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
