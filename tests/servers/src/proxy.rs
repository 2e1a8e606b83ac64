//! A proxy that breaks connections on demand.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// What a proxy does to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Hands everything on.
    None,
    /// Closes every new connection at once, and those that are open.
    Refuse,
    /// Accepts, takes what comes, and never answers, also on connections that are open.
    Silence,
    /// Cuts each connection after so many more bytes of answers.
    CutAfter(usize),
    /// Hands each answer on so much later.
    Delay(Duration),
    /// Cuts what is open once, and goes on as with `None`.
    Cut,
}

/// A proxy on a free port of loopback.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    counts: Arc<Counts>,
    acceptor: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    accepted: AtomicUsize,
}

impl Proxy {
    /// Starts a proxy that takes the upstreams in turn, and passes over one that refuses.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start(upstreams: &[SocketAddr]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (fault, counts) = (watch::Sender::new(Fault::None), Arc::<Counts>::default());
        let acceptor = tokio::spawn(accept(listener, upstreams.to_vec(), fault.clone(), Arc::clone(&counts)));
        Ok(Self { address, fault, counts, acceptor })
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins a fault, or ends it with [`Fault::None`].
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Counts the connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// Counts the connections that were ever accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn accept(
    listener: TcpListener,
    upstreams: Vec<SocketAddr>,
    fault: watch::Sender<Fault>,
    counts: Arc<Counts>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let turn = counts.accepted.fetch_add(1, Ordering::SeqCst);
        while connections.try_join_next().is_some() {}
        let (upstreams, faults, counts) = (upstreams.clone(), fault.subscribe(), Arc::clone(&counts));
        connections.spawn(async move {
            counts.open.fetch_add(1, Ordering::SeqCst);
            let _open = Open(counts);
            // A connection that breaks by itself is what a proxy is there for.
            let _ = serve(client, &upstreams, turn, faults).await;
        });
    }
}

/// Counts a connection until it ends, also where its task is dropped.
struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn serve(
    mut client: TcpStream,
    upstreams: &[SocketAddr],
    turn: usize,
    mut faults: watch::Receiver<Fault>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut fault = *faults.borrow_and_update();
    if fault == Fault::Refuse {
        return Ok(());
    }
    if fault == Fault::Silence {
        return swallow(client, faults).await;
    }
    let mut server = connect(upstreams, turn).await?;
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut left = budget(fault);
    loop {
        tokio::select! {
            changed = faults.changed() => {
                changed.map_err(io::Error::other)?;
                fault = *faults.borrow_and_update();
                left = budget(fault);
                match fault {
                    Fault::Refuse | Fault::Cut => return Ok(()),
                    Fault::Silence => return swallow(client, faults).await,
                    Fault::None | Fault::CutAfter(_) | Fault::Delay(_) => {}
                }
            }
            read = client.read(&mut up) => match up.get(..read?) {
                None | Some([]) => return Ok(()),
                Some(bytes) => server.write_all(bytes).await?,
            },
            read = server.read(&mut down) => match down.get(..read?) {
                None | Some([]) => return Ok(()),
                Some(bytes) => {
                    if let Fault::Delay(delay) = fault {
                        sleep(delay).await;
                    }
                    let passed = bytes.get(..left).unwrap_or(bytes);
                    client.write_all(passed).await?;
                    left -= passed.len();
                    if left == 0 {
                        return Ok(());
                    }
                }
            },
        }
    }
}

/// How many bytes of answers may pass before the cut.
fn budget(fault: Fault) -> usize {
    if let Fault::CutAfter(bytes) = fault { bytes } else { usize::MAX }
}

/// Takes what comes until the fault ends; what was swallowed cannot be answered any more, so that the connection ends too.
async fn swallow(mut client: TcpStream, mut faults: watch::Receiver<Fault>) -> io::Result<()> {
    let mut bytes = vec![0; 65_536];
    loop {
        tokio::select! {
            changed = faults.changed() => {
                changed.map_err(io::Error::other)?;
                if *faults.borrow_and_update() != Fault::Silence {
                    return Ok(());
                }
            }
            read = client.read(&mut bytes) => if read? == 0 {
                return Ok(());
            },
        }
    }
}

async fn connect(upstreams: &[SocketAddr], turn: usize) -> io::Result<TcpStream> {
    let mut last = io::Error::other("no upstream");
    for offset in 0..upstreams.len() {
        let Some(upstream) = upstreams.get((turn + offset) % upstreams.len()) else { break };
        match TcpStream::connect(upstream).await {
            Ok(server) => {
                server.set_nodelay(true)?;
                return Ok(server);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
