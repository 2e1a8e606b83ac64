//! TLS: a server whose authority is known, and one whose authority is not.

use portcullis::store::{Committed, SessionChange, SessionRecord, SessionStore};
use portcullis::{Digest, Timestamp};
use portcullis_redis::RedisStore;
use portcullis_servers::{Certificates, Cluster, Redis, or_left_out};

use crate::patient;

#[tokio::test]
async fn only_a_server_whose_authority_is_known_is_talked_to() {
    let certificates = Certificates::new().unwrap();
    let Some((server, port)) = or_left_out(Redis::start_tls(&[], &certificates)) else { return };
    let url = format!("rediss://127.0.0.1:{port}");
    let roots = std::fs::read(certificates.authority()).unwrap();
    let store = RedisStore::connect_with(&url, patient().with_roots(&roots)).await.unwrap();
    let (id, record) = (Digest::of("x"), SessionRecord::new(Timestamp::EPOCH, Timestamp::MAX));
    assert_eq!(store.commit(SessionChange::Create(id, record.clone())).await.unwrap(), Committed::Done);
    assert_eq!(store.session(&id).await.unwrap(), Some(record));

    let other = std::fs::read(certificates.stranger()).unwrap();
    for (case, url, config) in [
        ("the system's authorities", url.clone(), patient()),
        ("another authority", url.clone(), patient().with_roots(&other)),
        ("another name", url.replace("127.0.0.1", "localhost"), patient().with_roots(&roots)),
        ("no authority", url.clone(), patient().with_roots(b"")),
        ("no certificate", url.clone(), patient().with_roots(b"-----BEGIN CERTIFICATE-----\nx\n")),
        ("no TLS there", format!("rediss://{}", server.address()), patient().with_roots(&roots)),
    ] {
        let answer = RedisStore::connect_with(&url, config).await;
        assert!(answer.is_err(), "{case}");
    }
}

#[tokio::test]
async fn a_cluster_is_talked_to_by_tls_wherever_a_key_lies() {
    let certificates = Certificates::new().unwrap();
    let Some(cluster) = or_left_out(Cluster::start_tls(&certificates)) else { return };
    let (url, roots) = (cluster.url(), std::fs::read(certificates.authority()).unwrap());
    // One address leads to the others.
    let one = url.split(',').next().unwrap();
    let store = RedisStore::connect_with(one, patient().with_roots(&roots)).await.unwrap();
    let record = SessionRecord::new(Timestamp::EPOCH, Timestamp::MAX);
    for number in 0..30 {
        let id = Digest::of(&number.to_string());
        assert_eq!(store.commit(SessionChange::Create(id, record.clone())).await.unwrap(), Committed::Done);
        assert_eq!(store.session(&id).await.unwrap(), Some(record.clone()), "{number}");
    }
    let stranger = std::fs::read(certificates.stranger()).unwrap();
    assert!(RedisStore::connect_with(&url, patient().with_roots(&stranger)).await.is_err());
    let plain: Vec<_> = cluster.nodes().iter().map(|node| node.address().to_string()).collect();
    let plain = format!("rediss+cluster://{}", plain.join(","));
    assert!(RedisStore::connect_with(&plain, patient().with_roots(&roots)).await.is_err(), "no TLS there");
}
