//! How the machine is, from a handful of small reads.

use std::time::Instant;

use nix::{sys::statvfs::statvfs, unistd::gethostname};
use osmoda_api::agentd::{Cpu, DiskUse, Health, Load, Ram};
use osmoda_ipc::Up;

use super::{Sampler, SystemError, mounts::Space, text};

/// How the machine is, as measured now. Takes tens of microseconds; `started` is when agentd did.
pub fn health(sampler: &Sampler, started: Instant) -> Result<Health, SystemError> {
    let usage = sampler.usage()?;
    Ok(Health {
        up: Up::since("agentd", started),
        cpu: Cpu { percent: usage.percent, cores: usage.cores },
        ram: from_file("/proc/meminfo", parse_memory)?,
        disk: root_disk()?,
        load: from_file("/proc/loadavg", parse_load)?,
        uptime_secs: uptime()? as u64,
        hostname: hostname()?,
    })
}

/// Seconds since boot.
pub(super) fn uptime() -> Result<f64, SystemError> {
    from_file("/proc/uptime", parse_uptime)
}

/// The kernel's name for this host.
pub(super) fn hostname() -> Result<String, SystemError> {
    let name = gethostname().map_err(|errno| SystemError::unreadable("the host name", errno.into()))?;
    Ok(name.to_string_lossy().into_owned())
}

fn from_file<T>(path: &str, parse: fn(&[u8]) -> Option<T>) -> Result<T, SystemError> {
    parse(&text::read(path)?).ok_or_else(|| SystemError::malformed(path))
}

fn root_disk() -> Result<DiskUse, SystemError> {
    let space = statvfs("/").map_err(|errno| SystemError::unreadable("the file system of /", errno.into()))?;
    let Space { total_bytes, used_bytes, available_bytes, .. } = Space::from(&space);
    Ok(DiskUse { mount: "/".into(), total_bytes, used_bytes, available_bytes })
}

fn parse_memory(meminfo: &[u8]) -> Option<Ram> {
    let (mut total, mut available, mut swap_total, mut swap_free) = (None, None, 0, 0);
    for line in text::lines(meminfo) {
        let mut fields = text::fields(line);
        let (Some(name), Some(kibibytes)) = (fields.next(), fields.next().and_then(text::number::<u64>)) else {
            continue;
        };
        let bytes = kibibytes.saturating_mul(1024);
        match name {
            b"MemTotal:" => total = Some(bytes),
            b"MemAvailable:" => available = Some(bytes),
            b"SwapTotal:" => swap_total = bytes,
            b"SwapFree:" => {
                swap_free = bytes;
                break;
            }
            _ => {}
        }
    }
    let (total_bytes, available_bytes) = (total?, available?);
    Some(Ram {
        total_bytes,
        available_bytes,
        used_bytes: total_bytes.saturating_sub(available_bytes),
        swap_total_bytes: swap_total,
        swap_used_bytes: swap_total.saturating_sub(swap_free),
    })
}

fn parse_load(loadavg: &[u8]) -> Option<Load> {
    let mut fields = text::fields(loadavg).map(text::number);
    Some(Load { one: fields.next()??, five: fields.next()??, fifteen: fields.next()?? })
}

fn parse_uptime(uptime: &[u8]) -> Option<f64> {
    text::fields(uptime).next().and_then(text::number)
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[test]
    fn memory_is_told_in_bytes() {
        let text = "MemTotal:       16316412 kB\nMemFree:         1234 kB\nMemAvailable:   10000000 kB\n\
                    HugePages_Total:   0\n\
                    SwapTotal:       2097148 kB\nSwapFree:        2000000 kB\nDirty: 1 kB\n";
        assert_eq!(
            parse_memory(text.as_bytes()),
            Some(Ram {
                total_bytes: 16_316_412 * 1024,
                available_bytes: 10_240_000_000,
                used_bytes: 6_316_412 * 1024,
                swap_total_bytes: 2_097_148 * 1024,
                swap_used_bytes: 97_148 * 1024,
            })
        );
        let without_swap = parse_memory(b"MemTotal: 8 kB\nMemAvailable: 9 kB\n").unwrap();
        assert_eq!((without_swap.used_bytes, without_swap.swap_total_bytes), (0, 0));
        assert_eq!(parse_memory(b"MemTotal: 8 kB\n"), None);
        assert_eq!(parse_memory(b""), None);
    }

    #[test]
    fn load_and_uptime_are_numbers() {
        assert_eq!(parse_load(b"0.52 1.50 2.25 2/345 6789\n"), Some(Load { one: 0.52, five: 1.5, fifteen: 2.25 }));
        assert_eq!(parse_load(b"0.52 1.50\n"), None);
        assert_eq!(parse_uptime(b"12345.67 98765.43\n"), Some(12345.67));
        assert_eq!(parse_uptime(b"\n"), None);
    }

    #[tokio::test]
    async fn this_machine_is_measured() {
        let stop = CancellationToken::new();
        let health = health(&Sampler::start(stop.clone()), Instant::now()).unwrap();
        stop.cancel();
        assert!((0.0..=100.0).contains(&health.cpu.percent), "{health:?}");
        let cores = std::fs::read_to_string("/proc/cpuinfo").unwrap().matches("processor\t:").count();
        assert!(cores == 0 || health.cpu.cores as usize == cores, "{health:?}");
        assert!(health.ram.used_bytes > 0 && health.ram.used_bytes < health.ram.total_bytes, "{health:?}");
        assert!(health.disk.used_bytes + health.disk.available_bytes <= health.disk.total_bytes, "{health:?}");
        assert!(health.disk.total_bytes > 0 && health.uptime_secs > 0, "{health:?}");
        assert_eq!(health.hostname, std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim_end());
        assert_eq!((health.up.status.as_ref(), health.up.daemon.as_ref()), ("ok", "agentd"));
    }
}
