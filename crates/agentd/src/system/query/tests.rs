//! Every table, on the machine that the tests run on.

use std::{net::TcpListener, os::unix::net::UnixListener};

use osmoda_api::agentd::QueryArgs;
use osmoda_ipc::Fault;
use serde_json::{Map, Value, json};

use super::{super::SystemError, QueryAnswer, QueryRequest, Table};

type Row = Map<String, Value>;

fn query(request: &QueryRequest) -> Result<QueryAnswer, SystemError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    super::query(request, runtime.handle())
}

fn ask(table: Table, args: Value) -> QueryAnswer {
    let args: QueryArgs = serde_json::from_value(args).unwrap();
    query(&QueryRequest { query: table, args: Some(args) }).unwrap()
}

fn one(table: Table, filter: &Value) -> Row {
    let answer = ask(table, json!({ "filter": filter }));
    assert_eq!((answer.rows.len(), answer.total), (1, 1), "{filter}: {:?}", answer.rows);
    answer.rows[0].clone()
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap().trim_end().to_owned()
}

#[test]
fn this_process_is_in_the_table_of_processes() {
    let row = one(Table::Processes, &json!({ "pid": std::process::id() }));
    assert_eq!(row["ppid"], std::os::unix::process::parent_id());
    assert_eq!(row["name"], file("/proc/self/comm"));
    assert_eq!(row["uid"], nix::unistd::geteuid().as_raw());
    let resident: u64 = file("/proc/self/statm").split(' ').nth(1).unwrap().parse().unwrap();
    let told = row["rss_bytes"].as_u64().unwrap();
    assert!(told > resident * 4096 / 4 && told < resident * 4096 * 4, "{told} for {resident} pages");
    let line = row["command_line"].as_str().unwrap();
    assert!(line.starts_with(&std::env::args().next().unwrap()), "{line}");
    let started: jiff::Timestamp = row["started_at"].as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(started).as_secs();
    assert!((-2..3600).contains(&age), "{started}");
    assert!(row["threads"].as_u64().unwrap() > 0 && row["cpu_seconds"].as_f64().unwrap() >= 0.0);
}

#[test]
fn processes_come_from_the_largest_down_and_limited() {
    let answer = ask(Table::Processes, json!({ "sort": "-rss_bytes", "limit": 3 }));
    let sizes: Vec<u64> = answer.rows.iter().map(|row| row["rss_bytes"].as_u64().unwrap()).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[0] > 0, "{sizes:?}");
    assert!(sizes.len() <= 3 && answer.total >= sizes.len() as u64);
}

#[test]
fn the_root_is_a_file_system_with_space() {
    let answer = ask(Table::Disk, json!({ "filter": { "mount": "/" }, "limit": 10_000 }));
    let root = answer.rows.iter().find(|row| row["mount"] == "/").unwrap();
    let number = |column: &str| root[column].as_u64().unwrap();
    let space = nix::sys::statvfs::statvfs("/").unwrap();
    assert_eq!(number("total_bytes"), space.blocks() * space.fragment_size());
    assert!(number("used_bytes") + number("available_bytes") <= number("total_bytes"));
    assert!((0.0..=100.0).contains(&root["percent"].as_f64().unwrap()));
    assert!(answer.rows.iter().all(|row| row["fstype"] != "proc"));
}

#[test]
fn there_is_one_host_one_uptime_and_one_kernel() {
    let host = one(Table::Hostname, &json!({}));
    assert_eq!(host["hostname"], file("/proc/sys/kernel/hostname"));
    let kernel = one(Table::Kernel, &json!({}));
    assert_eq!(kernel["release"], file("/proc/sys/kernel/osrelease"));
    assert_eq!(kernel["version"], file("/proc/sys/kernel/version"));
    assert_eq!(kernel["machine"], std::env::consts::ARCH);
    let uptime = one(Table::Uptime, &json!({}));
    let now: f64 = file("/proc/uptime").split(' ').next().unwrap().parse().unwrap();
    assert!((now - uptime["uptime_secs"].as_f64().unwrap()).abs() < 60.0);
    let booted: jiff::Timestamp = uptime["booted_at"].as_str().unwrap().parse().unwrap();
    assert!(booted < jiff::Timestamp::now());
}

#[test]
fn root_is_an_account() {
    let root = one(Table::Users, &json!({ "uid": 0 }));
    assert_eq!((&root["name"], &root["gid"]), (&json!("root"), &json!(0)));
    assert_eq!(root["groups"][0], "root");
}

#[test]
fn proc_is_mounted() {
    let answer = ask(Table::Mounts, json!({ "filter": { "fstype": "proc" }, "limit": 10_000 }));
    assert!(answer.rows.iter().any(|row| row["mount"] == "/proc"), "{:?}", answer.rows);
}

#[test]
fn a_setting_is_told_by_its_dotted_name() {
    let row = one(Table::Sysctl, &json!({ "name": "kernel.osrelease" }));
    assert_eq!(row["value"], file("/proc/sys/kernel/osrelease"));
    let all = ask(Table::Sysctl, json!({ "limit": 1 }));
    assert!(all.total > 100, "{}", all.total);
}

#[test]
fn sockets_of_this_process_are_told_as_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let (tcp, _unix) = (TcpListener::bind("[::1]:0").unwrap(), UnixListener::bind(&path).unwrap());
    let port = tcp.local_addr().unwrap().port();
    let filter = json!({ "protocol": "tcp", "family": "ipv6", "state": "listen", "local_port": port });
    let row = one(Table::Sockets, &filter);
    assert_eq!((&row["local_address"], &row["pid"]), (&json!("::1"), &json!(std::process::id())));
    assert_eq!(row.get("remote_address"), None);
    let row = one(Table::Sockets, &json!({ "path": path.to_str() }));
    assert_eq!(
        (&row["protocol"], &row["kind"], &row["pid"]),
        (&json!("unix"), &json!("stream"), &json!(std::process::id()))
    );
    assert_eq!(row["name"], file("/proc/self/comm"));
}

#[test]
fn packages_are_told_where_dpkg_keeps_them() {
    let asked = query(&QueryRequest { query: Table::Packages, args: None });
    if std::path::Path::new("/var/lib/dpkg/status").exists() {
        assert!(asked.unwrap().total > 0);
        let dpkg = ask(Table::Packages, json!({ "filter": { "name": "dpkg", "manager": "dpkg" }, "limit": 10_000 }));
        assert!(dpkg.rows.iter().any(|row| row["name"] == "dpkg" && row.contains_key("version")));
    } else if let Err(error) = asked {
        assert_eq!(Fault::from(error).code(), "packages_unavailable");
    }
}

#[test]
fn tables_of_systemd_are_told_or_said_not_to_be_reachable() {
    for table in [Table::Units, Table::Timers] {
        match query(&QueryRequest { query: table, args: None }).map_err(Fault::from) {
            Ok(answer) => assert!(osmoda_systemd::is_here() && answer.total > 0),
            Err(fault) => assert_eq!((fault.code(), fault.status().as_u16()), ("systemd_unavailable", 503)),
        }
    }
    // What does not fit the table is refused also where nobody can be asked.
    let args: QueryArgs = serde_json::from_value(json!({ "sort": "size" })).unwrap();
    let refused = query(&QueryRequest { query: Table::Units, args: Some(args) });
    assert_eq!(Fault::from(refused.unwrap_err()).code(), "unknown_column");
}
