//! Why an app can't be deployed, found or changed.

use osmoda_ipc::Fault;

/// An app can't be deployed, found or changed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// What can't be a name. It is refused and never cleaned: two names that look different are two apps.
    #[error(
        "{0:?} is no name for an app: it has 1 to 48 of a-z, 0-9 and -, begins with a letter and does not end with -"
    )]
    BadName(String),
    /// A setting that can't be.
    #[error("{setting}: {why}")]
    BadSetting {
        /// Which.
        setting: &'static str,
        /// Why.
        why: String,
    },
    /// There is one already.
    #[error("there is an app {0} already; remove it with app_remove first, or take another name")]
    Exists(String),
    /// There is none.
    #[error("there is no app {0}; app_list shows those that there are")]
    Unknown(String),
    /// Somebody listens there.
    #[error("port {port} is taken by {by}; take another one, or stop what listens there")]
    PortTaken {
        /// Which.
        port: u16,
        /// Who, as far as can be told.
        by: String,
    },
    /// Too many.
    #[error("{0} apps are the most; remove one first")]
    TooMany(usize),
    /// The registry.
    #[error("the registry of apps can't be used")]
    Registry(#[from] rusqlite::Error),
    /// An entry that this version does not read.
    #[error("the registry's entry of {name} can't be read")]
    Unreadable {
        /// Which.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl AppError {
    pub(crate) fn setting(setting: &'static str, why: impl Into<String>) -> Self {
        Self::BadSetting { setting, why: why.into() }
    }
}

impl From<AppError> for Fault {
    fn from(error: AppError) -> Self {
        let message = error.to_string();
        match error {
            AppError::BadName(_) => Self::bad_request("invalid_app_name", message),
            AppError::BadSetting { .. } => Self::bad_request("invalid_app", message),
            AppError::Exists(_) => Self::conflict("app_exists", message),
            AppError::Unknown(_) => Self::not_found("app_unknown", message),
            AppError::PortTaken { .. } => Self::conflict("port_taken", message),
            AppError::TooMany(_) => Self::conflict("too_many_apps", message),
            AppError::Registry(source) => Self::unavailable("apps_unavailable", format!("{message}; see agentd's log"))
                .with_private(source.to_string()),
            AppError::Unreadable { source, .. } => {
                Self::failed("app_unreadable", message).with_private(source.to_string())
            }
        }
    }
}
