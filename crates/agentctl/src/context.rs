//! What every command needs: which suite, and how to speak.

use std::{env, path::PathBuf};

use osmoda_ipc::{Client, Endpoint, RequestId, daemon::Dirs};

use crate::{
    cli::Cli,
    failure::{Failure, fault_of_call},
    output::Output,
    suite::{self, Choice},
};

/// The suite that is spoken to, and how results are shown.
#[derive(Debug)]
pub(crate) struct Context {
    /// Which suite was named.
    pub(crate) choice: Choice,
    /// Its folders; the installed suite's where none was named.
    pub(crate) dirs: Dirs,
    /// Where results go.
    pub(crate) output: Output,
}

impl Context {
    pub(crate) fn new(cli: &Cli) -> Self {
        let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let choice = Choice::new(cli.dir.as_deref(), folder("OSMODA_RUN_DIR"), folder("OSMODA_STATE_DIR"));
        let output = Output::new(cli.json || cli.command.wants_json(), cli.no_color);
        Self { dirs: choice.dirs(), choice, output }
    }

    /// How a person starts this suite.
    pub(crate) fn how_to_start(&self) -> String {
        match &self.choice {
            Choice::Dir(_) | Choice::Folders { .. } => format!("start it with: {} up", self.command()),
            Choice::Installed => match self.choice.suite() {
                Ok(own) if suite::is_up(&own) => {
                    format!("a suite of your own is up; speak to it with: {}", own.command)
                }
                _ => {
                    "start it with: systemctl start osmoda-agentd; or a suite of your own with: agentctl up".to_owned()
                }
            },
        }
    }

    /// How this program is told to speak to this suite, for people.
    pub(crate) fn command(&self) -> String {
        match &self.choice {
            Choice::Dir(_) | Choice::Folders { .. } => {
                self.choice.suite().map_or_else(|_| "agentctl".to_owned(), |suite| suite.command)
            }
            Choice::Installed => "agentctl".to_owned(),
        }
    }

    /// A client of one daemon.
    pub(crate) fn client(&self, daemon: &str) -> Result<Client, Failure> {
        let socket = self.dirs.socket(daemon);
        suite::check_length(&socket)?;
        Ok(Client::new(socket))
    }

    /// One call to agentd under a new request id.
    pub(crate) async fn agentd<E: Endpoint>(&self, request: &E::Request) -> Result<E::Response, Failure> {
        self.call::<E>(&self.client("agentd")?, request).await
    }

    /// One call under a new request id, over a client that may be used again.
    pub(crate) async fn call<E: Endpoint>(
        &self,
        client: &Client,
        request: &E::Request,
    ) -> Result<E::Response, Failure> {
        let id = RequestId::generate();
        client.call_under::<E>(&id, request).await.map_err(|error| Failure::of_call(error, &id, &self.how_to_start()))
    }

    /// The fault of a call under `id` that has no answer.
    pub(crate) fn fault(&self, error: osmoda_ipc::CallError, id: &RequestId) -> osmoda_ipc::Fault {
        fault_of_call(error, id, &self.how_to_start())
    }
}
