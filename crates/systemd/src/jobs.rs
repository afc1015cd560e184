//! Transient units: a program in a unit of its own, and a timer that starts one later.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use zbus::{MessageStream, OwnedObjectPath, Variant, message::Type};

use crate::{
    SystemdError,
    bus::{Bus, MANAGER, NAME, PATH, number, text},
};

/// How often a job is looked after beside systemd's own word.
const LOOK: Duration = Duration::from_millis(250);

/// A property of a unit that is made.
type Property<'a> = (&'a str, Variant<'a>);
/// A unit beside the one that is made.
type Auxiliary<'a> = (&'a str, Vec<Property<'a>>);

/// A program that runs once, in a unit of its own: it outlives whoever started it.
#[derive(Clone, Debug)]
pub struct OneShot<'a> {
    /// The unit's name, with `.service`.
    pub unit: &'a str,
    /// For people.
    pub description: &'a str,
    /// The program, absolute, and its arguments.
    pub argv: &'a [String],
    /// Where what it says is written; the folder must exist.
    pub output: &'a Path,
    /// How long it may run.
    pub patience: Duration,
}

/// How a program of a unit of its own ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With 0.
    Well,
    /// Otherwise: `exit-code 3`, `signal 9`, `timeout` ...
    Badly(String),
}

/// A command that a timer starts at its time, also when everybody else is gone.
#[derive(Clone, Debug)]
pub struct Alarm<'a> {
    /// The timer's and the service's name, without type.
    pub name: &'a str,
    /// For people.
    pub description: &'a str,
    /// The program, absolute, and its arguments.
    pub argv: &'a [String],
    /// From now.
    pub after: Duration,
    /// How long the command may run; it is started again until it ends well.
    pub patience: Duration,
}

