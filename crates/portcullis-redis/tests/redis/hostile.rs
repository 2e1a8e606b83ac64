//! Servers that answer what none should: nobody is let in, nothing is acknowledged, every verb answers in time, and no other
//! server is talked to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis::store::{
    Committed, CounterStore, Limit, RefreshRecord, RefreshStore, Rotation, SessionChange, SessionRecord,
    SessionStore, StoreError,
};
use portcullis::{Digest, Timestamp};
use portcullis_redis::{RedisConfig, RedisStore};
use portcullis_servers::{Cluster, Fault, Proxy, Redis, or_left_out};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::patient;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const TIMEOUT: Duration = Duration::from_millis(400);
const SLACK: Duration = Duration::from_millis(100);

fn quick() -> RedisConfig {
    patient().with_timeout(TIMEOUT)
}

fn session(user: i64) -> SessionRecord {
    let mut record = SessionRecord::new(NOW, Timestamp::MAX);
    record.user = Some(user.into());
    record
}

/// A server that is a master, and has one answer to all that is not asked about itself.
struct Liar {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Liar {
    async fn start(answer: impl Fn(SocketAddr) -> Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, accepted) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
        let (answer, counter) = (answer(address), Arc::clone(&accepted));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                tokio::spawn(async move { lie(client, &answer).await });
            }
        });
        Self { address, accepted }
    }
}

async fn lie(client: TcpStream, answer: &[u8]) -> Option<()> {
    let (reader, mut writer) = client.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let command = command(&mut reader).await?;
        let name = command.first()?.to_ascii_uppercase();
        let info = "role:master\r\nmaxmemory:0\r\n";
        let said = match name.as_str() {
            "INFO" => format!("${}\r\n{info}\r\n", info.len()).into_bytes(),
            "ASKING" | "SELECT" | "AUTH" => b"+OK\r\n".to_vec(),
            _ => answer.to_vec(),
        };
        writer.write_all(&said).await.ok()?;
    }
}

