//! What egress counts, read when it is asked for.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::proxy::Proxy;

#[derive(Debug)]
struct ProxyCounters(Arc<Proxy>);

impl Collector for ProxyCounters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (connections, sent, received) = self.0.book.totals();
        for (name, help, count) in [
            ("connections", "Connections to hosts since start", connections),
            ("sent_bytes", "Bytes from clients to hosts", sent),
            ("received_bytes", "Bytes from hosts to clients", received),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        for (name, help, count) in [
            ("open_connections", "Open connections to hosts", self.0.book.len()),
            ("clients", "Clients of the proxy", self.0.clients() as usize),
        ] {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let codes = self.0.reporter.codes();
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = encoder.encode_descriptor("refused", "Requests that were refused, by code", None, kind)?;
        for (code, count) in codes {
            let labels = [("code", code)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Adds the proxy's counters to egress's metrics.
pub(crate) fn register(registry: &mut Registry, proxy: &Arc<Proxy>) {
    registry.register_collector(Box::new(ProxyCounters(proxy.clone())));
}
