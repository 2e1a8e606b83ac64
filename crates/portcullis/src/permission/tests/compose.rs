//! Compositions: truth tables in both phases, laws, short circuits, messages, objects.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Denial;

/// Decides a GET of nobody in both phases.
fn both_phases(permissions: &Permissions) -> [Decision; 2] {
    let book = Book { owner: 1.into() };
    [None, Some(&book as &(dyn Any + Send + Sync))]
        .map(|object| decide(permissions, &Method::GET, None, object).unwrap())
}

/// Every way to say one thing in both phases: at once or after a wait, by request or by object.
fn sayers(kind: Kind) -> Vec<Permissions> {
    let decision = kind.decision();
    [false, true]
        .into_iter()
        .flat_map(|waits| {
            let object = SaysOfObject { request: decision.clone(), object: decision.clone(), waits };
            [permissions(Says { decision: decision.clone(), waits }), permissions(object)]
        })
        .collect()
}

#[test]
fn and_or_follow_their_truth_tables_in_both_phases() {
    use Kind::{Allow as A, Deny as D, NeedsObject as N};
    for (left, right, and, or) in [
        (A, A, A, A),
        (A, N, N, A),
        (A, D, D, A),
        (N, A, N, A),
        (N, N, N, N),
        (N, D, D, N),
        (D, A, D, A),
        (D, N, D, N),
        (D, D, D, D),
    ] {
        for (first, second) in
            sayers(left).iter().flat_map(|first| sayers(right).into_iter().map(move |s| (first, s)))
        {
            for (composition, expected) in [
                (permissions(first.clone() & second.clone()), and),
                (permissions((first.clone(), second.clone())), and),
                (permissions(first.clone() | second), or),
            ] {
                for decision in both_phases(&composition) {
                    assert_eq!(Kind::of(&decision), expected, "{left:?} {right:?} {composition:?}");
                }
            }
        }
    }
}

#[test]
fn not_follows_its_truth_table_in_both_phases() {
    for (kind, negated) in
        [(Kind::Allow, Kind::Deny), (Kind::NeedsObject, Kind::NeedsObject), (Kind::Deny, Kind::Allow)]
    {
        for says in sayers(kind) {
            assert_eq!(both_phases(&permissions(!says.clone())).map(|d| Kind::of(&d)), [negated; 2]);
            assert_eq!(both_phases(&permissions(!!says)).map(|d| Kind::of(&d)), [kind; 2]);
        }
    }
}

/// A tree of permissions, and what it must say by the definition of three-valued logic: least, greatest, opposite.
#[derive(Debug, Clone)]
enum Tree {
    Request { kind: Kind, waits: bool },
    Object { request: Kind, object: Kind, waits: bool },
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    List(Box<Self>, Box<Self>),
    WithMessage(Box<Self>),
}

impl Tree {
    fn build(&self) -> Permissions {
        match self {
            Self::Request { kind, waits } => permissions(Says { decision: kind.decision(), waits: *waits }),
            Self::Object { request, object, waits } => permissions(SaysOfObject {
                request: request.decision(),
                object: object.decision(),
                waits: *waits,
            }),
            Self::And(left, right) => permissions(left.build() & right.build()),
            Self::Or(left, right) => permissions(left.build() | right.build()),
            Self::Not(inner) => permissions(!inner.build()),
            Self::List(left, right) => permissions((left.build(), right.build())),
            Self::WithMessage(inner) => permissions(inner.build().with_message("own", "own")),
        }
    }

    fn expected(&self, is_object_phase: bool) -> Kind {
        match self {
            Self::Request { kind, .. } => *kind,
            Self::Object { request, object, .. } => match (is_object_phase, request) {
                (false, _) | (true, Kind::Deny) => *request,
                (true, Kind::Allow | Kind::NeedsObject) => *object,
            },
            Self::And(left, right) | Self::List(left, right) => {
                left.expected(is_object_phase).min(right.expected(is_object_phase))
            }
            Self::Or(left, right) => left.expected(is_object_phase).max(right.expected(is_object_phase)),
            Self::Not(inner) => inner.expected(is_object_phase).negated(),
            Self::WithMessage(inner) => inner.expected(is_object_phase),
        }
    }

