//! The contract of the verbs that cross aggregates: [`UserByToken`], [`UserBySession`], and the deletion of a user.

use std::sync::Arc;

use portcullis::store::{
    NewUser, SessionChange, SessionRecord, TokenRecord, UserBySession, UserByToken, UserChange,
};
use portcullis::{Account, Digest, Timestamp, UserId};

use super::stage::{self, Check, Clause, Stage, clauses, same};
use super::{BoxFuture, Broken};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A store that answers a credential and its user in one call.
trait Joined: UserByToken<Account> + UserBySession<Account> {}
impl<S: UserByToken<Account> + UserBySession<Account>> Joined for S {}

/// Runs the contract of the joining verbs; `make` returns an empty store each time it is called.
///
/// # Examples
///
/// See [`suite`](crate::suite).
///
/// # Errors
///
/// [`Broken`] with every clause that does not hold.
pub async fn run<S: UserByToken<Account> + UserBySession<Account>>(
    make: impl AsyncFn() -> S,
    spawn: impl Fn(BoxFuture<'static, ()>),
) -> Result<(), Broken> {
    let clauses: [Clause<dyn Joined>; 3] = clauses![
        a_token_and_its_user_are_answered_as_by_two_calls,
        a_session_and_its_user_are_answered_as_by_two_calls,
        a_change_to_a_user_shows_at_once,
    ];
    stage::run(&clauses, async || Arc::new(make().await) as _, &spawn).await
}

/// Runs the contract of a store that keeps users, tokens and sessions in one place: who is deleted leaves nothing.
///
/// # Examples
///
/// See [`suite`](crate::suite).
///
/// # Errors
///
/// [`Broken`] with every clause that does not hold.
pub async fn run_cascade<S: UserByToken<Account> + UserBySession<Account>>(
    make: impl AsyncFn() -> S,
    spawn: impl Fn(BoxFuture<'static, ()>),
) -> Result<(), Broken> {
    let clauses: [Clause<dyn Joined>; 1] = clauses![a_deleted_user_leaves_no_token_and_no_session];
    stage::run(&clauses, async || Arc::new(make().await) as _, &spawn).await
}

async fn furnish(stage: &Stage<'_, dyn Joined>, name: &str, user: &UserId) -> Check {
    stage.create_token(TokenRecord::new(Digest::of(name), user.clone(), NOW), None).await?;
    let mut session = SessionRecord::new(NOW, Timestamp::MAX);
    session.user = Some(user.clone());
    stage.commit(SessionChange::Create(Digest::of(name), session)).await?;
    Ok(())
}

/// Makes alice, bob who is gone but for his credentials, a text id that names nobody, and a session of nobody.
async fn populate(stage: &Stage<'_, dyn Joined>) -> Result<UserId, stage::Failure> {
    let alice = stage.create_user(NewUser::new("alice").with_codename("books.add_book")).await?;
    let bob = stage.create_user(NewUser::new("bob")).await?;
    stage.delete_user(&bob.id).await?;
    for (name, user) in
        [("alice", &alice.id), ("bob", &bob.id), ("text", &"b3a1".into()), ("zero", &"01".into())]
    {
        furnish(stage, name, user).await?;
    }
    let nobody = SessionRecord::new(NOW, Timestamp::MAX);
    stage.commit(SessionChange::Create(Digest::of("nobody"), nobody)).await?;
    Ok(alice.id.clone())
}

async fn a_token_and_its_user_are_answered_as_by_two_calls(stage: &Stage<'_, dyn Joined>) -> Check {
    populate(stage).await?;
    for (name, has_user) in [("alice", true), ("bob", false), ("text", false), ("zero", false)] {
        let Some(token) = stage.token(&Digest::of(name)).await? else { continue };
        let user = stage.user(&token.user).await?;
        same("whether there is a user", &user.is_some(), &has_user)?;
        same(name, &stage.user_by_token(&Digest::of(name)).await?, &Some((token, user)))?;
    }
    same("the user of an unknown token", &stage.user_by_token(&Digest::of("unknown")).await?, &None)
}

async fn a_session_and_its_user_are_answered_as_by_two_calls(stage: &Stage<'_, dyn Joined>) -> Check {
    populate(stage).await?;
    let cases = [("alice", true), ("bob", false), ("text", false), ("zero", false), ("nobody", false)];
    for (name, has_user) in cases {
        let Some(session) = stage.session(&Digest::of(name)).await? else { continue };
        let user = match &session.user {
            Some(id) => stage.user(id).await?,
            None => None,
        };
        same("whether there is a user", &user.is_some(), &has_user)?;
        same(name, &stage.user_by_session(&Digest::of(name)).await?, &Some((session, user)))?;
    }
    same("the user of an unknown session", &stage.user_by_session(&Digest::of("unknown")).await?, &None)
}

async fn a_change_to_a_user_shows_at_once(stage: &Stage<'_, dyn Joined>) -> Check {
    let alice = populate(stage).await?;
    let mut change = UserChange::default();
    change.is_active = Some(false);
    change.raise_epoch = true;
    stage.update_user(&alice, change).await?;
    let by_token = stage.user_by_token(&Digest::of("alice")).await?.and_then(|(_, user)| user);
    let by_session = stage.user_by_session(&Digest::of("alice")).await?.and_then(|(_, user)| user);
    for user in [by_token, by_session] {
        let seen = user.map(|user| (user.is_active, user.auth_epoch));
        same("activity and epoch", &seen, &Some((false, 1)))?;
    }
    Ok(())
}

async fn a_deleted_user_leaves_no_token_and_no_session(stage: &Stage<'_, dyn Joined>) -> Check {
    let alice = stage.create_user(NewUser::new("alice")).await?;
    let bob = stage.create_user(NewUser::new("bob")).await?;
    furnish(stage, "alice", &alice.id).await?;
    furnish(stage, "bob", &bob.id).await?;
    stage.delete_user(&alice.id).await?;
    same("her token", &stage.token(&Digest::of("alice")).await?, &None)?;
    same("her session", &stage.session(&Digest::of("alice")).await?, &None)?;
    same("her tokens", &stage.tokens_of(&alice.id).await?, &vec![])?;
    same("her sessions", &stage.sessions_of(&alice.id).await?, &vec![])?;
    same("his tokens", &stage.tokens_of(&bob.id).await?.len(), &1)?;
    same("his sessions", &stage.sessions_of(&bob.id).await?.len(), &1)
}
