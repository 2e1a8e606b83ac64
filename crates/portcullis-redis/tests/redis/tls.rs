//! TLS: a server whose authority is known, and one whose authority is not.

use portcullis::store::{Committed, SessionChange, SessionRecord, SessionStore};
use portcullis::{Digest, Timestamp};
use portcullis_redis::RedisStore;
use portcullis_servers::{Certificates, Redis, or_left_out};

use crate::patient;

#[tokio::test]
async fn only_a_server_whose_authority_is_known_is_talked_to() {
    let certificates = Certificates::new().unwrap();
    // A free port of the system, given back at once: nobody else asks for it in the meantime.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let [certificate, key, authority] =
        [certificates.certificate(), certificates.key(), certificates.authority()]
            .map(|path| path.display().to_string());
    let settings = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
    ];
    let Some(server) = or_left_out(Redis::start(&settings)) else { return };
    let url = format!("rediss://127.0.0.1:{port}");
    let roots = std::fs::read(&authority).unwrap();
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
