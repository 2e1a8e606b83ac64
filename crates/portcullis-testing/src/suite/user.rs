//! The contract of [`UserStore`], for stores that provide every verb.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use portcullis::store::{Group, NewUser, StoreError, UserChange, UserStore};
use portcullis::{Account, PasswordHash, Timestamp, UserId};

use super::stage::{self, Check, Clause, POLLS, abandon, clauses, ensure, let_others_run, same};
use super::{BoxFuture, Broken};

type Stage<'a> = stage::Stage<'a, dyn UserStore<Account>>;

/// Runs the contract; `make` returns an empty store each time it is called.
///
/// # Examples
///
/// See [`suite`](crate::suite).
///
/// # Errors
///
/// [`Broken`] with every clause that does not hold.
pub async fn run<S: UserStore<Account>>(
    make: impl AsyncFn() -> S,
    spawn: impl Fn(BoxFuture<'static, ()>),
) -> Result<(), Broken> {
    let clauses: [Clause<dyn UserStore<Account>>; 19] = clauses![
        a_user_is_answered_as_made,
        a_name_is_given_only_once,
        of_many_creations_of_one_name_at_once_one_succeeds,
        names_compare_byte_for_byte,
        an_unknown_id_names_nobody,
        the_id_of_a_deleted_user_is_never_given_again,
        inactive_users_and_users_without_a_password_are_answered_to_a_login,
        a_change_touches_only_what_it_names,
        a_password_can_be_taken_away,
        a_change_for_another_password_changes_nothing,
        of_many_changes_for_one_password_at_once_one_succeeds,
        every_raise_of_an_epoch_counts,
        a_deleted_user_is_gone,
        users_are_listed_by_id,
        groups_lend_their_codenames,
        a_replaced_group_lends_its_new_codenames_at_once,
        an_unknown_group_lends_nothing_now_or_later,
        group_names_compare_byte_for_byte,
        a_change_dropped_half_way_is_done_wholly_or_not_at_all,
    ];
    stage::run(&clauses, async || Arc::new(make().await) as _, &spawn).await
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(text)
}

fn with_password(name: &str, password: &str) -> NewUser {
    let mut new = NewUser::new(name);
    new.password = Some(hash(password));
    new
}

fn set_password(password: &str, only_if: Option<&str>) -> UserChange {
    let mut change = UserChange::default();
    change.password = Some(Some(hash(password)));
    change.if_password = only_if.map(hash);
    change
}

async fn password_of(stage: &Stage<'_>, name: &str) -> Result<Option<String>, StoreError> {
    let login = stage.login(name).await?;
    Ok(login.and_then(|login| login.password).map(|hash| hash.expose_secret().to_owned()))
}

async fn seen(stage: &Stage<'_>, id: &UserId) -> Result<Option<Account>, StoreError> {
    Ok(stage.user(id).await?.map(Arc::unwrap_or_clone))
}

async fn codenames_of(stage: &Stage<'_>, id: &UserId) -> Result<BTreeSet<String>, StoreError> {
    Ok(seen(stage, id).await?.map(|user| user.codenames.into_iter().collect()).unwrap_or_default())
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(Into::into).collect()
}

async fn a_user_is_answered_as_made(stage: &Stage<'_>) -> Check {
    stage.put_group(Group::new("Authors ’\"é", ["books.add_book", "книги.добавить"])).await?;
    let mut new = NewUser::new("Ж\u{301} 🔑 '\"\\%_").with_email("e\u{301}@example.com").with_superuser();
    new = new.with_group("Authors ’\"é").with_codename("own.é");
    new.password = Some(hash("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"));
    new.created_at = Timestamp::from_micros(-1_234_567);
    let made = stage.create_user(new.clone()).await?;
    same("the name", &made.username, &new.username)?;
    same("the address", &made.email, &new.email)?;
    same("the rights", &(made.is_active, made.is_staff, made.is_superuser), &(true, true, true))?;
    same("the epoch", &made.auth_epoch, &0)?;
    same("the groups", &made.groups, &new.groups.iter().cloned().collect::<HashSet<_>>())?;
    same("the moment", &made.created_at, &new.created_at)?;
    let codenames: HashSet<_> = set(["books.add_book", "книги.добавить", "own.é"]).into_iter().collect();
    same("the codenames", &made.codenames, &codenames)?;
    same("the user by id", &stage.user(&made.id).await?, &Some(Arc::clone(&made)))?;
    let login = stage.login(&new.username).await?;
    same("the user by name", &login.as_ref().map(|login| Arc::clone(&login.user)), &Some(made))?;
    ensure(login.and_then(|login| login.password) == new.password, "the password's hash is the one given")
}

async fn a_name_is_given_only_once(stage: &Stage<'_>) -> Check {
    let first = stage.create_user(with_password("alice", "first")).await?;
    let second = stage.create_user(with_password("alice", "second").with_superuser()).await;
    ensure(matches!(second, Err(StoreError::Conflict)), "the second creation is a conflict")?;
    same("the password", &password_of(stage, "alice").await?, &Some("first".into()))?;
    same("the user", &stage.user(&first.id).await?, &Some(first))
}

async fn of_many_creations_of_one_name_at_once_one_succeeds(stage: &Stage<'_>) -> Check {
    let made =
        stage.crowd(50, |store, _| async move { store.create_user(NewUser::new("alice")).await }).await;
    let winners: Vec<_> = made.iter().filter_map(|made| made.as_ref().ok()).collect();
    same("the number of winners", &winners.len(), &1)?;
    let conflicts = made.iter().filter(|made| matches!(made, Err(StoreError::Conflict))).count();
    same("the number of conflicts", &conflicts, &49)?;
    let alice = stage.login("alice").await?.map(|login| login.user.id.clone());
    same("the user by name", &alice.as_ref(), &winners.first().map(|winner| &winner.id))
}

/// CVE-2019-19844: whoever registers a look-alike must not be taken for the other.
async fn names_compare_byte_for_byte(stage: &Stage<'_>) -> Check {
    let names = [
        "alice",
        "ALICE",
        "Alice",
        "al\u{131}ce",
        "\u{e9}",
        "e\u{301}",
        "E\u{301}",
        "alice ",
        "ﬀ",
        "ff",
        "\u{212a}",
        "k",
        "K",
        "ｋ",
        "ß",
        "ss",
        "ſ",
        "s",
        "alice\u{200d}",
        "\u{feff}alice",
        "1",
        "01",
        "al%",
        "al_ce",
    ];
    let mut ids = HashSet::new();
    for name in names {
        let before = stage.login(name).await?.map(|login| login.user.username.clone());
        same(&format!("who is called {name:?} before"), &before, &None)?;
        ids.insert(stage.create_user(NewUser::new(name)).await?.id.clone());
    }
    same("the number of ids", &ids.len(), &names.len())?;
    for name in names {
        let found = stage.login(name).await?.map(|login| login.user.username.clone());
        same("who answers to the name", &found.as_deref(), &Some(name))?;
    }
    for unknown in [" alice", "alice  ", "aLICE", "\u{c9}", "", "%", "ALICE "] {
        ensure(stage.login(unknown).await?.is_none(), &format!("{unknown:?} names nobody"))?;
    }
    Ok(())
}

async fn an_unknown_id_names_nobody(stage: &Stage<'_>) -> Check {
    let alice = stage.create_user(NewUser::new("alice")).await?;
    let text = alice.id.to_string();
    for unknown in
        ["b3a1", "", "alice", "-1", "0", "9223372036854775807", &format!("0{text}"), &format!("{text} ")]
    {
        let id = UserId::from(unknown);
        same(&format!("the user {unknown:?}"), &stage.user(&id).await?, &None)?;
        same("the change", &stage.update_user(&id, set_password("new", None)).await?, &false)?;
        same("the deletion", &stage.delete_user(&id).await?, &false)?;
    }
    same("alice", &stage.user(&alice.id).await?, &Some(alice))
}

async fn the_id_of_a_deleted_user_is_never_given_again(stage: &Stage<'_>) -> Check {
    let mut ids = HashSet::new();
    for name in ["a", "b", "c", "d"] {
        let id = stage.create_user(NewUser::new(name)).await?.id.clone();
        stage.delete_user(&id).await?;
        ensure(ids.insert(id.clone()), &format!("{id} was given once"))?;
    }
    Ok(())
}

async fn inactive_users_and_users_without_a_password_are_answered_to_a_login(stage: &Stage<'_>) -> Check {
    let mut inactive = with_password("inactive", "hash");
    inactive.is_active = false;
    stage.create_user(inactive).await?;
    stage.create_user(NewUser::new("bare")).await?;
    let login = stage.login("inactive").await?;
    same(
        "the activity",
        &login.map(|login| (login.user.is_active, login.password.is_some())),
        &Some((false, true)),
    )?;
    let login = stage.login("bare").await?;
    same("the password", &login.map(|login| (login.user.is_active, login.password)), &Some((true, None)))
}

async fn a_change_touches_only_what_it_names(stage: &Stage<'_>) -> Check {
    let mut expected = Arc::unwrap_or_clone(stage.create_user(with_password("alice", "hash")).await?);
    let other = stage.create_user(with_password("bob", "hash")).await?;
    let id = expected.id.clone();
    let mut changes = [(); 4].map(|()| UserChange::default());
    let [active, staff, superuser, raise] = &mut changes;
    active.is_active = Some(false);
    staff.is_staff = Some(true);
    superuser.is_superuser = Some(true);
    raise.raise_epoch = true;
    for (step, change) in changes.into_iter().chain([UserChange::default()]).enumerate() {
        same("the change", &stage.update_user(&id, change).await?, &true)?;
        match step {
            0 => expected.is_active = false,
            1 => expected.is_staff = true,
            2 => expected.is_superuser = true,
            3 => expected.auth_epoch += 1,
            _ => {}
        }
        same("the user", &seen(stage, &id).await?.as_ref(), &Some(&expected))?;
        same("the password", &password_of(stage, "alice").await?, &Some("hash".into()))?;
    }
    same("the other user", &stage.user(&other.id).await?, &Some(other))
}

async fn a_password_can_be_taken_away(stage: &Stage<'_>) -> Check {
    let alice = stage.create_user(with_password("alice", "hash")).await?;
    same("the change", &stage.update_user(&alice.id, set_password("other", None)).await?, &true)?;
    same("the password", &password_of(stage, "alice").await?, &Some("other".into()))?;
    let mut change = UserChange::default();
    change.password = Some(None);
    same("the change", &stage.update_user(&alice.id, change).await?, &true)?;
    same("the password", &password_of(stage, "alice").await?, &None)
}

async fn a_change_for_another_password_changes_nothing(stage: &Stage<'_>) -> Check {
    let alice = stage.create_user(with_password("alice", "hash")).await?;
    let bare = stage.create_user(NewUser::new("bare")).await?;
    for (user, expected) in [(alice, Some("hash".to_owned())), (bare, None)] {
        for other in ["HASH", "hash ", ""] {
            let mut change = set_password("new", Some(other));
            change.raise_epoch = true;
            change.is_superuser = Some(true);
            same("the change", &stage.update_user(&user.id, change).await?, &false)?;
            same("the user", &stage.user(&user.id).await?.as_ref(), &Some(&user))?;
            same("the password", &password_of(stage, &user.username).await?, &expected)?;
        }
    }
    Ok(())
}

async fn of_many_changes_for_one_password_at_once_one_succeeds(stage: &Stage<'_>) -> Check {
    let alice = stage.create_user(with_password("alice", "old")).await?;
    let changed = stage
        .crowd(100, |store, number| {
            let id = alice.id.clone();
            async move { store.update_user(&id, set_password(&format!("new {number}"), Some("old"))).await }
        })
        .await;
    let changed = changed.into_iter().collect::<Result<Vec<_>, _>>()?;
    same("the number of winners", &changed.iter().filter(|changed| **changed).count(), &1)?;
    let winner = changed.iter().position(|changed| *changed).map(|number| format!("new {number}"));
    same("the password", &password_of(stage, "alice").await?, &winner)
}

async fn every_raise_of_an_epoch_counts(stage: &Stage<'_>) -> Check {
    let alice = stage.create_user(NewUser::new("alice")).await?;
    let raised = stage
        .crowd(50, |store, _| {
            let id = alice.id.clone();
            let mut change = UserChange::default();
            change.raise_epoch = true;
            async move { store.update_user(&id, change).await }
        })
        .await;
    let raised = raised.into_iter().collect::<Result<Vec<_>, _>>()?;
    same("the number of raises", &raised.iter().filter(|raised| **raised).count(), &50)?;
    same("the epoch", &seen(stage, &alice.id).await?.map(|user| user.auth_epoch), &Some(50))
}

async fn a_deleted_user_is_gone(stage: &Stage<'_>) -> Check {
    let alice = stage.create_user(with_password("alice", "hash").with_codename("own")).await?;
    let bob = stage.create_user(NewUser::new("bob")).await?;
    same("the deletion", &stage.delete_user(&alice.id).await?, &true)?;
    same("the user by id", &stage.user(&alice.id).await?, &None)?;
    ensure(stage.login("alice").await?.is_none(), "nobody answers to the name")?;
    same("the deletion once more", &stage.delete_user(&alice.id).await?, &false)?;
    same("a change", &stage.update_user(&alice.id, set_password("new", None)).await?, &false)?;
    same("the other user", &stage.user(&bob.id).await?, &Some(bob))?;
    let again = stage.create_user(NewUser::new("alice")).await?;
    ensure(again.codenames.is_empty(), "a new user of the name inherits nothing")?;
    same("the new password", &password_of(stage, "alice").await?, &None)
}

/// A store that does not list users says so; one that does lists all of them.
async fn users_are_listed_by_id(stage: &Stage<'_>) -> Check {
    if let Err(StoreError::Unsupported(_)) = stage.users(None, 1).await {
        return Ok(());
    }
    let mut made = Vec::new();
    for number in 0..12 {
        made.push(stage.create_user(NewUser::new(format!("user {number}")).with_codename("a")).await?);
    }
    let mut inactive = NewUser::new("inactive");
    inactive.is_active = false;
    made.push(stage.create_user(inactive).await?);
    let gone = made.remove(5);
    stage.delete_user(&gone.id).await?;
    same("all", &stage.users(None, 100).await?, &made)?;
    same("none", &stage.users(None, 0).await?, &Vec::new())?;
    let mut pages = Vec::new();
    // A store that starts over would never come to an end.
    for _ in 0..made.len() {
        let page = stage.users(pages.last().map(|user: &Arc<Account>| &user.id), 4).await?;
        ensure(page.len() <= 4, "a page is no longer than asked")?;
        pages.extend(page);
    }
    same("page by page", &pages, &made)?;
    same(
        "after one who is gone",
        &stage.users(Some(&gone.id), 1).await?,
        &Vec::from_iter(made.get(5).cloned()),
    )?;
    same("after an id of another kind", &stage.users(Some(&UserId::from("x")), 9).await?, &Vec::new())
}

async fn groups_lend_their_codenames(stage: &Stage<'_>) -> Check {
    stage.put_group(Group::new("Authors", ["books.add", "books.change"])).await?;
    stage.put_group(Group::new("Editors", ["books.change", "books.delete"])).await?;
    stage.put_group(Group::new::<&str>("Readers", [])).await?;
    let own = NewUser::new("own").with_codename("books.add").with_group("Readers");
    let both = NewUser::new("both").with_group("Authors").with_group("Editors").with_codename("own");
    let cases = [
        (NewUser::new("none"), set([]), set([])),
        (own, set(["books.add"]), set(["Readers"])),
        (both, set(["books.add", "books.change", "books.delete", "own"]), set(["Authors", "Editors"])),
    ];
    for (new, codenames, groups) in cases {
        let user = stage.create_user(new).await?;
        same("the codenames", &codenames_of(stage, &user.id).await?, &codenames)?;
        same("the groups", &user.groups.iter().cloned().collect::<BTreeSet<_>>(), &groups)?;
        same("the user", &stage.user(&user.id).await?, &Some(user))?;
    }
    Ok(())
}

async fn a_replaced_group_lends_its_new_codenames_at_once(stage: &Stage<'_>) -> Check {
    stage.put_group(Group::new("Authors", ["a", "b"])).await?;
    let member = stage.create_user(NewUser::new("member").with_group("Authors").with_codename("b")).await?;
    let stranger = stage.create_user(NewUser::new("stranger").with_codename("a")).await?;
    for (lent, expected) in [(vec!["c"], set(["b", "c"])), (vec![], set(["b"])), (vec!["a"], set(["a", "b"]))]
    {
        stage.put_group(Group::new("Authors", lent)).await?;
        same("the codenames", &codenames_of(stage, &member.id).await?, &expected)?;
        let login = stage.login("member").await?.map(|login| login.user.codenames.len());
        same("their number at a login", &login, &Some(expected.len()))?;
        same("those of a stranger", &codenames_of(stage, &stranger.id).await?, &set(["a"]))?;
    }
    Ok(())
}

/// A membership in a group that someone makes later would be a right nobody granted.
async fn an_unknown_group_lends_nothing_now_or_later(stage: &Stage<'_>) -> Check {
    let made = stage.create_user(NewUser::new("alice").with_group("Later")).await;
    stage.put_group(Group::new("Later", ["books.delete"])).await?;
    match made {
        Ok(alice) => same("the codenames", &codenames_of(stage, &alice.id).await?, &set([])),
        Err(StoreError::NoSuchGroup) => {
            ensure(stage.login("alice").await?.is_none(), "a refused creation makes nobody")
        }
        Err(other) => Err(other.into()),
    }
}

async fn group_names_compare_byte_for_byte(stage: &Stage<'_>) -> Check {
    for (name, codename) in
        [("Authors", "1"), ("authors", "2"), ("Authors ", "3"), ("\u{e9}", "4"), ("e\u{301}", "5")]
    {
        stage.put_group(Group::new(name, [codename])).await?;
        let member = stage.create_user(NewUser::new(codename).with_group(name)).await?;
        same("the codenames", &codenames_of(stage, &member.id).await?, &set([codename]))?;
    }
    let first = stage.login("1").await?.map(|login| login.user.codenames.iter().cloned().collect());
    same("the codenames of the first", &first, &Some(set(["1"])))
}

/// A password that changes without its epoch leaves stolen sessions alive.
async fn a_change_dropped_half_way_is_done_wholly_or_not_at_all(stage: &Stage<'_>) -> Check {
    for polls in 0..POLLS {
        let name = format!("alice {polls}");
        let alice = stage.create_user(with_password(&name, "old")).await?;
        let mut change = set_password("new", Some("old"));
        change.raise_epoch = true;
        abandon(stage.update_user(&alice.id, change), polls).await;
        let mut whole = false;
        for _ in 0..50 {
            let login = stage.login(&name).await?;
            let found = login.map(|login| (login.user.auth_epoch, login.password == Some(hash("new"))));
            whole = matches!(found, Some((0, false) | (1, true)));
            if whole {
                break;
            }
            let_others_run().await;
        }
        ensure(whole, "password and epoch change together")?;
    }
    Ok(())
}