    fn waits(&self) -> bool {
        match self {
            Self::Request { waits, .. } | Self::Object { waits, .. } => *waits,
            Self::And(left, right) | Self::Or(left, right) | Self::List(left, right) => {
                left.waits() || right.waits()
            }
            Self::Not(inner) | Self::WithMessage(inner) => inner.waits(),
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let kind = || prop::sample::select(&KINDS[..]);
    let leaf = prop_oneof![
        (kind(), any::<bool>()).prop_map(|(kind, waits)| Tree::Request { kind, waits }),
        (kind(), kind(), any::<bool>()).prop_map(|(request, object, waits)| Tree::Object {
            request,
            object,
            waits
        }),
    ];
    leaf.prop_recursive(6, 48, 2, |inner| {
        let pair = (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            pair.clone().prop_map(|(left, right)| Tree::And(left, right)),
            pair.clone().prop_map(|(left, right)| Tree::Or(left, right)),
            pair.prop_map(|(left, right)| Tree::List(left, right)),
            inner.clone().prop_map(|inner| Tree::Not(Box::new(inner))),
            inner.prop_map(|inner| Tree::WithMessage(Box::new(inner))),
        ]
    })
}

fn says(permissions: &Permissions) -> [Kind; 2] {
    both_phases(permissions).map(|decision| Kind::of(&decision))
}

proptest! {
    #[test]
    fn every_tree_says_what_three_valued_logic_says(tree in trees()) {
        prop_assert_eq!(says(&tree.build()), [false, true].map(|phase| tree.expected(phase)));
    }

    #[test]
    fn what_never_waits_decides_at_once(tree in trees()) {
        let permissions = tree.build();
        let at_once = request(&Method::GET, None, |request| permissions.check(request).decided().is_some());
        prop_assert!(at_once || tree.waits());
    }

    #[test]
    fn de_morgan_and_double_negation_hold(left in trees(), right in trees()) {
        let (a, b) = (left.build(), right.build());
        let (p, q) = (a.clone(), b.clone());
        prop_assert_eq!(says(&permissions(!(a.clone() & b.clone()))), says(&permissions(!p.clone() | !q.clone())));
        prop_assert_eq!(says(&permissions(!(a.clone() | b))), says(&permissions(!p & !q)));
        prop_assert_eq!(says(&permissions(!!a.clone())), says(&a));
    }
}

#[test]
fn parts_are_asked_from_left_to_right_and_no_further_than_needed() {
    for waits in [false, true] {
        for (operator, left, asked) in [
            ("and", Kind::Deny, 0),
            ("and", Kind::NeedsObject, 1),
            ("and", Kind::Allow, 1),
            ("or", Kind::Deny, 1),
            ("or", Kind::NeedsObject, 1),
            ("or", Kind::Allow, 0),
            ("list", Kind::Deny, 0),
            ("list", Kind::NeedsObject, 1),
            ("list", Kind::Allow, 1),
        ] {
            let calls = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&calls);
            let counts = permission_fn(move |_| {
                counter.fetch_add(1, Ordering::Relaxed);
                Decision::Allow
            });
            let left = permit(Says { decision: left.decision(), waits });
            let composition = match operator {
                "and" => permissions(left & counts),
                "or" => permissions(left | counts),
                _ => permissions((left, counts)),
            };
            decide(&composition, &Method::GET, None, None).unwrap();
            assert_eq!(calls.load(Ordering::Relaxed), asked, "{operator} {waits}");
        }
    }
}

/// A permission whose store does not answer.
struct Broken;

impl Permission for Broken {
    fn check<'a>(&'a self, _: &'a AuthRequest<'a>) -> Verdict<'a> {
        Verdict::wait(async { Err(Unavailable::new("down")) })
    }
}

#[test]
fn an_outage_stays_an_outage() {
    for (name, composition) in [
        ("alone", permissions(Broken)),
        ("negated", permissions(!permit(Broken))),
        ("with a message", permissions(permit(Broken).with_message("no", "no"))),
        ("then allowed", permissions(permit(Broken) | AllowAny)),
        ("then denied", permissions(permit(Broken) & IsAuthenticated)),
        ("after a denial", permissions(IsAuthenticated | permit(Broken))),
        ("after an allow", permissions(AllowAny & permit(Broken))),
        ("in a list", permissions((AllowAny, Broken))),
    ] {
        assert_eq!(decide(&composition, &Method::GET, None, None), Err(Unavailable::new("down")), "{name}");
    }
    // Whoever decided before the outage has decided.
    assert_eq!(decide(&permissions(AllowAny | Broken), &Method::GET, None, None), Ok(Decision::Allow));
    let denied = decide(&permissions(IsAuthenticated & Broken), &Method::GET, None, None);
    assert_eq!(denied, Ok(Denial::default().into()));
}

