//! Units that are made by asking for them: they live in systemd alone, and are forgotten when they end.

use std::time::Duration;

use zbus::{OwnedObjectPath, Variant};

use crate::{SystemdError, bus::Bus};

/// The value of one setting of a unit, in the types of systemd's D-Bus interface (org.freedesktop.systemd1(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Yes or no.
    Flag(bool),
    /// 64 bits.
    Number(u64),
    /// 32 bits: modes and counts.
    Small(u32),
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// A list of what alone is allowed.
    Allowed(Vec<String>),
    /// A program with all of its arguments, the first of which is its own name. No shell, no specifiers.
    Command {
        /// The program.
        path: String,
        /// Its arguments.
        argv: Vec<String>,
    },
}

impl Setting {
    fn variant(self) -> Variant<'static> {
        match self {
            Self::Flag(flag) => Variant::new(flag),
            Self::Number(number) => Variant::new(number),
            Self::Small(number) => Variant::new(number),
            Self::Text(text) => Variant::new(text),
            Self::Texts(texts) => Variant::new(texts),
            Self::Allowed(names) => Variant::new((true, names)),
            Self::Command { path, argv } => Variant::new(vec![(path, argv, false)]),
        }
    }
}

impl Bus {
    /// Makes a unit and starts it; a failed one of the same name is forgotten first. The name must come from
    /// [`crate::unit_name`]. Waits until the start is done, one way or the other, but no longer than `patience`.
    pub async fn start_transient(
        &self,
        unit: &str,
        settings: Vec<(&'static str, Setting)>,
        patience: Duration,
    ) -> Result<(), SystemdError> {
        // Nothing to forget is what is wanted.
        let _ = self.manager("ResetFailedUnit", &(unit,)).await;
        let settings: Vec<(&str, Variant<'_>)> =
            settings.into_iter().map(|(name, setting)| (name, setting.variant())).collect();
        let others: Vec<(&str, Vec<(&str, Variant<'_>)>)> = Vec::new();
        let answer = self.manager("StartTransientUnit", &(unit, "fail", settings, others)).await?;
        let job: OwnedObjectPath = answer.body().deserialize().map_err(SystemdError::of)?;
        self.done(&job, patience).await;
        Ok(())
    }

    /// Forgets that a unit failed.
    pub async fn reset_failed(&self, unit: &str) -> Result<(), SystemdError> {
        self.manager("ResetFailedUnit", &(unit,)).await.map(drop)
    }
}
