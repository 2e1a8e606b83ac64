//! An application's own user type in its own table; tokens and sessions stay in Portcullis' tables.
//!
//! ```console
//! $ cargo run -p portcullis-axum --example own_user &
//! $ curl -d username=ada@example.com -d password=horse-battery http://127.0.0.1:3000/login
//! {"token":"pct_0Jq..."}
//! $ curl -H "Authorization: Token $TOKEN" http://127.0.0.1:3000/me
//! ada@example.com, plan: paid
//! $ curl -H "Authorization: Token $TOKEN" http://127.0.0.1:3000/downloads
//! all of it
//! $ curl http://127.0.0.1:3000/downloads
//! {"detail":"Authentication credentials were not provided."}
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use portcullis_axum::portcullis::store::{LoginRecord, Mixed, StoreError, UserStore};
use portcullis_axum::portcullis::{
    AuthRequest, Decision, Guard, PasswordHash, PasswordHashers, Permission, Secret, SystemRandom, Tokens,
    User, UserId, Users, Verdict,
};
use portcullis_axum::{Auth, Router, get};
use portcullis_sql::SqlStore;
use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;
use tokio::net::TcpListener;

struct Member {
    id: i64,
    email: String,
    plan: String,
    suspended: bool,
    /// Raised when the password changes, which ends the member's sessions.
    epoch: i64,
}

impl User for Member {
    fn id(&self) -> UserId {
        self.id.into()
    }

    fn username(&self) -> &str {
        &self.email
    }

    fn is_active(&self) -> bool {
        !self.suspended
    }

    fn auth_epoch(&self) -> i64 {
        self.epoch
    }
}

struct Members(SqlitePool);

type Row = (i64, String, String, bool, i64, Option<String>);

fn record((id, email, plan, suspended, epoch, password): Row) -> LoginRecord<Member> {
    let user = Arc::new(Member { id, email, plan, suspended, epoch });
    LoginRecord { user, password: password.map(PasswordHash::new) }
}

#[async_trait]
impl UserStore<Member> for Members {
    async fn user(&self, id: &UserId) -> Result<Option<Arc<Member>>, StoreError> {
        let Some(id) = id.as_number() else { return Ok(None) };
        let query =
            sqlx::query_as("select id, email, plan, suspended, epoch, password from member where id = ?");
        let row = query.bind(id).fetch_optional(&self.0).await.map_err(StoreError::unavailable)?;
        Ok(row.map(|row| record(row).user))
    }

    async fn login(&self, username: &str) -> Result<Option<LoginRecord<Member>>, StoreError> {
        let query =
            sqlx::query_as("select id, email, plan, suspended, epoch, password from member where email = ?");
        let row = query.bind(username).fetch_optional(&self.0).await.map_err(StoreError::unavailable)?;
        Ok(row.map(record))
    }
}

struct HasPaid;

impl Permission<Member> for HasPaid {
    fn check(&self, request: &AuthRequest<'_, Member>) -> Verdict<'_> {
        Decision::allow_if(request.user().is_some_and(|member| member.plan == "paid")).into()
    }
}

async fn me(auth: Auth<Member>) -> String {
    let member = auth.user();
    format!("{}, plan: {}\n", member.email, member.plan)
}

/// The application's own table, with one member in it.
async fn members() -> Result<Members, Box<dyn Error>> {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    let table = "create table member (id integer primary key autoincrement, email text not null unique, \
                 plan text not null, suspended bool not null, epoch integer not null, password text)";
    sqlx::query(table).execute(&pool).await?;
    let hash = PasswordHashers::default().hash(&Secret::from("horse-battery"), &SystemRandom).await?;
    sqlx::query(
        "insert into member (email, plan, suspended, epoch, password) values (?, 'paid', false, 0, ?)",
    )
    .bind("ada@example.com")
    .bind(hash.expose_secret())
    .execute(&pool)
    .await?;
    Ok(Members(pool))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let records = SqlStore::connect("sqlite::memory:").await?; // or "sqlite:app.db"
    let store = Mixed::new(records, members().await?);
    let users = Users::new(store.clone());
    let tokens = Tokens::new(store);

    let guard = Guard::builder(users).authenticate(tokens.authenticator()).build()?;
    let app = Router::new(guard)
        .route("/me", get(me))
        .route("/downloads", get(|| async { "all of it\n" }).require(HasPaid))
        .merge(tokens.endpoints("/login"))
        .into_router(())?;

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