async fn command(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<Vec<String>> {
    let mut line = String::new();
    reader.read_line(&mut line).await.ok()?;
    let mut words = Vec::new();
    for _ in 0..line.trim().strip_prefix('*')?.parse::<usize>().ok()? {
        let mut length = String::new();
        reader.read_line(&mut length).await.ok()?;
        let mut word = vec![0; length.trim().strip_prefix('$')?.parse::<usize>().ok()? + 2];
        reader.read_exact(&mut word).await.ok()?;
        words.push(String::from_utf8_lossy(&word).trim_end().to_owned());
    }
    Some(words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_none_lets_nobody_in_and_acknowledges_nothing() {
    let deep = [b"*1\r\n".repeat(10_000), b":1\r\n".to_vec()].concat();
    let texts: [(&str, &[u8]); 18] = [
        ("a word", b"+OK\r\n"),
        ("an empty text", b"$0\r\n\r\n"),
        ("a negative number", b":-1\r\n"),
        ("a number beyond all", b":99999999999999999999\r\n"),
        ("a text of a negative length", b"$-2\r\n"),
        ("a list of a negative length", b"*-2\r\n"),
        ("a list of two billion, of which none comes", b"*2147483647\r\n"),
        ("a text of two billion, of which none comes", b"$2147483647\r\n"),
        ("a list of errors", b"*2\r\n-ERR no\r\n-ERR no\r\n"),
        ("a list of lists", b"*2\r\n*0\r\n*0\r\n"),
        ("a hash without a value", b"*1\r\n$1\r\nv\r\n"),
        ("a version alone", b"*2\r\n$1\r\nv\r\n$1\r\n1\r\n"),
        ("bytes that are no text", b"*2\r\n$1\r\n\xff\r\n$1\r\n\xfe\r\n"),
        ("what is no protocol", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("half an answer", b"$10\r\nhalf"),
        ("an error without a word", b"-\r\n"),
        ("a key that moves on for ever", b"-TRYAGAIN\r\n"),
        ("depths", &deep),
    ];
    let redirects = ["MOVED", "ASK"].map(|word| {
        let answer = move |address: SocketAddr| format!("-{word} 1 {address}\r\n").into_bytes();
        (word, answer)
    });
    for (name, text) in texts {
        refuse_everything(name, &Liar::start(|_| text.to_vec()).await).await;
    }
    for (name, answer) in redirects {
        refuse_everything(name, &Liar::start(answer).await).await;
    }
}

async fn refuse_everything(name: &str, liar: &Liar) {
    let store = RedisStore::connect_with(&format!("redis://{}", liar.address), quick()).await.unwrap();
    let (key, other, user) = (Digest::of("key"), Digest::of("other"), 17.into());
    let token = RefreshRecord::new(key, Some(17.into()), NOW, Timestamp::MAX);
    let mut rotation = Rotation::new(token.clone(), other, Timestamp::MAX, NOW);
    rotation.adopts = true;
    let limit = Limit::new(std::num::NonZeroU32::MIN, Duration::from_secs(60));
    macro_rules! outage {
        ($($verb:expr),* $(,)?) => {$(
            let began = Instant::now();
            let answer = timeout(TIMEOUT + SLACK, $verb).await;
            assert!(matches!(answer, Ok(Err(StoreError::Unavailable(_)))), "{name}: {}: {answer:?}", stringify!($verb));
            assert!(began.elapsed() <= TIMEOUT + SLACK, "{name}: {:?}", began.elapsed());
        )*};
    }
    outage!(
        store.session(&key),
        store.commit(SessionChange::Flush(key)),
        store.commit(SessionChange::Cycle(key, other, session(17))),
        store.end_session(&user, &key),
        store.end_sessions(&user, None),
        store.rotate_refresh(rotation.clone()),
        store.revoke_refresh(token.clone(), true),
        store.revoke_refresh_family(&user, &key),
        store.revoke_refresh_all(&user),
        store.reserve(&key, &limit, NOW),
    );
    let accepted = liar.accepted.load(Ordering::SeqCst);
    assert!(accepted < 20, "{name}: {accepted} connections");
}

/// Answers come in the order of what was asked, also of what nobody waits for any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_late_answer_of_a_dropped_verb_is_read_by_nobody() {
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let proxy = Proxy::start(&[server.address()]).await.unwrap();
    let store = RedisStore::connect_with(&format!("redis://{}", proxy.address()), patient()).await.unwrap();
    for user in 0..20 {
        let create = SessionChange::Create(Digest::of(&user.to_string()), session(user));
        assert_eq!(store.commit(create).await.unwrap(), Committed::Done);
    }
    proxy.set(Fault::Delay(Duration::from_millis(2)));
    for round in 0..200_i64 {
        let (dropped, asked) = (round % 20, (round + 7) % 20);
        let late = Digest::of(&dropped.to_string());
        let patience = Duration::from_micros(u64::try_from(round).unwrap() * 20);
        let _ = timeout(patience, store.session(&late)).await;
        let _ = timeout(patience, store.end_session(&99.into(), &late)).await;
        let found = store.session(&Digest::of(&asked.to_string())).await.unwrap().unwrap();
        assert_eq!(found.user, Some(asked.into()), "{round}");
    }
}

/// A list of servers is there so that one may be missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_found_behind_servers_that_hang() {
    let Some(cluster) = or_left_out(Cluster::start()) else { return };
    let silent =
        [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
    let silent: Vec<String> = silent.iter().map(|it| it.local_addr().unwrap().to_string()).collect();
    let servers = cluster.url().split_once("://").unwrap().1.to_owned();
    let url = format!("redis+cluster://{},{servers}", silent.join(","));
    let store = RedisStore::connect_with(&url, quick()).await;
    assert!(store.is_ok(), "{store:?}");
}
