//! The runner of sandboxes: serves the socket that systemd hands it (LISTEN_FDS), or its standard input.

use std::{
    io::{self, Write},
    os::fd::{BorrowedFd, OwnedFd, RawFd},
    path::PathBuf,
    process::ExitCode,
};

use osmoda_sandbox::{Init, Settings, become_account, serve};

/// Where systemd's first socket is (sd_listen_fds(3)).
const FIRST_SOCKET: RawFd = 3;
/// Sandboxes at a time, where nothing else is said.
const MOST: usize = 8;
/// EX_USAGE of sysexits.h.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let settings = match settings(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(why) => {
            let _ = writeln!(
                io::stderr(),
                "osmoda-sandbox: {why}\nusage: osmoda-sandbox [--most N] [--own FOLDER]... [--bwrap FILE]; agentd starts it"
            );
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let result = become_account()
        .map_err(|error| error.to_string())
        .and_then(|()| door().map_err(|error| error.to_string()))
        .and_then(|door| serve(door, settings).map_err(|error| error.to_string()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "osmoda-sandbox: {why}");
            ExitCode::FAILURE
        }
    }
}

fn settings(mut arguments: impl Iterator<Item = String>) -> Result<Settings, String> {
    let init = Init::own().map_err(|error| error.to_string())?;
    let mut settings =
        Settings { init, most: MOST, own: vec!["/run/osmoda".into(), "/var/lib/osmoda".into()], bwrap: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
        match name.as_str() {
            "--most" => settings.most = value.parse().map_err(|_| "--most is a number".to_owned())?,
            "--own" => settings.own.push(PathBuf::from(value)),
            "--bwrap" => settings.bwrap = Some(value.into()),
            _ => return Err(format!("{name} is unknown")),
        }
    }
    Ok(settings)
}

/// A copy of the socket, closed on exec; the original goes, so that no sandbox is ever started with it.
#[expect(unsafe_code)]
fn door() -> io::Result<OwnedFd> {
    let by_systemd = std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    let number = if by_systemd { FIRST_SOCKET } else { 0 };
    // SAFETY: systemd gives this number as open, and standard input is; nothing else was opened yet that could close it.
    let given = unsafe { BorrowedFd::borrow_raw(number) };
    let copy = given.try_clone_to_owned()?;
    if by_systemd {
        // SAFETY: as above; nobody uses the original any more.
        drop(unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(number) });
    }
    Ok(copy)
}
