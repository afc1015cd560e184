//! egress as a whole: what its handlers share, and how it starts.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use osmoda_ipc::{
    Metrics, chain,
    daemon::{Ready, Start},
};
use osmoda_steward::{OutboxError, Steward};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    book::ROUND,
    config::{BadConfig, Config},
    metrics, pages,
    proxy::{Listening, Proxy, Settings, listen, now},
    report::report,
    routes::routes,
    tokens::{FeedFile, watch},
};

/// Rounds between two looks at what can be forgotten: one minute.
const ROUNDS_OF_MEMORY: u32 = 240;

/// The start is over by then.
const SETTLED: Duration = Duration::from_secs(1);

/// What the handlers share.
pub struct Egress {
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) listening: Listening,
    pub(crate) steward: Arc<Steward>,
    pub(crate) started: Instant,
}

/// egress could not start.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The state folder.
    #[error("the folder {} can't be made: {source}", .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings.
    #[error("{0}")]
    Config(#[from] BadConfig),
    /// The outbox.
    #[error("{}", chain(.0))]
    Outbox(#[from] OutboxError),
    /// The proxy's socket.
    #[error("the proxy's socket {} can't be bound: {source}", .socket.display())]
    Socket {
        /// Which.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Opens everything and lays out what is served.
pub async fn start(start: Start<Config>) -> Result<Ready<Egress, Config>, NotStarted> {
    let folder = start.dirs.state().join("egress");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|source| NotStarted::Folder { folder: folder.clone(), source })?;
    allow_many_descriptors();
    pages::keep_large_apart();
    let socket = start.config.socket.clone().unwrap_or_else(|| start.dirs.run().join("egress/proxy.sock"));
    let addresses = start.config.listen.clone();
    let proxy = Arc::new(Proxy::new(Settings::new(start.config)?));
    let steward = Steward::start(&start.dirs, &folder, start.stop.clone())?;
    // The ends of the connections that the stop cuts are told as well.
    let told = CancellationToken::new();
    start.tasks.spawn(report(proxy.reporter.clone(), steward.clone(), told.clone()));
    start.tasks.spawn(keep_watch(proxy.clone(), start.stop.clone(), told));
    let (feed, followed) = (FeedFile::in_folder(start.dirs.run()), proxy.clone());
    let file = feed.clone();
    tokio::spawn(async {
        tokio::time::sleep(SETTLED).await;
        if let Err(error) = pages::give_back_code() {
            info!(%error, "what the start needed of memory could not be given back");
        }
    });
    tokio::spawn(watch(feed, move || follow(&followed, &file), start.stop.clone()));
    let listening =
        listen(&proxy, &socket, addresses, &start.stop).map_err(|source| NotStarted::Socket { socket, source })?;
    let metrics = Metrics::build("egress", |registry| metrics::register(registry, &proxy));
    let reloaded = proxy.clone();
    let egress = Arc::new(Egress { proxy, listening, steward: steward.clone(), started: Instant::now() });
    Ok(Ready {
        routes: routes(egress, steward),
        metrics,
        reload: Box::new(move |config| {
            reloaded.configure(Settings::new(config).map_err(|error| error.to_string())?);
            Ok(())
        }),
        is_alive: Box::new(|| true),
    })
}

/// Takes what agentd says now, and cuts what holds no longer.
fn follow(proxy: &Proxy, file: &FeedFile) {
    match file.read() {
        Ok(feed) => {
            let (sequence, revoked) = (feed.sequence, feed.revoked.len());
            let changed = proxy.tokens.key().is_some_and(|key| key != feed.key.to_string());
            if !proxy.tokens.follow(feed) {
                return warn!(sequence, "an older feed of capabilities took the place of a newer one; it is not used");
            }
            let now = now();
            let cut =
                proxy.book.cut_fallen(|claims| proxy.tokens.fallen(claims, now).or(changed.then_some("token_foreign")));
            info!(sequence, revoked, cut, "agentd said how tokens stand");
        }
        Err(error) => info!("{}", chain(&error)),
    }
}

/// Looks the open connections over again and again while there are any; cuts all of them when the daemon stops.
async fn keep_watch(proxy: Arc<Proxy>, stop: CancellationToken, told: CancellationToken) {
    let mut rounds: u32 = 0;
    let watching = async {
        loop {
            if proxy.book.len() == 0 {
                proxy.book.opened.notified().await;
            }
            tokio::time::sleep(ROUND).await;
            let now = now();
            proxy.book.round(proxy.settings().idle(), |claims| proxy.tokens.fallen(claims, now));
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(ROUNDS_OF_MEMORY) {
                proxy.usage.forget_expired(now);
            }
        }
    };
    stop.run_until_cancelled(watching).await;
    proxy.book.cut(|_| Some("stopped"));
    // Each cut tunnel gets its turn to end.
    for _ in 0..100 {
        if proxy.book.len() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    told.cancel();
}

/// Each tunnel takes two descriptors, and the soft limit of old programs that call select(2) is not meant for this one.
fn allow_many_descriptors() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        warn!(%error, "the limit of descriptors could not be raised; fewer tunnels fit");
    }
}