#[test]
fn a_composition_loses_texts_and_keeps_hiding() {
    let own = || Denial::new("own").with_code("own");
    let says = |denial: Denial| permit(Says { decision: denial.into(), waits: false });
    let (plain, hidden) = (Denial::default, || Denial::default().hide());
    for (name, composition, denial) in [
        ("alone", permissions(says(own())), own()),
        ("& in front", permissions(says(own()) & AllowAny), plain()),
        ("& behind", permissions(AllowAny & says(own())), plain()),
        ("& hides in front", permissions(says(own().hide()) & says(own())), hidden()),
        ("& hides behind", permissions(AllowAny & says(own().hide())), hidden()),
        ("& was refused before", permissions(says(own()) & says(own().hide())), plain()),
        ("|", permissions(says(own()) | says(own())), plain()),
        ("| hides in front", permissions(says(own().hide()) | says(own())), hidden()),
        ("| hides behind", permissions(says(own()) | says(own().hide())), hidden()),
        ("!", permissions(!AllowAny), plain()),
        ("!!", permissions(!!says(own().hide())), plain()),
        ("list, first", permissions((says(own()), says(plain().hide()))), own()),
        ("list, second", permissions((AllowAny, says(own()))), own()),
        ("list, third", permissions((AllowAny, AllowAny, says(own()))), own()),
        ("message", permissions((AllowAny & IsAuthenticated).with_message("own", "own")), own()),
        ("message hides", permissions(says(hidden()).with_message("own", "own")), own().hide()),
        ("message under &", permissions(AllowAny & IsAuthenticated.with_message("own", "own")), plain()),
        (
            "message replaced",
            permissions(says(plain()).with_message("a", "a").with_message("own", "own")),
            own(),
        ),
    ] {
        assert_eq!(both_phases(&composition)[0], denial.clone().into(), "{name}");
        assert_eq!(both_phases(&composition)[1], denial.into(), "{name}, of an object");
    }
}

#[test]
fn a_composition_hides_also_where_parts_waited() {
    let hides = || permit(Says { decision: Denial::new("own").hide().into(), waits: true });
    let plain = || permit(Says { decision: Denial::new("own").into(), waits: true });
    for composition in
        [permissions(hides() | plain()), permissions(plain() | hides()), permissions(hides() & plain())]
    {
        assert_eq!(both_phases(&composition)[0], Denial::default().hide().into(), "{composition:?}");
    }
}

#[test]
fn an_object_of_another_type_is_undecided() {
    let right: Box<dyn Any + Send + Sync> = Box::new(Book { owner: 1.into() });
    let in_arc: Box<dyn Any + Send + Sync> = Box::new(Arc::new(Book { owner: 1.into() }));
    let other: Box<dyn Any + Send + Sync> = Box::new("a book");
    let negated = permissions(!permit(IsOwnerOrReadOnly));
    let either = permissions(permit(IsOwnerOrReadOnly) | IsAuthenticated);
    let owner = permissions(IsOwnerOrReadOnly);
    for (permissions, object, kind) in [
        (&owner, &right, Kind::Allow),
        (&owner, &in_arc, Kind::NeedsObject),
        (&owner, &other, Kind::NeedsObject),
        (&negated, &other, Kind::NeedsObject),
        (&either, &other, Kind::NeedsObject),
    ] {
        let decision = decide(permissions, &Method::GET, None, Some(&**object)).unwrap();
        assert_eq!(Kind::of(&decision), kind, "{permissions:?}");
    }
}

#[test]
fn a_refused_request_stays_refused_when_an_object_is_shown() {
    // DRF issue 7117: the part that refused the request allowed the object, and `|` let it through.
    let refused = SaysOfObject { request: Kind::Deny.decision(), object: Decision::Allow, waits: false };
    let composition = permissions(permit(refused) | IsOwnerOrReadOnly);
    let book = Book { owner: 1.into() };
    let decision = decide(&composition, &Method::PUT, None, Some(&book)).unwrap();
    assert_eq!(decision, Denial::default().into());
}

