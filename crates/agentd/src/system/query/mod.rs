//! Tables of system state: one file a subject, each a function that reads its rows.

mod disk;
mod host;
mod mounts;
mod packages;
mod processes;
mod record;
mod select;
mod sockets;
mod sysctl;
mod units;
mod users;

use osmoda_api::agentd::{QueryAnswer, QueryRequest, Table};

use tokio::runtime::Handle;

use self::select::select;
use super::SystemError;

/// One table of system state, filtered, sorted and limited. `total` counts the rows that matched, of the 100,000 of a
/// kind that are read at most. Blocks on the file system, and on systemd, which is asked on the runtime of `handle`.
pub fn query(request: &QueryRequest, handle: &Handle) -> Result<QueryAnswer, SystemError> {
    let args = request.args.as_ref();
    let selected = match request.query {
        Table::Processes => select(args, processes::rows),
        Table::Disk => select(args, disk::rows),
        Table::Hostname => select(args, host::hostname),
        Table::Uptime => select(args, host::uptime),
        Table::Users => select(args, users::rows),
        Table::Mounts => select(args, mounts::rows),
        Table::Kernel => select(args, host::kernel),
        Table::Sysctl => select(args, sysctl::rows),
        Table::Sockets => select(args, sockets::rows),
        Table::Packages => select(args, packages::rows),
        Table::Units => select(args, || units::rows(handle)),
        Table::Timers => select(args, || units::timers(handle)),
    }?;
    Ok(QueryAnswer { query: request.query, rows: selected.rows, total: selected.total })
}

#[cfg(test)]
mod tests;