impl Bus {
    /// Runs a program in a unit of its own to its end. Where a unit of this name exists already, its end is waited for
    /// instead: whoever started it is gone.
    pub async fn run_once(&self, shot: &OneShot<'_>) -> Result<Ended, SystemdError> {
        let mut removed = self.jobs_removed().await?;
        let argv = shot.argv.iter().map(String::as_str).collect::<Vec<_>>();
        let Some(program) = argv.first() else { return Err(SystemdError::BadName(String::new())) };
        let output = shot.output.to_string_lossy();
        let microseconds = usec(shot.patience);
        let properties: Vec<Property<'_>> = vec![
            ("Description", Variant::new(shot.description)),
            ("Type", Variant::new("oneshot")),
            // The result stays until it is read.
            ("RemainAfterExit", Variant::new(true)),
            ("TimeoutStartUSec", Variant::new(microseconds)),
            ("StandardOutputFile", Variant::new(&*output)),
            ("StandardErrorFile", Variant::new(&*output)),
            ("DefaultDependencies", Variant::new(false)),
            ("ExecStart", Variant::new(vec![(*program, argv.clone(), false)])),
        ];
        let started = self
            .manager("StartTransientUnit", &(shot.unit, "fail", properties, Vec::<Auxiliary<'_>>::new()))
            .await
            .and_then(|answer| answer.body().deserialize::<OwnedObjectPath>().map_err(SystemdError::of));
        match started {
            Ok(job) => self.job_removed(&mut removed, &job, shot.patience).await,
            Err(SystemdError::Refused(why)) if why.contains("already") => {}
            Err(error) => return Err(error),
        }
        let ended = self.ended(shot.unit, shot.patience).await?;
        self.forget(shot.unit).await;
        Ok(ended)
    }

    /// How a unit of [`Bus::run_once`] ended, or will: nothing where there is no such unit.
    pub async fn adopt(&self, unit: &str, patience: Duration) -> Result<Option<Ended>, SystemdError> {
        let path = self.path(unit).await?;
        if text(&self.properties(&path, "Unit").await?, "LoadState").as_deref() != Some("loaded") {
            return Ok(None);
        }
        let ended = self.ended(unit, patience).await?;
        self.forget(unit).await;
        Ok(Some(ended))
    }

    /// Sets an alarm. One of the same name is replaced.
    pub async fn set_alarm(&self, alarm: &Alarm<'_>) -> Result<(), SystemdError> {
        let (timer, service) = (format!("{}.timer", alarm.name), format!("{}.service", alarm.name));
        self.forget(&timer).await;
        let argv = alarm.argv.iter().map(String::as_str).collect::<Vec<_>>();
        let Some(program) = argv.first() else { return Err(SystemdError::BadName(String::new())) };
        let of_service: Vec<Property<'_>> = vec![
            ("Description", Variant::new(alarm.description)),
            ("Type", Variant::new("oneshot")),
            ("TimeoutStartUSec", Variant::new(usec(alarm.patience))),
            ("Restart", Variant::new("on-failure")),
            ("RestartUSec", Variant::new(usec(Duration::from_secs(5)))),
            ("StartLimitIntervalUSec", Variant::new(0_u64)),
            ("ExecStart", Variant::new(vec![(*program, argv.clone(), false)])),
        ];
        let of_timer: Vec<Property<'_>> = vec![
            ("Description", Variant::new(alarm.description)),
            ("TimersMonotonic", Variant::new(vec![("OnActiveSec", usec(alarm.after))])),
            ("AccuracyUSec", Variant::new(usec(Duration::from_millis(100)))),
            ("RemainAfterElapse", Variant::new(false)),
        ];
        let auxiliary: Vec<Auxiliary<'_>> = vec![(&service, of_service)];
        self.manager("StartTransientUnit", &(timer.as_str(), "replace", of_timer, auxiliary)).await.map(drop)
    }

    /// Takes an alarm back; one that is not there is fine. A command that runs already runs on.
    pub async fn clear_alarm(&self, name: &str) {
        self.forget(&format!("{name}.timer")).await;
    }

    /// Whether an alarm of this name still waits.
    pub async fn has_alarm(&self, name: &str) -> Result<bool, SystemdError> {
        let path = self.path(&format!("{name}.timer")).await?;
        Ok(text(&self.properties(&path, "Unit").await?, "ActiveState").as_deref() == Some("active"))
    }

    /// Stops a transient unit and has systemd forget how it ended.
    async fn forget(&self, unit: &str) {
        let _ = self.manager("StopUnit", &(unit, "replace")).await;
        let _ = self.manager("ResetFailedUnit", &(unit,)).await;
    }

    pub(crate) async fn jobs_removed(&self) -> Result<MessageStream, SystemdError> {
        let rule = zbus::MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(NAME)
            .interface(MANAGER)
            .member("JobRemoved")
            .path(PATH)
            .build()
            .map_err(SystemdError::of)?;
        MessageStream::for_match_rule(rule, self.connection(), None).await.map_err(SystemdError::of)
    }

    /// Until systemd says that a job is gone, or the job is not to be found.
    pub(crate) async fn job_removed(&self, removed: &mut MessageStream, job: &OwnedObjectPath, patience: Duration) {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            match tokio::time::timeout(LOOK, removed.next()).await {
                Ok(Some(Ok(message))) => {
                    let body = message.body();
                    let told: Result<(u32, OwnedObjectPath, String, String), _> = body.deserialize();
                    if told.is_ok_and(|(_, path, ..)| path == *job) {
                        return;
                    }
                }
                Ok(Some(Err(_))) => {}
                // A signal may be lost with the bus; the job itself can still be asked after.
                Ok(None) | Err(_) => {
                    if self.properties(job, "Job").await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn ended(&self, unit: &str, patience: Duration) -> Result<Ended, SystemdError> {
        let deadline = Instant::now() + patience;
        let path = self.path(unit).await?;
        loop {
            let of_unit = self.properties(&path, "Unit").await?;
            let of_service = self.properties(&path, "Service").await?;
            let state = text(&of_unit, "ActiveState").unwrap_or_default();
            let result = text(&of_service, "Result").unwrap_or_default();
            match state.as_str() {
                "active" if result == "success" => return Ok(Ended::Well),
                "failed" => {
                    let status = number(&of_service, "ExecMainStatus");
                    let status = status.map(|status| format!(" {status}")).unwrap_or_default();
                    return Ok(Ended::Badly(format!("{result}{status}")));
                }
                "inactive" => return Ok(Ended::Badly("it was stopped".into())),
                _ if Instant::now() >= deadline => {
                    return Err(SystemdError::NotSettled { unit: unit.to_owned(), state });
                }
                _ => tokio::time::sleep(LOOK / 10).await,
            }
        }
    }
}

fn usec(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
