//! egress against squid and tinyproxy, all three on loopback: CONNECT with one round trip, the processor's time of a
//! connection, bytes a second through a tunnel, and the memory of 300 tunnels.

use std::{
    env,
    fs::Permissions,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use osmoda_api::agentd::{CapabilityMint, CapabilityMintRequest};
use osmoda_ipc::Client;
use tempfile::TempDir;

use super::{
    row::{Goal, Row},
    sample::{Figures, OneCore, Round, Rounds, alternate, cpu_of, each, pause},
    suite::Suite,
};
use crate::Failure;

const ROUNDS: usize = 30;
const CALLS: usize = 100;
const TUNNELS: usize = 300;
/// Through one tunnel, a round.
const MEGABYTES: usize = 256;
/// What 300 tunnels may take.
const ALLOWED_BYTES: f64 = 8e6;

/// A running proxy.
struct Proxy {
    address: SocketAddr,
    pid: u32,
    /// A Proxy-Authorization field, with its line's end.
    field: String,
}

/// A peer's process, ended when dropped.
struct Peer {
    child: Child,
    _folder: TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn run() -> Result<Vec<Row>, Failure> {
    let _one_core = OneCore::hold()?;
    let (echo, source) = (serve(echo)?, serve(pour)?);
    let (suite, ours) = egress(&[echo, source])?;
    let (squid_process, squid) = squid()?;
    let (tinyproxy_process, tinyproxy) = tinyproxy()?;
    let proxies = [&ours, &squid, &tinyproxy];
    let trips: [Rounds; 3] = alternate(ROUNDS, |contender| {
        let proxy = proxies[contender];
        each(CALLS, || cpu_of(&[proxy.pid]), || trip(proxy, echo))
    })?;
    let streams: [Rounds; 3] = alternate(ROUNDS / 4, |contender| stream(proxies[contender], source))?;
    let memory = proxies.map(|proxy| held(proxy, echo));
    let [our_memory, squid_memory, tiny_memory] = memory;
    let (our_memory, squid_memory, tiny_memory) = (our_memory?, squid_memory?, tiny_memory?);
    drop((suite, squid_process, tinyproxy_process));

    let [our_trips, squid_trips, tiny_trips] = &trips;
    let [our_streams, squid_streams, _] = &streams;
    let [our_cpu, squid_cpu, _] = [our_trips, squid_trips, tiny_trips].map(Rounds::of_cpu);
    let names = ("egress", "squid");
    let row = |name, unit, ours: &Rounds, peer: (&'static str, &Rounds), goal| Row {
        name,
        ours: (names.0, ours.figures()),
        peer: (peer.0, peer.1.figures()),
        unit,
        ratio: ours.ratio_to(peer.1),
        goal,
    };
    let bytes = |bytes: f64| Figures { p50: bytes, min: bytes, cpu: 0.0 };
    let held = |name, peer, theirs: f64, goal| Row {
        name,
        ours: (names.0, bytes(our_memory)),
        peer: (peer, bytes(theirs)),
        unit: "bytes, 300 tunnels",
        ratio: our_memory / theirs,
        goal,
    };
    Ok(vec![
        row("egress trip", "us a CONNECT and a round trip", our_trips, (names.1, squid_trips), Goal::AtMost(0.8)),
        row("egress trip 2", "us a CONNECT and a round trip", our_trips, ("tinyproxy", tiny_trips), Goal::AtMost(1.0)),
        row("egress cpu", "us of CPU a connection", &our_cpu, (names.1, &squid_cpu), Goal::AtMost(0.5)),
        row("egress stream", "us a MB through a tunnel", our_streams, (names.1, squid_streams), Goal::AtMost(1.0)),
        held("egress memory", "the allowance", ALLOWED_BYTES, Goal::AtMost(1.0)),
        held("egress memory 2", "squid", squid_memory, Goal::AtMost(1.0)),
        held("egress memory 3", "tinyproxy", tiny_memory, Goal::AtMost(2.0)),
    ])
}

/// A free port of loopback, as far as that can be known.
fn free() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::bench)?;
    listener.local_addr().map_err(Failure::bench)
}

/// A host of this process's own: each connection gets a thread.
fn serve(answer: fn(TcpStream)) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::bench)?;
    let address = listener.local_addr().map_err(Failure::bench)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    Ok(address)
}

fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// Pours out a round's bytes, once it is asked.
fn pour(mut stream: TcpStream) {
    let chunk = vec![b'x'; 1 << 20];
    if stream.read(&mut [0; 16]).is_ok_and(|count| count > 0) {
        for _ in 0..MEGABYTES {
            if stream.write_all(&chunk).is_err() {
                return;
            }
        }
    }
}

/// A suite of agentd and egress, and a token for the hosts.
fn egress(hosts: &[SocketAddr]) -> Result<(Suite, Proxy), Failure> {
    let address = free()?;
    let suite = Suite::up_with(
        "agentd,egress",
        "",
        &[
            ("OSMODA_EGRESS_LISTEN", &format!("[\"{address}\"]")),
            ("OSMODA_EGRESS_ALLOW_ADDRESSES", "[\"127.0.0.0/8\"]"),
        ],
    )?;
    let request = CapabilityMintRequest {
        granted_to: "bench".into(),
        permissions: hosts.iter().map(|host| format!("net:{host}")).collect(),
        ..CapabilityMintRequest::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::bench)?;
    let agentd = Client::new(suite.dirs().socket("agentd"));
    let minted = runtime.block_on(agentd.call::<CapabilityMint>(&request)).map_err(Failure::bench)?;
    let field = format!("Proxy-Authorization: Bearer {}\r\n", minted.token.0);
    let proxy = Proxy { address, pid: suite.pid("egress")?, field };
    // Until it listens and knows agentd's key.
    until(&proxy, hosts[0])?;
    Ok((suite, proxy))
}

