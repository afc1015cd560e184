//! Logs to standard error: for the journal without time and colour, which it has itself, for people with both.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// `OSMODA_LOG` filters as in tracing's EnvFilter; `info` by default.
pub(super) fn init() {
    let filter = EnvFilter::try_from_env("OSMODA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // Twice in one process happens in tests only, and the first one stays.
    let _ = if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.without_time().with_ansi(false).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
}
