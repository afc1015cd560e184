//! What egress serves beside the proxy.

use std::sync::Arc;

use osmoda_api::egress::{EgressCheck, EgressConnections, EgressHealth};
use osmoda_ipc::Routes;
use osmoda_steward::Steward;

use crate::{egress::Egress, handlers};

pub(crate) fn routes(egress: Arc<Egress>, steward: Arc<Steward>) -> Routes<Egress> {
    Routes::new("egress", egress)
        .recorded_by(steward.clone())
        .gated_by(steward)
        .on::<EgressHealth>(handlers::health)
        .on::<EgressConnections>(handlers::connections)
        .on::<EgressCheck>(handlers::check)
}
