//! Values at the edge, which every database treats alike.

use std::time::Duration;

use portcullis::store::{
    Group, NewUser, Purged, SessionChange, SessionStore, StoreError, TokenStore, UserStore,
};
use portcullis::{Digest, Scopes, Timestamp, UserId};
use portcullis_sql::SqlStore;

use super::{NOW, session_of, token, unavailable};

/// An application may refer to our users; what that hinders is no missing group.
pub(crate) async fn a_user_who_is_referred_to(store: SqlStore) {
    let john = store.login("john").await.unwrap().unwrap().user;
    unavailable(store.delete_user(&john.id).await, "an application's row refers to him");
    assert!(store.login("john").await.unwrap().is_some());
}

pub(crate) async fn names_that_are_refused(store: SqlStore) {
    store.put_group(Group::new("Authors", ["books.add_book"])).await.unwrap();
    for (name, user) in [
        ("a codename with NUL", NewUser::new("john").with_codename("books.add_book\0x")),
        ("a group with NUL", NewUser::new("john").with_group("Authors\0")),
    ] {
        unavailable(store.create_user(user).await, name);
        assert!(store.login("john").await.unwrap().is_none(), "{name}");
    }
    let nobodys = NewUser::new("john").with_group("Authors").with_group("authors");
    assert!(matches!(store.create_user(nobodys).await, Err(StoreError::NoSuchGroup)));
    assert!(store.login("john").await.unwrap().is_none());
    unavailable(store.put_group(Group::new("Authors", ["a\0b"])).await, "a group's codename with NUL");
    for scopes in [vec!["books:read books:write"], vec!["books:read", ""], vec!["a\tb"]] {
        let mut token = token("token", 1);
        token.scopes = Some(scopes.iter().collect::<Scopes>());
        unavailable(store.create_token(token, None).await, &format!("{scopes:?}"));
        assert_eq!(store.token(&Digest::of("token")).await.unwrap(), None);
    }
}

pub(crate) async fn ends_of_tokens(store: SqlStore) {
    let hour = Duration::from_secs(3600);
    let later = NOW.after(hour);
    for (name, expires_at, idle, used_at, ends_at) in [
        ("no end", None, None, later, Timestamp::MAX),
        ("an absolute end", Some(later), None, NOW, later),
        ("an idle end", None, Some(hour), later, later.after(hour)),
        ("an idle end after the absolute one", Some(later), Some(hour), later, later),
        ("an idle end before the absolute one", Some(Timestamp::MAX), Some(hour), NOW, later),
        ("an idle time without end", None, Some(Duration::MAX), later, Timestamp::MAX),
        ("a use at the end of time", None, Some(hour), Timestamp::MAX, Timestamp::MAX),
        (
            "a use before 1970",
            None,
            Some(hour),
            Timestamp::EPOCH.before(hour * 2),
            Timestamp::EPOCH.before(hour),
        ),
        (
            "a use at the beginning",
            None,
            Some(hour),
            Timestamp::from_micros(i64::MIN),
            Timestamp::from_micros(i64::MIN).after(hour),
        ),
    ] {
        let mut token = token(name, 1);
        (token.expires_at, token.idle) = (expires_at, idle);
        store.create_token(token, None).await.unwrap();
        store.touch_token(&Digest::of(name), used_at).await.unwrap();
        let token = store.token(&Digest::of(name)).await.unwrap().unwrap();
        assert_eq!(token.ends_at(), ends_at, "{name}");
        let before = Timestamp::from_micros(ends_at.as_micros() - 1);
        assert_eq!(store.purge_tokens(before, 10).await.unwrap(), Purged::out_of(10, 0), "{name}");
        assert_eq!(store.purge_tokens(ends_at, 10).await.unwrap(), Purged::out_of(10, 1), "{name}");
    }
}

pub(crate) async fn purges(store: SqlStore) {
    let live = NOW.after(Duration::from_secs(7200));
    for number in 0..1300 {
        let mut session = session_of(1);
        session.expires_at = if number < 1200 { NOW } else { live };
        store.commit(SessionChange::Create(Digest::of(&number.to_string()), session)).await.unwrap();
    }
    for (limit, deleted) in [(0, 0), (1, 1), (1000, 1000), (u32::MAX, 199), (10, 0)] {
        assert_eq!(
            store.purge_sessions(NOW, limit).await.unwrap(),
            Purged::out_of(limit, deleted),
            "{limit}"
        );
    }
    assert_eq!(store.sessions_of(&UserId::from(1)).await.unwrap().len(), 100);
}