#[test]
fn negation_means_negation_of_objects_too() {
    // DRF issue 7720: `~IsAdminUser` refused every object to everybody.
    let composition = permissions((IsAuthenticated & !IsAdminUser) | IsSuperuser);
    for (name, identity, kind) in [
        ("nobody", None, Kind::Deny),
        ("john", Some(john()), Kind::Allow),
        ("ada", Some(staff()), Kind::Deny),
    ] {
        let book = Book { owner: 1.into() };
        for object in [None, Some(&book as &(dyn Any + Send + Sync))] {
            let decision = decide(&composition, &Method::GET, identity.as_ref(), object).unwrap();
            assert_eq!(Kind::of(&decision), kind, "{name}");
        }
    }
}

#[test]
fn one_route_looks_at_objects_of_one_type() {
    struct OfText;
    impl ObjectPermission for OfText {
        type Object = String;
        fn check_object<'a>(&'a self, _: &'a AuthRequest<'a>, _: &'a String) -> Verdict<'a> {
            Decision::Allow.into()
        }
    }
    let error = Permissions::<Account>::new(IsOwnerOrReadOnly.into_permission() & OfText).unwrap_err();
    let book = type_name::<Book>();
    assert_eq!(
        error.to_string(),
        format!(
            "permissions on {book} and on alloc::string::String cannot be combined, a route checks objects of one type"
        ),
    );
    assert!(
        Permissions::<Account>::new((permit(IsOwnerOrReadOnly) | IsAuthenticated) & !permit(OfText)).is_err()
    );
    assert!(Permissions::<Account>::new((IsOwnerOrReadOnly, OfText)).is_err());
    assert!(Permissions::<Account>::new((IsOwnerOrReadOnly, permit(OfText).with_message("", ""))).is_err());
    assert!(Permissions::<Account>::new(permit(IsOwnerOrReadOnly) & AllowAny & IsOwnerOrReadOnly).is_ok());
}

#[test]
fn a_composition_is_described_as_it_was_written() {
    let model = || ModelPermissions::new("books", "book");
    for (composition, looks_at_objects, description) in [
        (permissions(IsAuthenticated), false, "IsAuthenticated"),
        (permissions(IsAuthenticated & IsOwnerOrReadOnly), true, "IsAuthenticated & IsOwnerOrReadOnly"),
        (
            permissions((IsAuthenticated & !IsAdminUser) | IsSuperuser),
            false,
            "(IsAuthenticated & !IsAdminUser) | IsSuperuser",
        ),
        (permissions(AllowAny & (IsAdminUser & IsSuperuser)), false, "AllowAny & IsAdminUser & IsSuperuser"),
        (permissions(!(AllowAny | permit(IsOwnerOrReadOnly))), true, "!(AllowAny | IsOwnerOrReadOnly)"),
        (permissions(!!AllowAny), false, "!!AllowAny"),
        (
            permissions(AllowAny & (IsAdminUser | IsJohn).with_message("", "")),
            false,
            "AllowAny & (IsAdminUser | IsJohn)",
        ),
        (permissions((AllowAny, IsOwnerOrReadOnly)), true, "(AllowAny, IsOwnerOrReadOnly)"),
        (
            permissions(InGroup::new("Authors") | model()),
            false,
            r#"InGroup("Authors") | ModelPermissions(books.book)"#,
        ),
        (permissions(permission_fn(|_| Decision::Allow)), false, "PermissionFn"),
        (permissions(HasScope::new("b a")), false, r#"HasScope("a b")"#),
        (permissions(FreshWithin::new(Duration::from_secs(60))), false, "FreshWithin(60s)"),
        (permissions(ModelObjectPermissions::<Book>::new("a", "b")), true, "ModelObjectPermissions(a.b)"),
    ] {
        assert_eq!(composition.describe(), description);
        assert_eq!(composition.looks_at_objects(), looks_at_objects, "{description}");
    }
}

#[test]
fn a_verdict_taken_twice_is_an_outage() {
    let mut verdict = Verdict::from(Decision::Allow);
    assert_eq!(block_on(&mut verdict), Ok(Decision::Allow));
    assert!(block_on(&mut verdict).is_err());
    let mut verdict = Verdict::wait(async { Ok(Decision::Allow) });
    assert_eq!(block_on(&mut verdict), Ok(Decision::Allow));
    assert!(block_on(verdict).is_err());
}