fn squid() -> Result<(Peer, Proxy), Failure> {
    let (address, program) = (free()?, peer("BENCH_SQUID")?);
    // It gives root up before it reads these, and can't enter the cache's folder then.
    let share = tempfile::Builder::new().prefix("osmoda.").permissions(Permissions::from_mode(0o755)).tempdir();
    let share = share.map_err(Failure::bench)?;
    let copied = Command::new("cp").arg("-rL").arg(program.with_file_name("usr/share/squid")).arg(share.path()).status();
    if !copied.is_ok_and(|status| status.success()) {
        return Err(Failure::bench("squid's own files could not be copied"));
    }
    let settings = format!(
        "http_port {address}\nhttp_access allow all\ncache deny all\naccess_log none\ncache_store_log none\n\
         cache_log /dev/null\npid_filename none\nmime_table {0}/squid/mime.conf\nerror_directory {0}/squid/errors/templates\n\
         icon_directory {0}/squid/icons\ncoredump_dir none\npinger_enable off\nunlinkd_program /bin/true\nshutdown_lifetime 0 seconds\nmax_filedescriptors 4096\n",
        share.path().display()
    );
    started(address, &settings, share, |file| vec!["-N".into(), "-f".into(), file.into()], &program)
}

fn tinyproxy() -> Result<(Peer, Proxy), Failure> {
    let (address, program) = (free()?, peer("BENCH_TINYPROXY")?);
    let settings =
        format!("Port {}\nListen 127.0.0.1\nTimeout 600\nMaxClients 1000\nLogLevel Critical\n", address.port());
    let folder = tempfile::tempdir().map_err(Failure::bench)?;
    started(address, &settings, folder, |file| vec!["-d".into(), "-c".into(), file.into()], &program)
}

fn peer(variable: &str) -> Result<PathBuf, Failure> {
    let path = env::var_os(variable).map(PathBuf::from);
    path.ok_or_else(|| Failure::bench(format!("{variable} is not set; start scripts/bench.sh")))
}

fn started(
    address: SocketAddr,
    settings: &str,
    folder: TempDir,
    arguments: impl FnOnce(&Path) -> Vec<std::ffi::OsString>,
    program: &Path,
) -> Result<(Peer, Proxy), Failure> {
    let file = folder.path().join("settings");
    std::fs::write(&file, settings).map_err(Failure::bench)?;
    let mut command = Command::new(program);
    command.args(arguments(&file)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(Failure::bench)?;
    let proxy = Proxy { address, pid: child.id(), field: String::new() };
    let peer = Peer { child, _folder: folder };
    until(&proxy, serve(echo)?)?;
    Ok((peer, proxy))
}

/// Waits until a tunnel can be opened.
fn until(proxy: &Proxy, host: SocketAddr) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match trip(proxy, host) {
            Ok(()) => return Ok(()),
            Err(failure) if Instant::now() > deadline => return Err(failure),
            Err(_) => pause(Duration::from_millis(50)),
        }
    }
}

/// A tunnel that stands.
fn tunnel(proxy: &Proxy, host: SocketAddr) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(proxy.address).map_err(Failure::bench)?;
    stream.set_nodelay(true).map_err(Failure::bench)?;
    let request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{}\r\n", proxy.field);
    stream.write_all(request.as_bytes()).map_err(Failure::bench)?;
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer).map_err(Failure::bench)? {
            0 => return Err(Failure::bench("the proxy hung up")),
            count => head.extend_from_slice(&buffer[..count]),
        }
    }
    if head.get(9..12) == Some(b"200") {
        Ok(stream)
    } else {
        Err(Failure::bench(String::from_utf8_lossy(&head).into_owned()))
    }
}

fn trip(proxy: &Proxy, host: SocketAddr) -> Result<(), Failure> {
    let mut stream = tunnel(proxy, host)?;
    stream.write_all(&[b'x'; 64]).map_err(Failure::bench)?;
    stream.read_exact(&mut [0; 64]).map_err(Failure::bench)
}

/// A round's bytes, as microseconds a megabyte.
fn stream(proxy: &Proxy, host: SocketAddr) -> Result<Round, Failure> {
    let mut stream = tunnel(proxy, host)?;
    let before = cpu_of(&[proxy.pid])?;
    let started = Instant::now();
    stream.write_all(b"go").map_err(Failure::bench)?;
    let (mut buffer, mut left) = (vec![0; 1 << 18], MEGABYTES << 20);
    while left > 0 {
        match stream.read(&mut buffer).map_err(Failure::bench)? {
            0 => return Err(Failure::bench("the stream ended early")),
            count => left -= count,
        }
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / MEGABYTES as f64;
    let time = each(started.elapsed());
    Ok(Round::of(time, each(cpu_of(&[proxy.pid])?.saturating_sub(before))))
}

/// The resident bytes while 300 tunnels are open, each of which has been used.
fn held(proxy: &Proxy, host: SocketAddr) -> Result<f64, Failure> {
    let mut open = Vec::with_capacity(TUNNELS);
    for _ in 0..TUNNELS {
        let mut stream = tunnel(proxy, host)?;
        stream.write_all(&[b'x'; 64]).map_err(Failure::bench)?;
        stream.read_exact(&mut [0; 64]).map_err(Failure::bench)?;
        open.push(stream);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid)).map_err(Failure::bench)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().map_err(Failure::bench)?;
    Ok(kilobytes * 1024.0)
}
