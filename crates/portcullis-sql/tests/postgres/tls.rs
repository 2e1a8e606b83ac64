//! TLS: a server whose authority is known, and one whose authority is not.

use portcullis::store::{NewUser, UserStore};
use portcullis_servers::{Certificates, Postgres, or_left_out};
use portcullis_sql::{SqlConfig, SqlStore};
use sqlx::{Connection as _, PgConnection};

use crate::common::Database;

#[tokio::test]
async fn only_a_server_whose_authority_is_known_is_talked_to() {
    let certificates = Certificates::new().unwrap();
    let Some(server) = or_left_out(Postgres::start_tls(&certificates)) else { return };
    let Some(without) = Database::new() else { return };
    let url = server.database();
    let verified = format!("sslmode=verify-full&sslrootcert={}", certificates.authority().display());
    let store = SqlStore::connect(&format!("{url}?{verified}")).await.unwrap();
    store.migrate().await.unwrap();
    UserStore::<portcullis::Account>::create_user(&store, NewUser::new("john")).await.unwrap();
    assert!(store.login("john").await.unwrap().is_some());
    let encrypted = "select exists (select from pg_stat_ssl join pg_stat_activity using (pid)
        where application_name = 'portcullis' and ssl and version = 'TLSv1.3')";
    let mut other = PgConnection::connect(&format!("{url}?application_name=other")).await.unwrap();
    assert!(sqlx::query_scalar::<_, bool>(encrypted).fetch_one(&mut other).await.unwrap());

    let stranger = format!("sslmode=verify-full&sslrootcert={}", certificates.stranger().display());
    for (case, url) in [
        ("the system's authorities", format!("{url}?sslmode=verify-full")),
        ("another authority", format!("{url}?{stranger}")),
        ("another authority, whatever the name", format!("{url}?{stranger}").replace("-full", "-ca")),
        ("another name", format!("{url}?{verified}").replace("127.0.0.1", "localhost")),
        ("a file that is not there", format!("{url}?sslmode=verify-full&sslrootcert=/nowhere.pem")),
        ("no TLS there", format!("{}?{verified}", without.url())),
        ("no TLS there, whoever it is", format!("{}?sslmode=require", without.url())),
    ] {
        let answer = SqlStore::connect_with(&url, SqlConfig::default()).await;
        assert!(answer.is_err(), "{case}");
    }
}
