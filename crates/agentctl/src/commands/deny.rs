//! `agentctl deny`: the operator's no.

use osmoda_api::agentd::ApprovalDeny;

use super::approve::{Question, show};
use crate::{context::Context, exit::Exit, failure::Failure};

pub(crate) async fn run(context: &Context, args: Question) -> Result<Exit, Failure> {
    let approval = context.agentd::<ApprovalDeny>(&args.decision()).await?;
    show(context, &approval)
}
