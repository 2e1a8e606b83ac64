//! Single permissions: who may do what, method by method.

use std::time::Duration;

use super::*;
use crate::{Clock, Grant, Scopes, Timestamp, User};

/// The methods that a permission allows to an identity, of these; in alphabetical order.
fn allowed(permissions: &Permissions, identity: Option<&Identity>, object: Option<&Book>) -> String {
    ["DELETE", "GET", "HEAD", "LINK", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "get"]
        .into_iter()
        .filter(|method| {
            let object = object.map(|book| book as &(dyn Any + Send + Sync));
            let decision = decide(permissions, &method.parse().unwrap(), identity, object).unwrap();
            decision == Decision::Allow
        })
        .collect::<Vec<_>>()
        .join(" ")
}

const ALL: &str = "DELETE GET HEAD LINK OPTIONS PATCH POST PUT TRACE get";

const READ: &str = "GET HEAD OPTIONS";

const NONE: &str = "";

#[test]
fn built_in_permissions_allow_what_they_say() {
    let is_john =
        || permission_fn(|request| Decision::allow_if(request.user().is_some_and(|u| u.id == 1.into())));
    for (permissions, nobody, john_may, mary_may, ada_may, root_may) in [
        (permissions(AllowAny), ALL, ALL, ALL, ALL, ALL),
        (permissions(IsAuthenticated), NONE, ALL, ALL, ALL, ALL),
        (permissions(IsAdminUser), NONE, NONE, NONE, ALL, NONE),
        (permissions(IsSuperuser), NONE, NONE, NONE, NONE, ALL),
        (permissions(IsAuthenticatedOrReadOnly), READ, ALL, ALL, ALL, ALL),
        (permissions(InGroup::new("Authors")), NONE, NONE, ALL, NONE, NONE),
        (permissions(InGroup::new("authors")), NONE, NONE, NONE, NONE, NONE),
        (permissions(is_john()), NONE, ALL, ALL, ALL, ALL),
    ] {
        assert_eq!(allowed(&permissions, None, None), nobody, "nobody, {permissions:?}");
        for (identity, methods) in
            [(john(), john_may), (mary(), mary_may), (staff(), ada_may), (root(), root_may)]
        {
            assert_eq!(
                allowed(&permissions, Some(&identity), None),
                methods,
                "{identity:?}, {permissions:?}"
            );
        }
    }
}

#[test]
fn what_an_inactive_user_held_counts_for_nothing() {
    for (permissions, identity, methods) in [
        (permissions(IsSuperuser), root(), NONE),
        (permissions(InGroup::new("Authors")), mary(), NONE),
        (permissions(ModelPermissions::new("books", "book")), root(), READ),
        (permissions(ModelPermissions::new("books", "book")), mary(), READ),
        (permissions(ModelPermissions::new("books", "book").with_view()), root(), NONE),
        (permissions(ModelPermissionsOrAnonReadOnly::new("books", "book")), root(), READ),
    ] {
        assert_eq!(allowed(&permissions, Some(&inactive(&identity)), None), methods, "{permissions:?}");
    }
}

#[test]
fn model_permissions_map_methods_to_codenames() {
    let model = || ModelPermissions::new("books", "book");
    let viewer = || identity(|user| user.codenames.extend(["books.view_book".into()]));
    let janitor = || identity(|user| user.codenames.extend(["books.delete_book".into()]));
    let elsewhere =
        || identity(|user| user.codenames.extend(["music.add_book".into(), "books.add_bookcase".into()]));
    let full = "DELETE GET HEAD OPTIONS PATCH POST PUT";
    for (name, permissions, identity, methods) in [
        ("nobody", permissions(model()), None, NONE),
        ("no codename", permissions(model()), Some(john()), READ),
        ("staff", permissions(model()), Some(staff()), READ),
        ("add and change", permissions(model()), Some(mary()), "GET HEAD OPTIONS PATCH POST PUT"),
        ("delete", permissions(model()), Some(janitor()), "DELETE GET HEAD OPTIONS"),
        ("another model's", permissions(model()), Some(elsewhere()), READ),
        ("superuser", permissions(model()), Some(root()), full),
        ("view, nobody", permissions(model().with_view()), None, NONE),
        ("view, without", permissions(model().with_view()), Some(mary()), "PATCH POST PUT"),
        ("view, with", permissions(model().with_view()), Some(viewer()), READ),
        ("view, superuser", permissions(model().with_view()), Some(root()), full),
        ("open, nobody", permissions(ModelPermissionsOrAnonReadOnly::new("books", "book")), None, READ),
        ("open, john", permissions(ModelPermissionsOrAnonReadOnly::new("books", "book")), Some(john()), READ),
        ("open, root", permissions(ModelPermissionsOrAnonReadOnly::new("books", "book")), Some(root()), full),
    ] {
        assert_eq!(allowed(&permissions, identity.as_ref(), None), methods, "{name}");
    }
}

