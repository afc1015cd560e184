//! `agentctl health`: how the machine is.

use osmoda_api::agentd::{Health, SystemHealth};
use osmoda_ipc::Nothing;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{CARE, Cell, PLAIN, STRONG, Table, units},
};

/// From this share on, in per cent, a resource wants attention.
const TIGHT: f64 = 90.0;

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let health = context.agentd::<SystemHealth>(&Nothing {}).await?;
    if context.output.is_json() {
        context.output.json(&health)?;
    } else {
        context.output.table(&table(&health))?;
    }
    Ok(Exit::Fine)
}

fn table(health: &Health) -> Table {
    let Health { up, cpu, ram, disk, load, .. } = health;
    let mut table = Table::new(&[]);
    let mut row = |name: &str, tight: bool, text: String| {
        table.row([Cell::styled(STRONG, name), Cell::styled(if tight { CARE } else { PLAIN }, text)]);
    };
    row("host", false, format!("{}, up {}", health.hostname, units::seconds(health.uptime_secs)));
    row("agentd", false, format!("{}, up {}", up.version, units::seconds(up.daemon_uptime_secs)));
    let cores = if cpu.cores == 1 { "core" } else { "cores" };
    row("cpu", cpu.percent >= TIGHT, format!("{:.1} % of {} {cores}", cpu.percent, cpu.cores));
    row(
        "load",
        load.five > f64::from(cpu.cores) * 2.0,
        format!("{:.2} {:.2} {:.2}", load.one, load.five, load.fifteen),
    );
    row("memory", share(ram.used_bytes, ram.total_bytes) >= TIGHT, use_of(ram.used_bytes, ram.total_bytes));
    if ram.swap_total_bytes > 0 {
        row(
            "swap",
            share(ram.swap_used_bytes, ram.swap_total_bytes) >= TIGHT,
            use_of(ram.swap_used_bytes, ram.swap_total_bytes),
        );
    }
    let free = units::bytes(disk.available_bytes);
    let full = share(disk.used_bytes, disk.used_bytes + disk.available_bytes) >= TIGHT;
    row(&format!("disk {}", disk.mount), full, format!("{}, {free} free", use_of(disk.used_bytes, disk.total_bytes)));
    table
}

fn use_of(used: u64, total: u64) -> String {
    format!("{} of {} used ({})", units::bytes(used), units::bytes(total), units::percent(used, total))
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn health_reads_in_human_units() {
        let health: Health = serde_json::from_value(json!({
            "status": "ok", "daemon": "agentd", "version": "0.1.0", "daemon_uptime_secs": 61,
            "cpu": {"percent": 12.34, "cores": 4},
            "ram": {"total_bytes": 8_u64 << 30, "available_bytes": 5_u64 << 30, "used_bytes": 3_u64 << 30, "swap_total_bytes": 0, "swap_used_bytes": 0},
            "disk": {"mount": "/", "total_bytes": 100_u64 << 30, "used_bytes": 25_u64 << 30, "available_bytes": 75_u64 << 30},
            "load": {"one": 0.5, "five": 0.25, "fifteen": 0.125},
            "uptime_secs": 273_900, "hostname": "web-1",
        }))
        .unwrap();
        let text = table(&health).render(None, false);
        let expected = "host    web-1, up 3 d 4 h\nagentd  0.1.0, up 1 min 1 s\ncpu     12.3 % of 4 cores\nload    0.50 0.25 0.12\n\
                        memory  3.0 GiB of 8.0 GiB used (38 %)\ndisk /  25.0 GiB of 100.0 GiB used (25 %), 75.0 GiB free\n";
        assert_eq!(text, expected);
    }
}
