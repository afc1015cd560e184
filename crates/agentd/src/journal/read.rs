//! Reads entries, by journalctl.
//!
//! The journal's files have their own format with several generations of hashing and compression that change with
//! systemd; the one reader of them in Rust alone walks whole files without their indexes and knows no cursors, and the
//! others bind to the C library. journalctl is of the machine's own systemd, and its JSON is documented as stable.

use std::{path::Path, process::Stdio, time::Duration};

use jiff::{Timestamp, civil, tz::TimeZone};
use osmoda_api::agentd::{Journal, JournalRequest};
use osmoda_systemd::unit_name;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use super::{
    JournalError,
    entry::{PRIORITIES, parse},
};
use crate::shell::Awaited;

const FIELDS: &str = "--output-fields=MESSAGE,PRIORITY,UNIT,_SYSTEMD_UNIT,_PID,SYSLOG_IDENTIFIER";
/// How long journalctl may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most that is read for one answer, in bytes: entries may hold a core dump each.
const MOST_BYTES: u64 = 32 << 20;
const MOST_LINES: u32 = 500;
const DEFAULT_LINES: u32 = 50;
/// Where journals are kept (systemd-journald.service(8)).
const FOLDERS: [&str; 2] = ["/run/log/journal", "/var/log/journal"];

/// What is asked, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    arguments: Vec<String>,
    lines: usize,
}

impl Question {
    /// What a caller of `journal_logs` asks.
    pub(crate) fn new(request: &JournalRequest) -> Result<Self, JournalError> {
        let lines = match request.lines.unwrap_or(DEFAULT_LINES) {
            lines @ 1..=MOST_LINES => lines,
            lines => return Err(JournalError::BadLines(lines)),
        };
        let mut arguments = ["--no-pager", "--quiet", "--all", "--output=json", FIELDS].map(str::to_owned).to_vec();
        arguments.push(format!("--unit={}", unit_name(&request.unit)?));
        if let Some(priority) = &request.priority {
            arguments.push(format!("--priority={}", number_of(priority)?));
        }
        if let Some(since) = &request.since {
            arguments.push(format!("--since=@{}", microseconds(since)?));
        }
        match &request.cursor {
            // With --lines, journalctl would skip to the newest of what follows.
            Some(cursor) => arguments.push(format!("--after-cursor={}", checked(cursor)?)),
            None => arguments.push(format!("--lines={lines}")),
        }
        Ok(Self { arguments, lines: lines as usize })
    }

    /// The last entries of a unit.
    pub(crate) fn last(unit: &str, lines: u32) -> Result<Self, JournalError> {
        Self::new(&JournalRequest { unit: unit.to_owned(), lines: Some(lines), ..JournalRequest::default() })
    }
}

/// The entries.
pub(crate) async fn read(question: Question) -> Result<Journal, JournalError> {
    if !FOLDERS.iter().any(|folder| Path::new(folder).is_dir()) {
        return Err(JournalError::NotHere);
    }
    let mut command = Command::new("journalctl");
    command.args(&question.arguments).env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command.env("PATH", crate::shell::path()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, _awaited) = match Awaited::start(|| command.spawn(), Child::id) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(JournalError::NotHere),
        started => started?,
    };
    let answer = tokio::time::timeout(PATIENCE, listen(&mut child, question.lines)).await;
    // What was read is enough; it may have more to say.
    let _ = child.start_kill();
    let _ = tokio::time::timeout(PATIENCE, child.wait()).await;
    answer.map_err(|_| JournalError::Late)?
}