/// Lets owners hold every codename on their books, others that of viewing those of user 2; waits for the answer.
struct Shelves;

impl ObjectCodenames<Book> for Shelves {
    fn holds<'a>(&'a self, user: &'a Account, codename: &'a str, book: &'a Book) -> Verdict<'a> {
        Verdict::wait(async move {
            tokio::task::yield_now().await;
            let is_shared = book.owner == 2.into() && codename == "books.view_book";
            Ok(if user.id == book.owner || is_shared { Decision::Allow } else { Decision::NeedsObject })
        })
    }
}

#[test]
fn a_refusal_on_an_object_is_404_where_it_may_not_be_read() {
    let model = || ModelObjectPermissions::<Book>::new("books", "book");
    let (plain, shelved) = (permissions(model()), permissions(model().with_codenames(Shelves)));
    let viewed = permissions(model().with_view().with_codenames(Shelves));
    let holder = |id: i64| {
        identity(|user| {
            user.id = id.into();
            user.codenames.extend(["view", "add", "change"].map(|act| format!("books.{act}_book")));
        })
    };
    let root = root();
    let (mine, shared, foreign) =
        (Book { owner: 1.into() }, Book { owner: 2.into() }, Book { owner: 3.into() });
    for (name, permissions, identity, method, book, status) in [
        ("reads without asking", &plain, Some(&holder(1)), "GET", &foreign, 200),
        ("no backend for objects", &plain, Some(&holder(1)), "PUT", &mine, 403),
        ("superuser", &plain, Some(&root), "DELETE", &foreign, 200),
        ("superuser, inactive", &plain, Some(&inactive(&root)), "DELETE", &foreign, 403),
        ("nobody", &plain, None, "GET", &mine, 403),
        ("outside the map", &plain, Some(&root), "LINK", &mine, 403),
        ("owner", &shelved, Some(&holder(1)), "PUT", &mine, 200),
        ("not the owner", &shelved, Some(&holder(1)), "PUT", &foreign, 403),
        ("owner without the model's codename", &shelved, Some(&holder(1)), "DELETE", &mine, 403),
        ("view, owner", &viewed, Some(&holder(1)), "GET", &mine, 200),
        ("view, shared, reads", &viewed, Some(&holder(1)), "HEAD", &shared, 200),
        ("view, shared, writes", &viewed, Some(&holder(1)), "PATCH", &shared, 403),
        ("view, foreign, reads", &viewed, Some(&holder(1)), "GET", &foreign, 404),
        ("view, foreign, writes", &viewed, Some(&holder(1)), "PATCH", &foreign, 404),
        ("view, superuser", &viewed, Some(&root), "PATCH", &foreign, 200),
    ] {
        let decision = decide(permissions, &method.parse().unwrap(), identity, Some(book)).unwrap();
        let found = match decision {
            Decision::Allow => 200,
            Decision::Deny(denial) => {
                if denial.is_hidden() {
                    404
                } else {
                    403
                }
            }
            Decision::NeedsObject => 0,
        };
        assert_eq!(found, status, "{name}");
    }
}

#[test]
fn model_object_permissions_decide_early_where_the_request_suffices() {
    let model = || ModelObjectPermissions::<Book>::new("books", "book");
    let viewer = identity(|user| user.codenames.extend(["books.view_book".into()]));
    for (name, permission, identity, method, kind) in [
        ("nobody", model(), None, Method::GET, Kind::Deny),
        ("reads", model(), Some(john()), Method::GET, Kind::Allow),
        ("reads a viewed one", model().with_view(), Some(viewer), Method::GET, Kind::NeedsObject),
        ("may not view", model().with_view(), Some(john()), Method::GET, Kind::Deny),
        ("may change", model(), Some(mary()), Method::PUT, Kind::NeedsObject),
        ("may not change", model(), Some(john()), Method::PUT, Kind::Deny),
        ("outside the map", model(), Some(root()), Method::TRACE, Kind::Deny),
    ] {
        let decision = decide(&permissions(permission), &method, identity.as_ref(), None).unwrap();
        assert_eq!(Kind::of(&decision), kind, "{name}");
    }
}

