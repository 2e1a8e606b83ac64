//! Measures what waits or signs: password hashing beside the argon2 crate, an SQLite look-up beside the same statement by
//! sqlx, a pair of tokens beside its two signatures.
//!
//! Prints: `name <tab> base us <tab> ours us <tab> ratio <tab> target`, CPU time of all threads, medians of rounds.

use std::io::{Write, stdout};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use portcullis::store::{SessionChange, SessionRecord, SessionStore, UserBySession, UserByToken};
use portcullis::{
    Account, Clock, Digest, NewToken, PasswordHashers, Secret, SystemClock, SystemRandom, Tokens, Users,
    Verification,
};
use portcullis_benches::{Outcome, Pairs, median, pairs, process_seconds};
use portcullis_sql::SqlStore;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

const HASHES: usize = 15;
const ROUNDS: usize = 61;
const LOOK_UPS: u32 = 100;
const ROWS: u32 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut out = stdout().lock();
    let (base, ours) = hashing().await?;
    writeln!(out, "argon2id, 19 MiB, t=2\t{base:.0}\t{ours:.0}\t{:.2}\t1.05", ours / base)?;
    for pairs in pairs()? {
        let (base, ours) = measured(&pairs)?;
        writeln!(out, "{}\t{base:.1}\t{ours:.1}\t{:.2}\t-", pairs.name, ours / base)?;
    }
    let file = std::env::temp_dir().join(format!("portcullis-bench-{}.db", std::process::id()));
    let measured = look_ups(&format!("sqlite:{}", file.display())).await;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
    for (name, base, ours) in measured? {
        writeln!(out, "{name}\t{base:.1}\t{ours:.1}\t{:.2}\t1.3", ours / base)?;
    }
    Ok(())
}

/// The crate with memory kept from hash to hash, and our pool.
async fn hashing() -> Outcome<(f64, f64)> {
    let parameters = Params::new(19_456, 2, 1, Some(32))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let mut memory = vec![Block::default(); 19_456];
    let hashers = PasswordHashers::default();
    let password = Secret::from("correct horse battery staple");
    let stored = hashers.hash(&password, &SystemRandom).await?;
    let (mut base, mut ours) = (Vec::new(), Vec::new());
    for round in 0..=HASHES {
        let mut output = [0; 32];
        let salt = round.to_be_bytes();
        let start = process_seconds();
        argon2.hash_password_into_with_memory(
            password.expose_secret().as_bytes(),
            &[salt, salt].concat(),
            &mut output,
            &mut memory,
        )?;
        let middle = process_seconds();
        if hashers.verify(&password, Some(&stored), &SystemRandom).await? == Verification::Wrong {
            return Err("the right password is wrong".into());
        }
        if round > 0 {
            base.push((middle - start) * 1e6);
            ours.push((process_seconds() - middle) * 1e6);
        }
    }
    Ok((median(&base), median(&ours)))
}

/// Pairs beside signatures alone.
fn measured(pairs: &Pairs) -> Outcome<(f64, f64)> {
    let (mut base, mut ours) = (Vec::new(), Vec::new());
    for round in 0..=HASHES {
        let start = process_seconds();
        for _ in 0..LOOK_UPS {
            (pairs.base)()?;
        }
        let middle = process_seconds();
        for _ in 0..LOOK_UPS {
            (pairs.ours)()?;
        }
        if round > 0 {
            base.push((middle - start) * 1e6 / f64::from(LOOK_UPS));
            ours.push((process_seconds() - middle) * 1e6 / f64::from(LOOK_UPS));
        }
    }
    Ok((median(&base), median(&ours)))
}

/// The columns of an account, as portcullis-sql asks for them.
macro_rules! with_user {
    ($columns:literal, $table:literal, $key:literal) => {
        concat!(
            "select ",
            $columns,
            ", u.id, u.username, u.email, u.is_active, u.is_staff, u.is_superuser,
    u.auth_epoch, u.created_at,
    (select json_group_array(m.group_name) from portcullis_user_group m where m.user_id = u.id),
    (select json_group_array(c.codename) from (
        select o.codename from portcullis_user_codename o where o.user_id = u.id
        union all
        select g.codename from portcullis_user_group m
            join portcullis_group_codename g on g.group_name = m.group_name
            where m.user_id = u.id) c)
from ",
            $table,
            " r
left join portcullis_user u on u.id = cast(r.user_id as integer) and cast(u.id as text) = r.user_id
where r.",
            $key,
            " = $1"
        )
    };
}

const TOKEN: &str = with_user!(
    "r.digest, r.user_id, r.name, r.scopes, r.created_at, r.expires_at, r.idle, r.last_used_at",
    "portcullis_token",
    "digest"
);
const SESSION: &str = with_user!(
    "r.key, r.user_id, r.epoch, r.created_at, r.last_seen_at, r.expires_at, r.data, r.label",
    "portcullis_session",
    "key"
);

async fn look_ups(url: &str) -> Outcome<Vec<(&'static str, f64, f64)>> {
    let store = SqlStore::connect(url).await?;
    let (token, session) = fill(&store).await?;
    let mut raw = SqliteConnection::connect(url).await?;
    let mut times = [const { (Vec::new(), Vec::new()) }; 2];
    for round in 0..=ROUNDS {
        for (kind, (base, ours)) in times.iter_mut().enumerate() {
            let (statement, key) = if kind == 0 { (TOKEN, token) } else { (SESSION, session) };
            let start = process_seconds();
            for _ in 0..LOOK_UPS {
                let key = key.as_bytes().as_slice();
                let row = sqlx::query(statement).bind(key).fetch_one(&mut raw).await?;
                std::hint::black_box(row.try_get::<Vec<u8>, _>(0)?);
            }
            let middle = process_seconds();
            for _ in 0..LOOK_UPS {
                let found = if kind == 0 {
                    UserByToken::<Account>::user_by_token(&store, &key).await?.is_some()
                } else {
                    UserBySession::<Account>::user_by_session(&store, &key).await?.is_some()
                };
                if !found {
                    return Err("a row is missing".into());
                }
            }
            if round > 0 {
                base.push((middle - start) * 1e6 / f64::from(LOOK_UPS));
                ours.push((process_seconds() - middle) * 1e6 / f64::from(LOOK_UPS));
            }
        }
    }
    let [tokens, sessions] = times.map(|(base, ours)| (median(&base), median(&ours)));
    Ok(vec![("SQLite, token", tokens.0, tokens.1), ("SQLite, session", sessions.0, sessions.1)])
}

async fn fill(store: &SqlStore) -> Outcome<(Digest, Digest)> {
    let users = Users::new(store.clone());
    let tokens = Tokens::new(store.clone());
    let (mut token, mut session) = (Digest::of(""), Digest::of(""));
    let now = SystemClock.now();
    for number in 0..ROWS {
        let user = users.create_without_password(&format!("user{number}")).await?;
        token = Digest::of(tokens.issue(&user.id, NewToken::default()).await?.expose_secret());
        session = Digest::of(&format!("{number:032}"));
        let mut record = SessionRecord::new(now, now.after(std::time::Duration::from_secs(86_400)));
        record.user = Some(user.id.clone());
        store.commit(SessionChange::Create(session, record)).await?;
    }
    Ok((token, session))
}