async fn listen(child: &mut Child, most: usize) -> Result<Journal, JournalError> {
    let mut journal = Journal::default();
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else { return Ok(journal) };
    let mut lines = BufReader::new(out.take(MOST_BYTES));
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).await? == 0 {
            break;
        }
        let Some((entry, cursor)) = parse(&line) else { continue };
        if journal.entries.len() == most {
            journal.more = true;
            return Ok(journal);
        }
        journal.entries.push(entry);
        journal.next_cursor = Some(cursor);
    }
    if lines.into_inner().limit() == 0 {
        journal.more = true;
        return Ok(journal);
    }
    let mut said = String::new();
    err.take(4096).read_to_string(&mut said).await?;
    let status = child.wait().await?;
    if status.success() || journal.next_cursor.is_some() {
        return Ok(journal);
    }
    let said = said.trim();
    if said.contains("cursor") { Err(JournalError::BadCursor) } else { Err(JournalError::Failed(said.to_owned())) }
}

fn number_of(priority: &str) -> Result<usize, JournalError> {
    let by_name = PRIORITIES.iter().position(|name| *name == priority);
    by_name
        .or_else(|| priority.parse().ok().filter(|number| *number < PRIORITIES.len()))
        .ok_or_else(|| JournalError::BadPriority(priority.chars().take(32).collect()))
}

/// Seconds since 1970 with microseconds, as systemd.time(7) takes them behind an `@`.
fn microseconds(time: &str) -> Result<String, JournalError> {
    let day = || time.parse::<civil::Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let parsed = time.parse::<Timestamp>().ok().or_else(day);
    let bad = || JournalError::BadTime(time.chars().take(64).collect());
    let usec = parsed.map(Timestamp::as_microsecond).filter(|usec| *usec >= 0).ok_or_else(bad)?;
    Ok(format!("{}.{:06}", usec / 1_000_000, usec % 1_000_000))
}

fn checked(cursor: &str) -> Result<&str, JournalError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "=;".contains(c);
    let good = (1..=512).contains(&cursor.len()) && cursor.chars().all(fits);
    if good { Ok(cursor) } else { Err(JournalError::BadCursor) }
}

#[cfg(test)]
mod tests {
    use osmoda_ipc::Fault;

    use super::*;

    fn asked(change: impl FnOnce(&mut JournalRequest)) -> Result<String, String> {
        let mut request = JournalRequest { unit: "a".into(), ..JournalRequest::default() };
        change(&mut request);
        let question = Question::new(&request).map_err(|error| Fault::from(error).code().to_owned())?;
        Ok(question.arguments[5..].join(" "))
    }

    #[test]
    fn a_question_becomes_arguments_and_nothing_else() {
        assert_eq!(asked(|_| {}).unwrap(), "--unit=a.service --lines=50");
        let full = asked(|request| {
            request.priority = Some("warning".into());
            request.since = Some("2026-01-02T03:04:05.678Z".into());
            request.lines = Some(500);
        });
        assert_eq!(full.unwrap(), "--unit=a.service --priority=4 --since=@1767323045.678000 --lines=500");
        assert_eq!(
            asked(|request| request.since = Some("1970-01-02".into())).unwrap(),
            "--unit=a.service --since=@86400.000000 --lines=50"
        );
        assert_eq!(
            asked(|request| request.cursor = Some("s=a;i=1".into())).unwrap(),
            "--unit=a.service --after-cursor=s=a;i=1"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(asked(|request| request.unit = "*".into()), Err("invalid_unit".into()));
        assert_eq!(asked(|request| request.lines = Some(0)), Err("invalid_request".into()));
        assert_eq!(asked(|request| request.lines = Some(501)), Err("invalid_request".into()));
        for priority in ["", "8", "-1", "loud", "3..4"] {
            assert_eq!(
                asked(|request| request.priority = Some(priority.into())),
                Err("invalid_request".into()),
                "{priority}"
            );
        }
        for since in ["", "yesterday", "-1", "1960-01-01"] {
            assert_eq!(asked(|request| request.since = Some(since.into())), Err("invalid_time".into()), "{since}");
        }
        for cursor in ["", "a b", "--x", "s=a\n"] {
            assert_eq!(asked(|request| request.cursor = Some(cursor.into())), Err("invalid_cursor".into()), "{cursor}");
        }
    }
}
