//! What process 1 is told, on its command line. Everybody inside may read it; it holds no secret.

use std::{
    ffi::{OsStr, OsString},
    os::fd::{FromRawFd, OwnedFd, RawFd},
    path::PathBuf,
};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// The whole of it.
#[derive(Debug)]
pub(crate) struct Orders {
    /// Where it reports.
    pub(crate) report: OwnedFd,
    /// The runner's hold: at its end everything inside ends.
    pub(crate) leash: OwnedFd,
    pub(crate) cpu_ms: u64,
    pub(crate) memory: u64,
    pub(crate) processes: u64,
    pub(crate) file: u64,
    pub(crate) read: Vec<PathBuf>,
    pub(crate) exec: Vec<PathBuf>,
    pub(crate) write: Vec<PathBuf>,
    /// The proxy's socket, where there is a way out.
    pub(crate) proxy: Option<OwnedFd>,
    pub(crate) command: Vec<OsString>,
}

pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Orders, String> {
    let (mut report, mut leash, mut numbers) = (None, None, [None; 4]);
    let (mut read, mut exec, mut write, mut proxy) = (Vec::new(), Vec::new(), Vec::new(), None);
    while let Some(name) = arguments.next() {
        let name = name.to_str().ok_or("a flag is no text")?.to_owned();
        if name == "--" {
            break;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
        match name.as_str() {
            "--report" => report = Some(number(&value)?),
            "--proxy" => proxy = Some(number(&value)?),
            "--leash" => leash = Some(number(&value)?),
            "--cpu-ms" => numbers[0] = Some(number(&value)?),
            "--memory" => numbers[1] = Some(number(&value)?),
            "--processes" => numbers[2] = Some(number(&value)?),
            "--file" => numbers[3] = Some(number(&value)?),
            "--read" => read.push(value.into()),
            "--exec" => exec.push(value.into()),
            "--write" => write.push(value.into()),
            _ => return Err(format!("{name} is unknown")),
        }
    }
    let [Some(cpu_ms), Some(memory), Some(processes), Some(file)] = numbers else {
        return Err("a limit is missing".to_owned());
    };
    let report = take(report.ok_or("--report is missing")?)?;
    let proxy = proxy.map(take).transpose()?;
    let leash = take(leash.ok_or("--leash is missing")?)?;
    Ok(Orders {
        report,
        leash,
        cpu_ms,
        memory,
        processes,
        file,
        read,
        exec,
        write,
        proxy,
        command: arguments.collect(),
    })
}

fn number(value: &OsStr) -> Result<u64, String> {
    value.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| format!("{} is no number", value.display()))
}

/// The descriptor of this number, which the command is not to have.
#[expect(unsafe_code)]
fn take(number: u64) -> Result<OwnedFd, String> {
    let raw = RawFd::try_from(number).map_err(|error| error.to_string())?;
    if raw <= libc::STDERR_FILENO {
        return Err("a report goes to no standard stream".to_owned());
    }
    // SAFETY: nothing has been opened in this process yet but the standard streams, so that no other owner of this
    // number can exist; that it is open the next call finds out before anybody uses it.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    match fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
        Ok(_) => Ok(fd),
        Err(errno) => {
            std::mem::forget(fd);
            Err(format!("descriptor {raw}: {errno}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::IntoRawFd;

    use super::*;

    fn parse_text(text: &str) -> Result<Orders, String> {
        parse(text.split(' ').map(OsString::from))
    }

    #[test]
    fn orders_are_whole_or_refused() {
        let report = std::fs::File::open("/dev/null").unwrap().into_raw_fd();
        let proxy = std::fs::File::open("/dev/null").unwrap().into_raw_fd();
        let leash = std::fs::File::open("/dev/null").unwrap().into_raw_fd();
        let text = format!(
            "--report {report} --leash {leash} --cpu-ms 1 --memory 2 --processes 3 --file 4 --read /a --write /b --exec /c --proxy {proxy} -- /bin/x --report y"
        );
        let orders = parse_text(&text).unwrap();
        assert_eq!(
            (orders.cpu_ms, orders.memory, orders.processes, orders.file, orders.proxy.is_some()),
            (1, 2, 3, 4, true)
        );
        assert_eq!((orders.read, orders.write, orders.exec), (vec!["/a".into()], vec!["/b".into()], vec!["/c".into()]));
        assert_eq!(orders.command, ["/bin/x", "--report", "y"]);
        for wrong in [
            "",
            "--x y",
            "--report 1 --cpu-ms 1 --memory 2 --processes 3 --file 4 -- x",
            "--report 99999 --leash 99998 --cpu-ms 1 --memory 2 --processes 3 --file 4 -- x",
            "--cpu-ms",
            "--cpu-ms x",
        ] {
            assert!(parse_text(wrong).is_err(), "{wrong}");
        }
    }
}
