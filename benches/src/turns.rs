//! Round trips, counted on the wire.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis_servers::Redis;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A proxy before a server that answers only what it is asked. It counts how often a client speaks after the server
/// did: what is sent in one go, in however many packets, is one round trip.
#[derive(Debug)]
pub struct Turns {
    address: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Turns {
    /// Starts it, on a port of its own.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn before(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, count) = (listener.local_addr()?, Arc::<AtomicUsize>::default());
        let shared = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(hand_on(client, server, Arc::clone(&shared)));
            }
        });
        Ok(Self { address, count })
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts the round trips since the last call.
    #[must_use]
    pub fn take(&self) -> usize {
        self.count.swap(0, Ordering::SeqCst)
    }
}

async fn hand_on(mut client: TcpStream, server: SocketAddr, count: Arc<AtomicUsize>) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut asked, mut answered) = (vec![0; 16_384], vec![0; 16_384]);
    let mut is_clients_turn = true;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                if is_clients_turn {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                is_clients_turn = false;
                server.write_all(asked.get(..read).unwrap_or_default()).await?;
            }
            read = server.read(&mut answered) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                is_clients_turn = true;
                client.write_all(answered.get(..read).unwrap_or_default()).await?;
            }
        }
    }
}

/// Counts the commands that clients sent to these servers since they started, as `INFO commandstats` tells; what nodes
/// say to each other, and what asks here, is left out.
///
/// # Errors
///
/// A statistic that cannot be read.
pub fn commands(servers: &[Redis]) -> Result<u64, std::num::ParseIntError> {
    let mut sum = 0;
    for server in servers {
        for line in server.cli(&["info", "commandstats"]).lines() {
            let Some((name, rest)) =
                line.strip_prefix("cmdstat_").and_then(|line| line.split_once(":calls="))
            else {
                continue;
            };
            let is_between_nodes = ["info", "ping", "replconf", "psync", "select", "cluster"]
                .iter()
                .any(|other| name == *other || name.starts_with(&format!("{other}|")));
            if !is_between_nodes {
                sum += rest.split(',').next().unwrap_or_default().parse::<u64>()?;
            }
        }
    }
    Ok(sum)
}
