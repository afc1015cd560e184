//! agentd records its own acts in its own ledger.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use osmoda_ipc::{Fault, NewEvent, Recorder, Redo};
use osmoda_ledger::Ledger;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
    registry::Registry,
};

/// The ledger as a recorder.
#[derive(Debug)]
pub(crate) struct LedgerRecorder(pub(crate) Arc<Ledger>);

impl Recorder for LedgerRecorder {
    fn append(&self, event: NewEvent) -> BoxFuture<'_, Result<i64, Fault>> {
        Box::pin(async { Ok(self.0.append(event).await?) })
    }

    fn append_with(&self, event: NewEvent, redo: Redo) -> BoxFuture<'_, Result<i64, Fault>> {
        Box::pin(async { Ok(self.0.append_with(event, Some(redo)).await?) })
    }
}

/// The ledger's counters, read when they are asked for.
#[derive(Debug)]
struct LedgerCounters(Arc<Ledger>);

impl Collector for LedgerCounters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (commits, events) = self.0.counts();
        for (name, help, count) in [
            ("ledger_commits", "Commits since start", commits),
            ("ledger_events", "Events appended since start", events),
        ] {
            let counter = ConstCounter::new(count);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}

/// Adds the ledger's counters to agentd's metrics.
pub(crate) fn register(registry: &mut Registry, ledger: &Arc<Ledger>) {
    registry.register_collector(Box::new(LedgerCounters(ledger.clone())));
}