#[test]
fn scopes_are_required_together() {
    let limited = |scopes| Some(john().with_grant(Grant::default().with_scopes(Scopes::parse(scopes))));
    let needs = |scopes| permissions(HasScope::new(scopes));
    let lenient = |scopes| permissions(HasScope::new(scopes).or_unlimited());
    let read_write = || HasReadWriteScope::new("books:read", "books:write");
    let write = "DELETE LINK PATCH POST PUT TRACE get";
    for (name, permissions, identity, methods) in [
        ("nobody", needs("a"), None, NONE),
        ("nobody, lenient", lenient("a"), None, NONE),
        ("no scopes at all", needs("a"), Some(john()), NONE),
        ("no scopes at all, lenient", lenient("a"), Some(john()), ALL),
        ("an empty list", lenient("a"), limited(""), NONE),
        ("one of one", needs("a"), limited("b a"), ALL),
        ("one of two", needs("a b"), limited("a"), NONE),
        ("both", needs("a b"), limited("c b a"), ALL),
        ("a prefix", needs("books"), limited("books:read book"), NONE),
        ("another case", needs("a"), limited("A"), NONE),
        ("nothing required", needs(" "), limited("a"), NONE),
        ("nothing required, lenient", lenient(""), Some(john()), NONE),
        ("read", permissions(read_write()), limited("books:read"), READ),
        ("write", permissions(read_write()), limited("books:write"), write),
        ("read and write", permissions(read_write()), limited("books:read books:write"), ALL),
        ("neither", permissions(read_write()), limited("books"), NONE),
        ("unlimited", permissions(read_write()), Some(john()), NONE),
        ("unlimited, lenient", permissions(read_write().or_unlimited()), Some(john()), ALL),
        ("nobody reads", permissions(read_write().or_unlimited()), None, NONE),
    ] {
        assert_eq!(allowed(&permissions, identity.as_ref(), None), methods, "{name}");
    }
}

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

#[test]
fn a_fresh_proof_is_known_and_recent() {
    let now = Timestamp::from_seconds(10_000);
    let fresh = permissions(FreshWithin::new(Duration::from_secs(600)).with_clock(Arc::new(At(now))));
    for (name, identity, is_fresh) in [
        ("nobody", None, false),
        ("nobody knows since when", Some(john()), false),
        ("now", Some(john().with_since(now)), true),
        ("at the edge", Some(john().with_since(Timestamp::from_seconds(9_400))), true),
        ("too long ago", Some(john().with_since(Timestamp::from_micros(9_399_999_999))), false),
        ("another server's clock", Some(john().with_since(Timestamp::from_seconds(10_001))), true),
        ("in the future", Some(john().with_since(Timestamp::MAX)), false),
    ] {
        let decision = decide(&fresh, &Method::POST, identity.as_ref(), None).unwrap();
        assert_eq!(decision == Decision::Allow, is_fresh, "{name}");
        if let Decision::Deny(denial) = decision {
            assert_eq!(denial.code(), "not_fresh");
        }
    }
}

#[test]
fn permissions_serve_any_user_type() {
    struct Member;
    impl User for Member {
        fn id(&self) -> UserId {
            7.into()
        }
        fn username(&self) -> &'static str {
            "seven"
        }
        fn is_active(&self) -> bool {
            true
        }
        fn auth_epoch(&self) -> i64 {
            0
        }
    }
    let composition = (IsAuthenticated & !IsAdminUser & !InGroup::new("a")) | HasScope::new("a");
    let list = (
        composition,
        !ModelPermissions::new("a", "b").with_message("", ""),
        AllowAny | FreshWithin::new(Duration::ZERO),
    );
    let permissions = Permissions::<Member>::new(list).unwrap();
    let identity = Identity::new(Arc::new(Member), Scheme::TOKEN);
    let (uri, headers) = (Uri::from_static("/"), HeaderMap::new());
    let request = AuthRequest::new(&Method::POST, &uri, &headers, Some(&identity), None);
    assert_eq!(permissions.check(&request).decided(), Some(&Decision::Allow));
}

#[test]
fn an_inactive_user_holds_nothing_on_an_object_whoever_asks() {
    let permission = ModelObjectPermissions::<Book>::new("books", "book").with_codenames(Shelves);
    let mine = Book { owner: 1.into() };
    for identity in [inactive(&root()), inactive(&mary())] {
        let verdict = request(&Method::PUT, Some(&identity), |request| {
            block_on(permission.check_object(request, &mine))
        });
        assert_eq!(verdict, Ok(Decision::allow_if(false)), "{identity:?}");
    }
}
