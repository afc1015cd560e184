//! Asking the person at the client in place, where an act needs an approval and this process may act as an operator.
//!
//! A form's accept is only the client's word. The nonce that makes it an answer lives in agentd, is bound to one
//! approval and is spent by the first answer: a state that is played back does nothing twice.

use std::time::Duration;

use osmoda_api::agentd::{ApprovalApprove, ApprovalChallenge, ApprovalDecision, ApprovalDeny, ApprovalId, Challenge};
use osmoda_ipc::{CallError, Client, Envelope, Fault, StatusCode, daemon::Dirs};
use rmcp::{
    ErrorData, RoleServer,
    model::{
        ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, InputRequest,
        InputRequiredResult, InputResponses, RequestStateCodec, SealOptions,
    },
    service::RequestContext,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::call::{Act, foreign_state};
use crate::ServeError;

/// How long a person may think.
const ASKING: Duration = Duration::from_secs(300);
/// The name of the question in a result that asks, and of its answer.
const QUESTION: &str = "approval";
/// The form's only field.
const APPROVE: &str = "approve";

/// What was needed and not given.
#[derive(Serialize, Deserialize)]
pub(super) struct Question {
    approval: String,
    /// The refusal, for the case that nobody answers.
    refusal: Envelope,
}

impl Question {
    /// The approval that this fault asks for.
    pub(super) fn of(fault: &Fault) -> Option<Self> {
        let approval = fault.detail()?.get("approval_id")?.as_str()?;
        (fault.code() == "approval_required").then(|| Self { approval: approval.to_owned(), refusal: fault.envelope() })
    }

    fn unanswered(self) -> Settled {
        Settled::refused(Fault::from_envelope(StatusCode::FORBIDDEN, self.refusal))
    }
}

/// How a question ended.
pub(super) enum Settled {
    /// Act, with this approval.
    Approved(String),
    /// Don't act.
    Refused(Fault),
    /// The client is to ask, and to call again with the answer.
    Asked(Box<InputRequiredResult>),
}

impl Settled {
    fn refused(fault: impl Into<Fault>) -> Self {
        Self::Refused(fault.into())
    }
}

/// What a client carries from the question to the answer, signed and not secret.
#[derive(Serialize, Deserialize)]
struct State {
    /// The act goes on under its own id.
    act: osmoda_ipc::RequestId,
    nonce: String,
    question: Question,
}

/// What a person said.
enum Answer {
    Yes,
    No,
    Nothing,
}

impl From<ElicitResult> for Answer {
    fn from(result: ElicitResult) -> Self {
        let ticked = result.content.as_ref().and_then(|content| content.get(APPROVE)).and_then(Value::as_bool);
        match (result.action, ticked) {
            (ElicitationAction::Accept, Some(true)) => Self::Yes,
            (ElicitationAction::Accept, Some(false)) | (ElicitationAction::Decline, _) => Self::No,
            _ => Self::Nothing,
        }
    }
}

/// Where approvals are asked for and answered: agentd, in this process's own name.
pub(super) struct Desk {
    agentd: Client,
    codec: RequestStateCodec,
    /// Cancelled when the client has closed its end.
    gone: CancellationToken,
}

impl Desk {
    /// A desk with a key of its own.
    pub(super) fn open(dirs: &Dirs, gone: CancellationToken) -> Result<Self, ServeError> {
        let mut key = [0; RequestStateCodec::MIN_KEY_LENGTH];
        getrandom::fill(&mut key).map_err(|error| ServeError::Key(error.to_string()))?;
        let codec = RequestStateCodec::try_new(key).map_err(|error| ServeError::Key(error.to_string()))?;
        Ok(Self { agentd: Client::new(dirs.socket("agentd")), codec, gone })
    }

    /// Asks in whichever shape the client's protocol has; where it can't be asked, the refusal stands.
    pub(super) async fn ask(&self, act: &Act<'_>, question: Question, context: &RequestContext<RoleServer>) -> Settled {
        if !shows_forms(context) {
            return question.unanswered();
        }
        let challenge = match self.challenge(act, &question).await {
            Ok(challenge) => challenge,
            Err(error) => {
                // Most often: this process does not run under an operator's account.
                debug!(%error, "the person can't be asked in place");
                return question.unanswered();
            }
        };
        if is_modern(context) {
            return self.asked(act, question, challenge);
        }
        let elicited = context.peer.create_elicitation_with_timeout(form(&challenge), Some(ASKING));
        let answer = tokio::select! {
            elicited = elicited => elicited.map_or(Answer::Nothing, Answer::from),
            () = self.gone.cancelled() => Answer::Nothing,
        };
        self.settle(act, question, challenge.nonce, answer).await
    }

    /// The modern shape's second half: the call comes back with the person's answer.
    pub(super) async fn resume(
        &self,
        act: &mut Act<'_>,
        sealed: &str,
        responses: Option<&InputResponses>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Settled, ErrorData> {
        let opened = self.codec.open_json_with::<State>(sealed, &binding(act));
        let State { act: id, nonce, question } = opened.map_err(|error| {
            debug!(%error, "a request state is refused");
            foreign_state()
        })?;
        act.id = id;
        let Some(response) = responses.and_then(|responses| responses.get(QUESTION)) else {
            return Ok(self.ask(act, question, context).await);
        };
        let answer = serde_json::from_value::<ElicitResult>(response.clone()).map_or(Answer::Nothing, Answer::from);
        Ok(self.settle(act, question, nonce, answer).await)
    }

    async fn challenge(&self, act: &Act<'_>, question: &Question) -> Result<Challenge, CallError> {
        self.agentd.call_under::<ApprovalChallenge>(&act.id, &ApprovalId { id: question.approval.clone() }).await
    }

    fn asked(&self, act: &Act<'_>, question: Question, challenge: Challenge) -> Settled {
        let request = InputRequest::Elicitation(ElicitRequest::new(form(&challenge)));
        let state = State { act: act.id.clone(), nonce: challenge.nonce, question };
        let options = SealOptions::new();
        let binding = binding(act);
        match self.codec.seal_json_with(&state, &options.associated_data(&binding).ttl(ASKING)) {
            Ok(sealed) => Settled::Asked(Box::new(InputRequiredResult::new(
                Some([(QUESTION.into(), request)].into()),
                Some(sealed),
            ))),
            Err(error) => {
                debug!(%error, "the state of a question can't be sealed");
                state.question.unanswered()
            }
        }
    }

    /// Gives the person's answer to agentd, in the operator's name.
    async fn settle(&self, act: &Act<'_>, question: Question, nonce: String, answer: Answer) -> Settled {
        let id = question.approval;
        let decision = ApprovalDecision { id: id.clone(), nonce: Some(nonce) };
        match answer {
            Answer::Yes => match self.agentd.call_under::<ApprovalApprove>(&act.id, &decision).await {
                Ok(_) => Settled::Approved(id),
                Err(error) => Settled::refused(error),
            },
            Answer::No => match self.agentd.call_under::<ApprovalDeny>(&act.id, &decision).await {
                Ok(_) => Settled::refused(denied(&id)),
                Err(error) => Settled::refused(error),
            },
            Answer::Nothing => Question { approval: id, ..question }.unanswered(),
        }
    }
}

fn denied(approval: &str) -> Fault {
    Fault::forbidden("approval_denied", "the person said no, and nothing was done; ask what they would rather have")
        .with_detail(json!({ "approval_id": approval }))
}

/// What a sealed state is bound to: this tool with these arguments.
fn binding(act: &Act<'_>) -> Vec<u8> {
    serde_json::to_vec(&(act.tool.name, &act.arguments)).unwrap_or_default()
}

/// Whether the request is of the era without `initialize`, in which a server never sends requests of its own.
fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| !version.has_initialize())
}

/// Whether the client shows forms. One that says of elicitation nothing more than that it has it means forms.
fn shows_forms(context: &RequestContext<RoleServer>) -> bool {
    let elicitation = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
    elicitation.is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none())
}

fn form(challenge: &Challenge) -> ElicitRequestParams {
    let schema = ElicitationSchema::builder()
        .required_bool_property(APPROVE, |field| {
            field.title("Approve").description("Let exactly this be done, once.").with_default(false)
        })
        .build_unchecked();
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: challenge.question.clone(),
        requested_schema: schema,
    }
}
