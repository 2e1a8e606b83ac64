//! TLS: a server whose authority is known, and one whose authority is not.

use std::path::Path;
use std::process::Command;

use portcullis::store::{Committed, SessionChange, SessionRecord, SessionStore};
use portcullis::{Digest, Timestamp};
use portcullis_redis::RedisStore;
use portcullis_servers::{Redis, or_left_out};

use crate::patient;

/// Makes an authority and a certificate of it for 127.0.0.1.
fn make_certificates(directory: &Path) {
    let run = |arguments: &str| {
        let status =
            Command::new("openssl").args(arguments.split(' ')).current_dir(directory).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    };
    std::fs::write(directory.join("san"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for authority in ["ca", "other"] {
        run(&format!(
            "req -x509 {new_key} -keyout {authority}.key -out {authority}.pem -days 2 -subj /CN={authority}"
        ));
    }
    run(&format!("req {new_key} -keyout server.key -out server.csr -subj /CN=redis"));
    run(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile san",
    );
}

#[tokio::test]
async fn only_a_server_whose_authority_is_known_is_talked_to() {
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    let file = |name: &str| directory.path().join(name).display().to_string();
    // A free port of the system, given back at once: nobody else asks for it in the meantime.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let (cert, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
    let settings = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
    ];
    let Some(server) = or_left_out(Redis::start(&settings)) else { return };
    let url = format!("rediss://127.0.0.1:{port}");
    let roots = std::fs::read(directory.path().join("ca.pem")).unwrap();
    let store = RedisStore::connect_with(&url, patient().with_roots(&roots)).await.unwrap();
    let (id, record) = (Digest::of("x"), SessionRecord::new(Timestamp::EPOCH, Timestamp::MAX));
    assert_eq!(store.commit(SessionChange::Create(id, record.clone())).await.unwrap(), Committed::Done);
    assert_eq!(store.session(&id).await.unwrap(), Some(record));

    let other = std::fs::read(directory.path().join("other.pem")).unwrap();
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
